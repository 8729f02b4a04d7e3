package cli

import (
	"regexp"
	"strings"

	ucli "github.com/urfave/cli/v2"
)

// A topic is what a help text is about: the program, a verb, or a verb of a verb.
// Completion scripts and the manual page are made from topics, and these from the
// help texts, so that all three say the same.
type topic struct {
	path  string // "", "anchor", "anchor now"
	short string // from the first line of the help text
	help  string
	verbs []string // names of the topics below
	flags []flagText
}

// flagText is a flag as a help text explains it.
type flagText struct {
	name  string // without hyphens
	value string // what the help text calls its value; "" for a switch
	usage string
}

// choices returns the values that a flag takes, if the help text lists all of them.
func (f flagText) choices() []string {
	if strings.Contains(f.value, "|") && strings.ToLower(f.value) == f.value {
		return strings.Split(f.value, "|")
	}
	return nil
}

// topics returns all topics, each verb before the verbs below it.
func (c *command) topics() []topic {
	app := c.app()
	root := topic{
		short: app.Usage, help: wrapHelp(), verbs: verbNames(app.Commands),
		flags: flagTexts(app.Flags, wrapHelp()),
	}
	all := []topic{root}
	var walk func(prefix string, verbs []*ucli.Command, above []string)
	walk = func(prefix string, verbs []*ucli.Command, above []string) {
		for _, v := range verbs {
			helps := append([]string{v.CustomHelpTemplate}, above...)
			first, _, _ := strings.Cut(v.CustomHelpTemplate, "\n")
			_, short, _ := strings.Cut(first, ": ")
			all = append(all, topic{
				path: prefix + v.Name, short: short, help: v.CustomHelpTemplate,
				verbs: verbNames(v.Subcommands), flags: flagTexts(v.Flags, helps...),
			})
			walk(prefix+v.Name+" ", v.Subcommands, helps)
		}
	}
	walk("", app.Commands, []string{wrapHelp()})
	for i := range all {
		if all[i].path == "help" {
			all[i].verbs = append(verbNames(app.Commands), wrapTopic, "completion", "man")
		}
	}
	return all
}

// helpFlag matches a flag at the beginning of a line of a help text, with what the
// text calls its value: "--since T", "--hash-only,".
var helpFlag = regexp.MustCompile(`^--([a-z-]+),?(?: ([^ -][^ ]*))?(?: +|$)`)

// helpMention matches a flag that is named in what is said of another.
var helpMention = regexp.MustCompile(`--([a-z-]+)(?: ([A-Z]+))?`)

// explained returns the flags that a help text explains. Those of one line, or of
// lines that no text is beside, are explained together. A flag that is only named
// in what is said of another has the same explanation.
func explained(help string) map[string]flagText {
	said := make(map[string]flagText)
	var together []flagText
	usage := ""
	flush := func() {
		for _, f := range together {
			f.usage = usage
			said[f.name] = f
		}
		for _, m := range helpMention.FindAllStringSubmatch(usage, -1) {
			if _, ok := said[m[1]]; !ok {
				said[m[1]] = flagText{m[1], m[2], usage}
			}
		}
		together, usage = nil, ""
	}
	_, flags, _ := strings.Cut(help, "\nFLAGS\n")
	for line := range strings.SplitSeq(flags, "\n") {
		rest, ok := strings.CutPrefix(line, "  ")
		if !ok {
			break // the list of flags ends
		}
		if !strings.HasPrefix(rest, "--") {
			usage = strings.TrimSpace(usage + " " + strings.TrimSpace(rest))
			continue
		}
		var here []flagText
		for m := helpFlag.FindStringSubmatch(rest); m != nil; m = helpFlag.FindStringSubmatch(rest) {
			here = append(here, flagText{name: m[1], value: m[2]})
			rest = rest[len(m[0]):]
		}
		if usage != "" || rest != "" {
			flush()
		}
		together, usage = append(together, here...), rest
	}
	flush()
	return said
}

// refersElsewhere matches an explanation that is in another help text.
var refersElsewhere = regexp.MustCompile(`--help"|help wrap|as in "`)

// plainFlags are those that a help text without a list of flags does not explain.
var plainFlags = map[string]string{
	"version": "print the version", "json": "print JSON", "name": "the name of the key",
	"socket": "the SSH agent's socket", "ssh-agent": "the SSH agent holds the key",
}

// maxUsage bounds what is said of a flag in a completion, in bytes: a line of a screen.
const maxUsage = 80

// flagTexts returns the flags of a verb, with what the help texts say of each: its
// own, then those above it.
func flagTexts(flags []ucli.Flag, helps ...string) (texts []flagText) {
	for _, f := range flags {
		if v, ok := f.(ucli.VisibleFlag); ok && !v.IsVisible() {
			continue
		}
		t := flagText{name: f.Names()[0]}
		for _, help := range helps {
			said, ok := explained(help)[t.name]
			if t.value == "" {
				t.value = said.value
			}
			if !takesValue(f) { // "--all what it does" has no value
				said.usage = strings.TrimSpace(said.value + " " + said.usage)
			}
			if ok && t.usage == "" && !refersElsewhere.MatchString(said.usage) {
				t.usage = said.usage
			}
		}
		switch {
		case !takesValue(f):
			t.value = ""
		case t.value == "":
			t.value = "VALUE"
		}
		if t.usage == "" {
			t.usage = plainFlags[t.name]
		}
		if len(t.usage) > maxUsage {
			t.usage = t.usage[:strings.LastIndexByte(t.usage[:maxUsage], ' ')] + " ..."
		}
		texts = append(texts, t)
	}
	return append(texts, flagText{name: "help", usage: "print the help text"})
}
