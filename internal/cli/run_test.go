package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	ucli "github.com/urfave/cli/v2"
)

func TestParseArgs(t *testing.T) {
	list := func() ucli.Flag { return &ucli.StringSliceFlag{Name: "pubkey", Aliases: []string{"p"}} }
	json := func() ucli.Flag { return &ucli.BoolFlag{Name: "json"} }
	app := func() *ucli.App {
		return &ucli.App{
			Name:  "sw",
			Flags: []ucli.Flag{&ucli.StringFlag{Name: "home"}, &ucli.BoolFlag{Name: "verbose"}},
			Commands: []*ucli.Command{
				{Name: "verify", Flags: []ucli.Flag{list(), json(), &ucli.IntFlag{Name: "limit"}}},
				{Name: "audit", Flags: []ucli.Flag{&ucli.StringFlag{Name: "tool"}}, Subcommands: []*ucli.Command{{Name: "show", Flags: []ucli.Flag{json()}}}},
			},
		}
	}
	// What a line comes to: its verb, its flags, "|", and the other arguments.
	for in, want := range map[string]string{
		"":                            "sw |",
		"sw":                          "sw |",
		"sw verify r.json":            "sw verify | r.json",
		"sw verify r.json --pubkey a": "sw verify pubkey=[a] | r.json",
		"sw verify r.json --pubkey a --json -p b": "sw verify json pubkey=[a b] | r.json",
		"sw verify --pubkey=a,b r.json -p c s":    "sw verify pubkey=[a,b c] | r.json s",
		"sw verify -p= -json=false":               "sw verify pubkey=[] |",
		"sw verify - --json":                      "sw verify json | -",
		"sw --home h verify r.json --json":        "sw verify json home=h | r.json",
		"sw --home verify verify verify --json":   "sw verify json home=verify | verify",
		"sw audit --tool t show ID --json":        "sw audit show json tool=t | ID",
		"sw audit ID show":                        "sw audit | ID show",
		"sw verify r.json --help --bogus":         "help of sw verify",
		"sw audit -h show":                        "help of sw audit",
		"sw --help verify":                        "help of sw",
		"sw verify --help=false":                  "sw verify: --help takes no value",
		"sw -h=1":                                 "sw: -h takes no value",
		"sw verify ---json":                       "sw verify: bad flag syntax: ---json",
		"sw verify --=x":                          "sw verify: bad flag syntax: --=x",
		"sw verify --pubkey --json r.json":        "sw verify pubkey=[--json] | r.json",
		"sw verify --pubkey=--json r.json":        "sw verify pubkey=[--json] | r.json",
		"sw verify -p=a=b -p =":                   "sw verify pubkey=[a=b =] |",
		"sw verify --json=false --json":           "sw verify json |",
		"sw audit --tool a --tool= show":          "sw audit show tool= |",
		"sw verify show":                          "sw verify | show",
		"sw audit show show":                      "sw audit show | show",
		"sw verify r.json --pubkey":               "sw verify: flag needs an argument: -pubkey",
		"sw verify r.json --bogus --json":         "sw verify: flag provided but not defined: -bogus",
		"sw verify --json --bogus r.json":         "sw verify: flag provided but not defined: -bogus",
		"sw --json":                               "sw: flag provided but not defined: -json",
		"sw verify --limit x":                     `sw verify: invalid value "x" for flag -limit: parse error`,
		"sw verify --json=x":                      `sw verify: invalid value "x" for flag -json: parse error`,
		// "--" was forgotten: the server's flags stay where they are.
		"sw npx -y server --verbose": "sw | npx -y server --verbose",
		"sw npx verify --help":       "sw | npx verify --help",
	} {
		u, help, err := parseArgs(context.Background(), app(), strings.Fields(in))
		got := u.Command.HelpName
		switch {
		case err != nil:
			got += ": " + err.Error()
		case help:
			got = "help of " + got
		default:
			if u.Bool("json") {
				got += " json"
			}
			for _, name := range []string{"home", "tool"} {
				if u.IsSet(name) {
					got += fmt.Sprintf(" %s=%s", name, u.String(name))
				}
			}
			if u.IsSet("pubkey") {
				got += fmt.Sprintf(" pubkey=%s", u.StringSlice("p"))
			}
			got = strings.TrimSpace(got + " | " + strings.Join(u.Args().Slice(), " "))
		}
		if got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
}

// TestEveryFlag gives each flag of each verb what it cannot take, and each verb a flag
// that it does not have: one line and a hint, exit status 2, and nothing on standard
// output. --help is the help of that verb at any place in the line.
func TestEveryFlag(t *testing.T) {
	var walk func(path []string, verb *ucli.Command)
	bad := func(want string, args ...string) {
		t.Helper()
		status, out, errs := run(t, args...)
		lines := strings.Split(strings.TrimSuffix(errs, "\n"), "\n")
		if status != exitUsage || out != "" || len(lines) != 2 || lines[0] != "signet-wrap: "+want || !strings.HasPrefix(lines[1], "hint: ") {
			t.Errorf("%q: exit status %d, %q, %q, want %q", args, status, out, errs, want)
		}
	}
	walk = func(path []string, verb *ucli.Command) {
		if verb.Action == nil && path != nil {
			t.Errorf("%q does nothing", path)
		}
		line := func(more ...string) []string { return append(slices.Clone(path), more...) }
		helps := [][]string{line("--help"), line("-h", "--nope"), line("argument", "-help")}
		if len(path) == 0 {
			helps = helps[:2] // after an argument, it would be of a server
		}
		for _, args := range helps {
			if status, out, errs := run(t, args...); status != 0 || out == "" || out != verb.CustomHelpTemplate || errs != "" {
				t.Errorf("%q: exit status %d, %q, %q, want its help", args, status, out, errs)
			}
		}
		bad("there is no flag --qqqqqq", line("--qqqqqq=1")...)
		bad("there is no flag -q", line("-q")...)
		bad(`"---json" is no flag`, line("---json")...)
		if verb.Name != hookName { // which package flag parses
			bad("-h takes no value", line("-h=true")...)
		}
		for _, f := range verb.Flags {
			for _, name := range f.Names() {
				want := ""
				switch f.(type) {
				case *ucli.BoolFlag:
					want = "true or false"
				case *ucli.IntFlag:
					want = "a whole number"
				case *ucli.DurationFlag:
					want = "a time such as 30s, 5m or 2h"
				}
				word := "--" + name
				if takesValue(f) {
					bad(word+" needs a value", line(word)...)
				}
				if want != "" {
					bad(word+" takes "+want+`, not "x\n: y"`, line(word+"=x\n: y")...)
					bad(word+" takes "+want+`, not ""`, line(word+"=")...)
				}
			}
		}
		for _, below := range verb.Subcommands {
			walk(line(below.Name), below)
		}
	}
	app := (&command{}).app()
	walk(nil, &ucli.Command{CustomHelpTemplate: app.CustomAppHelpTemplate, Flags: app.Flags, Subcommands: app.Commands})
}
