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
		flags: flagTexts(wrapHelp(), app.Flags),
	}
	all := []topic{root}
	var walk func(prefix string, verbs []*ucli.Command)
	walk = func(prefix string, verbs []*ucli.Command) {
		for _, v := range verbs {
			first, _, _ := strings.Cut(v.CustomHelpTemplate, "\n")
			_, short, _ := strings.Cut(first, ": ")
			all = append(all, topic{
				path: prefix + v.Name, short: short, help: v.CustomHelpTemplate,
				verbs: verbNames(v.Subcommands), flags: flagTexts(v.CustomHelpTemplate, v.Flags),
			})
			walk(prefix+v.Name+" ", v.Subcommands)
		}
	}
	walk("", app.Commands)
	for i := range all {
		if all[i].path == "help" {
			all[i].verbs = append(verbNames(app.Commands), wrapTopic, "completion", "man")
		}
	}
	return all
}

var helpFlagLine = regexp.MustCompile(`(?m)^  --([a-z-]+)(?: ([^ \n]+))? +(.*)$`)

// flagTexts returns the flags of a verb, with what its help text says of each.
func flagTexts(help string, flags []ucli.Flag) (texts []flagText) {
	said := make(map[string]flagText)
	for _, m := range helpFlagLine.FindAllStringSubmatch(help, -1) {
		said[m[1]] = flagText{m[1], m[2], m[3]}
	}
	for _, f := range flags {
		name := f.Names()[0]
		if v, ok := f.(ucli.VisibleFlag); ok && !v.IsVisible() {
			continue
		}
		t := said[name]
		t.name = name
		if !takesValue(f) {
			// A line such as "--all  what it does" has no value.
			t.usage, t.value = strings.TrimSpace(t.value+" "+t.usage), ""
		} else if t.value == "" {
			t.value = "VALUE"
		}
		texts = append(texts, t)
	}
	return append(texts, flagText{name: "help", usage: "print the help text"})
}
