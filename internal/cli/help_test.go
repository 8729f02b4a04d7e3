package cli

import (
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	ucli "github.com/urfave/cli/v2"
)

// The first help is one screen of 24 lines and 79 columns, with an example and
// every verb, and says where the rest is.
func TestFirstHelp(t *testing.T) {
	checkSize(t, "first help", rootHelp, 24)
	wanted := []string{"\nUSAGE\n", "\nEXAMPLE", "signet-wrap help wrap", "signet-wrap help VERB"}
	for _, v := range (&command{}).app().Commands {
		wanted = append(wanted, v.Name)
	}
	for _, w := range wanted {
		if !strings.Contains(rootHelp, w) {
			t.Errorf("no %q", w)
		}
	}
}

// Every other help is at most 42 lines of 79 columns, has an example, names the
// exit statuses, and every flag of its verb.
func TestHelp(t *testing.T) {
	check := func(name, help string, flags []ucli.Flag) {
		checkSize(t, name, help, 42)
		for _, part := range []string{"\nUSAGE\n", "\nEXAMPLE", "\nEXIT STATUS\n"} {
			if part == "\nEXAMPLE" && name == "demo" {
				continue // which has nothing to vary
			}
			if !strings.Contains(help, part) {
				t.Errorf("%s: no %s", name, strings.TrimSpace(part))
			}
		}
		for _, f := range flags {
			if v, ok := f.(ucli.VisibleFlag); ok && v.IsVisible() && !strings.Contains(help, "--"+f.Names()[0]) {
				t.Errorf("%s: no --%s", name, f.Names()[0])
			}
		}
	}
	check(wrapTopic, wrapHelp(), generalWrapFlags())
	var walk func(prefix string, verbs []*ucli.Command)
	walk = func(prefix string, verbs []*ucli.Command) {
		for _, v := range verbs {
			check(prefix+v.Name, v.CustomHelpTemplate, v.Flags)
			walk(prefix+v.Name+" ", v.Subcommands)
		}
	}
	walk("", (&command{}).app().Commands)
}

// TestFlagTexts has a few words on every flag of every verb for the completion, and
// what several flags of one line share.
func TestFlagTexts(t *testing.T) {
	said := make(map[string]flagText)
	for _, topic := range (&command{}).topics() {
		for _, f := range topic.flags {
			if f.usage == "" || strings.HasPrefix(f.usage, "-") || len(f.usage) > maxUsage+4 || f.value == "VALUE" && topic.path == "audit" {
				t.Errorf("%s --%s %s: %q", topic.path, f.name, f.value, f.usage)
			}
			said[strings.TrimSpace(topic.path+" --"+f.name)] = f
		}
	}
	for of, want := range map[string]flagText{
		"--home":                  {"home", "DIR", "keys and log (default: $SIGNET_HOME or ~/.signet)"},
		"audit --until":           {"until", "T", said["audit --since"].usage},
		"audit stats --tool":      {"tool", "S", said["audit --tool"].usage}, // as the help text above says
		"audit report --failed":   {"failed", "", said["audit --failed"].usage},
		"hook --hash-only":        {"hash-only", "", said["--hash-only"].usage},
		"sign --trace-id":         {"trace-id", "T", "further members of the receipt"},
		"install --all":           {"all", "", "every server of every client; without it, and without names, you are asked, ..."},
		"identity export --home":  said["--home"],
		"verify --max-unanchored": {"max-unanchored", "D", said["verify --require"].usage},
	} {
		if got := said[of]; got != want {
			t.Errorf("%s: %+v, want %+v", of, got, want)
		}
	}
}

func checkSize(t *testing.T, name, help string, most int) {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(help, "\n"), "\n")
	if len(lines) > most {
		t.Errorf("%s: %d lines, more than %d", name, len(lines), most)
	}
	for _, l := range lines {
		if n := utf8.RuneCountInString(l); n > 79 {
			t.Errorf("%s: %d columns: %s", name, n, l)
		}
	}
}

// TestSuggest mistypes verbs and flags at each level: the hint names the right ones,
// and none that is far from what was typed.
func TestSuggest(t *testing.T) {
	for line, want := range map[string]string{
		"verfy":           `did you mean "verify"?`,
		"ver":             `did you mean "verify" or "version"?`,
		"VERIFY":          `did you mean "verify"?`,
		"stats":           `did you mean "audit stats" or "status"?`,
		"chekc -- server": `did you mean "check"?`,
		"help autdi":      `did you mean "audit"?`,
		"help audit shwo": `did you mean "show"?`,
		"help view":       `did you mean "audit view"?`,
		"verify --jsn":    `did you mean "--json"?`,
		"verfiy":          `did you mean "verify"?`, "verify --chian": `did you mean "--chain"?`,
		"--fial-open -- server":         `did you mean "--fail-open"?`,
		"--fail_open -- server":         `did you mean "--fail-open"?`,
		"--passphrase x -- server":      `did you mean "--passphrase-file"?`,
		"--hepl -- server":              `did you mean "--help"?`,
		"--hepl":                        `did you mean "--help"?`,
		"--vers":                        `did you mean "--version"?`,
		"check --trsut x -- server":     `did you mean "--trust"?`,
		"hook --cleint codex":           `did you mean "--client"?`,
		"hook --client codex --kye x":   `did you mean "--key"?`,
		"identity lst":                  `did you mean "list"?`,
		"identity generate --nmae x":    `did you mean "--name"?`,
		"identity trust ad":             `did you mean "add"?`,
		"identity trust add --valid x":  `did you mean "--valid-after" or "--valid-before"?`,
		"anchor nwo":                    `did you mean "now"?`,
		"audit shwo":                    `did you mean "show"?`,
		"audit report --output-file x":  `did you mean "--output"?`,
		"audit --olny":                  "",
		"audit frob":                    "",
		"frobnicate":                    "",
		"exit":                          "",
		"node server.js":                "",
		"anchor foo":                    "",
		"verify --frobnicate":           "",
		"--nope":                        "", // not --home
		"install --nope":                "",
		"identity generate --wave x":    "", // not --name
		"audit --load":                  "", // not --tool
		"hook --client codex --pale":    "",
		"--sync always -x -- ls":        "",
		"verify --v":                    "",
		"anchor now --du":               "", // which is hidden
		"help audit show --frobnicated": "",
	} {
		var stderr strings.Builder
		exit := Main(append([]string{"signet-wrap"}, strings.Fields(line)...), System{Stdout: io.Discard, Stderr: &stderr, Getenv: func(string) string { return "" }})
		if exit == 0 {
			t.Errorf("%s: exit 0", line)
		}
		if want != "" && !strings.Contains(stderr.String(), want) || want == "" && strings.Contains(stderr.String(), "did you mean") {
			t.Errorf("%s: %q, and want %q", line, stderr.String(), want)
		}
	}
}
