package cli

import (
	"strings"
	"testing"

	ucli "github.com/urfave/cli/v2"
)

func TestFlagsFirst(t *testing.T) {
	app := &ucli.App{
		Flags: []ucli.Flag{&ucli.StringFlag{Name: "home"}, &ucli.BoolFlag{Name: "verbose"}},
		Commands: []*ucli.Command{
			{Name: "verify", Flags: []ucli.Flag{&ucli.StringSliceFlag{Name: "pubkey", Aliases: []string{"p"}}, &ucli.BoolFlag{Name: "json"}}},
			{Name: "audit", Subcommands: []*ucli.Command{{Name: "show", Flags: []ucli.Flag{&ucli.BoolFlag{Name: "json"}}}}},
		},
	}
	for _, c := range []struct{ in, want string }{
		{"", ""},
		{"sw", "sw"},
		{"sw verify r.json", "sw verify r.json"},
		{"sw verify r.json --pubkey a --json -p b", "sw verify --pubkey a --json -p b r.json"},
		{"sw verify r.json --pubkey=a s.json", "sw verify --pubkey=a r.json s.json"},
		{"sw verify - --json", "sw verify --json -"},
		{"sw --home h verify r.json --json", "sw --home h verify --json r.json"},
		{"sw --home verify verify verify --json", "sw --home verify verify --json verify"},
		{"sw audit show ID --json", "sw audit show --json ID"},
		{"sw verify r.json --pubkey", "sw verify r.json --pubkey"},
		{"sw verify r.json --bogus --json", "sw verify r.json --bogus --json"},
		{"sw verify --json --bogus r.json", "sw verify --json --bogus r.json"},
		{"sw verify r.json --help --bogus", "sw verify --help"},
		{"sw --help verify", "sw --help"},
		// "--" was forgotten: the server's flags stay where they are.
		{"sw npx -y server --verbose", "sw npx -y server --verbose"},
		{"sw npx verify --json", "sw npx verify --json"},
	} {
		if got := strings.Join(flagsFirst(app, strings.Fields(c.in)), " "); got != c.want {
			t.Errorf("%q became %q, want %q", c.in, got, c.want)
		}
	}
}
