package cli

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	ucli "github.com/urfave/cli/v2"
	"github.com/xrash/smetrics"
)

// didYouMean returns a hint: the words that were probably meant, if there are some,
// and rest.
func didYouMean(words []string, rest string) string {
	if len(words) == 0 {
		return rest
	}
	return fmt.Sprintf(`did you mean "%s"? %s`, strings.Join(words, `" or "`), rest)
}

// nearest returns the candidates that word was probably meant to be: those that it is
// the beginning of, or that have a further part in it ("output-file"). If there are
// none, it returns the nearest ones, of which at most a third of the letters differ.
// It returns nothing rather than many.
func nearest(word string, candidates []string) (found []string) {
	const many = 3
	word = strings.ToLower(word)
	hyphens := len(word) - len(strings.TrimLeft(word, "-"))
	for _, c := range candidates {
		if len(word)-hyphens > 1 && strings.HasPrefix(c, word) || strings.HasPrefix(word, c+"-") {
			found = append(found, c)
		}
	}
	if found == nil {
		least := len(word)
		for _, c := range candidates {
			d := smetrics.WagnerFischer(word, c, 1, 1, 1)
			if letters(word) == letters(c) {
				d = 1 // in another order
			}
			if d > (max(len(word), len(c))-hyphens)/3 || d > least {
				continue
			}
			if d < least {
				least, found = d, nil
			}
			found = append(found, c)
		}
	}
	if len(found) > many {
		return nil
	}
	return found
}

// letters returns the letters of a word, sorted.
func letters(word string) string {
	b := []byte(word)
	slices.Sort(b)
	return string(b)
}

// flagError is an error of package flag, or of parseArgs, in the spelling of the help,
// and a hint: what the flag may have been meant to be, if there is none of that name, and
// rest.
func flagError(err error, flags []ucli.Flag, rest string) (hint string, plain error) {
	said := err.Error()
	if word, ok := strings.CutPrefix(said, "bad flag syntax: "); ok {
		return rest, fmt.Errorf("%.200q is no flag", word)
	}
	if name, ok := strings.CutPrefix(said, "flag needs an argument: -"); ok {
		return rest, fmt.Errorf("%s needs a value", flagWord(name))
	}
	if name, value, reason, ok := badValue(said); ok {
		if takes := valueOf(flags, name); takes != "" {
			return rest, fmt.Errorf("%s takes %s, not %s", flagWord(name), takes, value)
		}
		return rest, fmt.Errorf("%s %s: %s", flagWord(name), value, reason)
	}
	name, ok := strings.CutPrefix(said, "flag provided but not defined: -")
	if !ok {
		return rest, err
	}
	if plain = fmt.Errorf("there is no flag %s", flagWord(name)); len(name) == 1 {
		return rest, plain
	}
	names := []string{"--" + helpFlags[0]}
	for _, f := range flags {
		name := "--" + f.Names()[0]
		if v, ok := f.(ucli.VisibleFlag); (!ok || v.IsVisible()) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return didYouMean(nearest("--"+name, names), rest), plain
}

// flagWord is a flag as people write it.
func flagWord(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// badValue returns the flag, its value in quotes and the reason, of what package flag
// says of a value that cannot be.
func badValue(said string) (name, value, reason string, ok bool) {
	said, ok = strings.CutPrefix(said, "invalid value ")
	if !ok {
		said, ok = strings.CutPrefix(said, "invalid boolean value ")
	}
	value, err := strconv.QuotedPrefix(said)
	if !ok || err != nil {
		return "", "", "", false
	}
	name = strings.TrimPrefix(strings.TrimPrefix(said[len(value):], " for "), "flag ")
	name, reason, ok = strings.Cut(strings.TrimPrefix(name, "-"), ": ")
	return name, value, reason, ok
}

// valueOf says what a flag takes, if its type says that. Others have reasons of their own.
func valueOf(flags []ucli.Flag, name string) string {
	for _, f := range flags {
		switch f.(type) {
		case *ucli.IntFlag:
			if slices.Contains(f.Names(), name) {
				return "a whole number"
			}
		case *ucli.DurationFlag:
			if slices.Contains(f.Names(), name) {
				return "a time such as 30s, 5m or 2h"
			}
		case *ucli.BoolFlag:
			if slices.Contains(f.Names(), name) {
				return "true or false"
			}
		}
	}
	return ""
}

// noSuchVerb is the error for a name that is no verb of the program, or of the verb
// that path names, such as "identity trust".
func noSuchVerb(root []*ucli.Command, path, name, rest string) error {
	verbs, of := root, ""
	for word := range strings.FieldsSeq(path) {
		i := slices.IndexFunc(verbs, func(v *ucli.Command) bool { return v.Name == word })
		verbs, of = verbs[i].Subcommands, " of "+path
	}
	var near []string
	for _, v := range root { // whose own verbs people take for verbs of the program
		if slices.Contains(verbNames(v.Subcommands), name) {
			near = append(near, v.Name+" "+name)
		}
	}
	return misuse(didYouMean(append(near, nearest(name, verbNames(verbs))...), rest), "there is no verb %q%s", name, of)
}

// verbNames returns the names of verbs.
func verbNames(verbs []*ucli.Command) (names []string) {
	for _, v := range verbs {
		names = append(names, v.Name)
	}
	return names
}
