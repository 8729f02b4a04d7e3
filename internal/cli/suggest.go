package cli

import (
	"fmt"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"
)

// suggest returns a hint: first "did you mean" with the candidate that word is
// nearest to, if one is near, then the rest.
func suggest(word string, candidates []string, rest string) string {
	const most = 2 // edits; a change of one letter to another counts as one
	best, distance := "", most+1
	for _, c := range candidates {
		d := smetrics.WagnerFischer(strings.ToLower(word), c, 1, 1, 1)
		if letters(word) == letters(c) {
			d = 1 // in another order
		}
		if d < distance && d <= len(c)/2 {
			best, distance = c, d
		}
	}
	if best == "" {
		return rest
	}
	hint := fmt.Sprintf("did you mean %q?", best)
	if rest == "" {
		return hint
	}
	return hint + " " + rest
}

// letters returns the letters of a word, sorted.
func letters(word string) string {
	b := []byte(word)
	slices.Sort(b)
	return string(b)
}

// flagError is an error of package flag in the spelling of the help, and a hint:
// what the flag may have been meant to be, if there is none of that name, and rest.
func flagError(err error, flags []ucli.Flag, rest string) (hint string, plain error) {
	if word, ok := strings.CutPrefix(err.Error(), "flag needs an argument: "); ok {
		return rest, fmt.Errorf("--%s needs a value", strings.TrimLeft(word, "-"))
	}
	word, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: ")
	if !ok {
		return rest, err
	}
	word = "--" + strings.TrimLeft(word, "-")
	var names []string
	for _, f := range flags {
		names = append(names, "--"+f.Names()[0])
	}
	return suggest(word, names, rest), fmt.Errorf("there is no flag %s", word)
}

// verbNames returns the names of verbs.
func verbNames(verbs []*ucli.Command) (names []string) {
	for _, v := range verbs {
		names = append(names, v.Name)
	}
	return names
}
