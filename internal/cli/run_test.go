package cli

import (
	"context"
	"fmt"
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
