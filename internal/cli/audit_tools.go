package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/terminal"
	"github.com/signet-wrap/signet-wrap/internal/text"
	"github.com/signet-wrap/signet-wrap/internal/toolstore"
)

const auditToolsHelp = `signet-wrap audit tools: what servers told the agent about their tools

USAGE
  signet-wrap audit tools [--server S] [--tool S] [--json]

EXAMPLE
  signet-wrap audit tools --server github
  signet-wrap audit tools --tool delete --json | jq .definition

FLAGS
  --server S   servers with S in their name, in any case
  --tool S     tools with S in their name, in any case
  --json       an object a line: target, tool, signer, pubkey, definition_hash,
               listed, first_use, last_use, calls, kept, and the definition
  --home DIR   keys, log, definitions (default: $SIGNET_HOME or ~/.signet)

One line for each definition of a tool that a server listed: when it was first
listed, and the calls of the tool while it was the one listed last. A tool with
several definitions has changed: each change is shown below the table, line by
line. The log has the hashes of the definitions; the directory tools of --home
has the definitions, and only those with that hash are shown. "not kept": the
definition is not there; "altered": the file has another hash; "not listed":
the tool was called, and no listing before had it. Times are local; a narrow
terminal shows days.

EXIT STATUS
  0 listed, even if there is nothing; 1 the log could not be read, or Ctrl-C; 2
  bad usage
`

func (c *command) auditToolsVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "tools",
		CustomHelpTemplate: auditToolsHelp,
		Flags: []ucli.Flag{serverFlag(), &ucli.StringFlag{Name: "tool"},
			&ucli.BoolFlag{Name: "json"}, homeFlag()},
		Action: c.auditTools,
	}
}

// toolVersion is a line of `audit tools --json`.
type toolVersion struct {
	Target     string          `json:"target"`
	Tool       string          `json:"tool"`
	Signer     string          `json:"signer"`
	Pubkey     string          `json:"pubkey"`
	Hash       string          `json:"definition_hash,omitempty"`
	Listed     string          `json:"listed,omitempty"`
	First      string          `json:"first_use,omitempty"`
	Last       string          `json:"last_use,omitempty"`
	Calls      int64           `json:"calls"`
	Kept       string          `json:"kept"` // "yes", or why not
	Definition json.RawMessage `json:"definition,omitempty"`
}

func (c *command) auditTools(u *ucli.Context) error {
	if err := c.noArgs(u); err != nil {
		return err
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	ctx, stop := c.interruptible()
	defer stop()
	bar := c.progress("reading")
	defer bar.clear()
	log, err := chain.TakeSnapshot(h.Audit())
	if err != nil {
		return fmt.Errorf("listing the log: %w", err)
	}
	all, more, err := history.ToolVersions(ctx, log, history.ToolOptions{Target: u.String("server"), Tool: u.String("tool"), Progress: bar.show})
	bar.clear()
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return errors.New("interrupted: the log was not read to its end")
	case err != nil:
		return fmt.Errorf("listing the log: %w", err)
	}
	store := toolstore.New(h.Tools())
	if u.Bool("json") {
		err = c.toolsJSON(all, store)
	} else {
		err = c.toolsTable(all, store, knownKeys(h))
	}
	if err != nil {
		return err
	}
	switch {
	case more:
		c.complain(fmt.Sprintf("only %d definitions are listed, and there are more", len(all)), "name a server with --server S")
	case len(all) == 0:
		c.complain("no tools were listed or called", "")
	}
	return nil
}

func (c *command) toolsJSON(all []*history.ToolVersion, store *toolstore.Store) error {
	at := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return formatTime(t)
	}
	for _, v := range all {
		definition, why := store.Definition(v.Hash)
		line := toolVersion{Target: v.Target, Tool: v.Tool, Signer: v.Signer.Name, Pubkey: formatKey(v.Signer.Key), Hash: hashText(v.Hash),
			Listed: at(v.Listed), First: at(v.First), Last: at(v.Last), Calls: v.Calls, Kept: why}
		if why == "" {
			line.Kept = "yes"
		}
		if json.Valid(definition) {
			line.Definition = definition
		}
		b, err := json.Marshal(line)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(c.Stdout, "%s\n", b); err != nil {
			return err
		}
	}
	return nil
}

func (c *command) toolsTable(all []*history.ToolVersion, store *toolstore.Store, known map[string]bool) error {
	if len(all) == 0 {
		return nil
	}
	zone := localZone()
	// On a narrow screen names are shorter and LISTED is left out. If there is still no
	// room for times, days are shown, and a line below the table names their zone.
	layout, in, serverRoom, toolRoom, signerRoom := "2006-01-02 15:04", " ("+zone.String()+")", 24, 28, 16
	wide := true
	w := c.width()
	if w > 0 && w < 146 {
		serverRoom, toolRoom, signerRoom, wide = 8, 18, 8, false
	}
	days := w > 0 && w < 112
	if days {
		layout, in = time.DateOnly, ""
	}
	at := func(t time.Time) string {
		if t.IsZero() {
			return "-"
		}
		return t.In(zone).Format(layout)
	}
	t := tabwriter.NewWriter(c.Stdout, 0, 0, 2, ' ', 0)
	listed := ""
	if wide {
		listed = "LISTED" + in + "\t"
	}
	fmt.Fprintf(t, "SERVER\tTOOL\tHASH\t%[2]sFIRST USE%[1]s\tLAST USE%[1]s\tCALLS\tSIGNER\t\n", in, listed)
	for _, v := range all {
		hash := "-"
		if !v.Hash.IsZero() {
			hash = shortHash(v)
		}
		signer := glance(v.Signer.Name)
		if known != nil && !known[string(v.Signer.Key)] {
			signer = shorten(signer, signerRoom-1) + "?"
		}
		_, why := store.Definition(v.Hash)
		if wide {
			listed = at(v.Listed) + "\t"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s%s\t%s\t%d\t%s\t%s\n", shorten(glance(strings.TrimPrefix(v.Target, "mcp://")), serverRoom), shorten(glance(v.Tool), toolRoom),
			hash, listed, at(v.First), at(v.Last), v.Calls, shorten(signer, signerRoom), why)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if days {
		fmt.Fprintf(c.Stdout, "days are those of %s\n", zone)
	}
	for i, now := range all[1:] {
		was := all[i]
		same := was.Target == now.Target && was.Tool == now.Tool && bytes.Equal(was.Signer.Key, now.Signer.Key) && was.Signer.Name == now.Signer.Name
		if same && !was.Hash.IsZero() && !now.Hash.IsZero() {
			c.printDrift(was, now, store)
		}
	}
	return nil
}

func shortHash(v *history.ToolVersion) string { return fmt.Sprintf("%x", v.Hash[:4]) }

// printDrift prints what a server changed in a definition.
func (c *command) printDrift(was, now *history.ToolVersion, store *toolstore.Store) {
	fmt.Fprintf(c.Stdout, "\n%s of %s changed: %s, and from %s on %s\n", brief(now.Tool), brief(strings.TrimPrefix(now.Target, "mcp://")),
		shortHash(was), now.Listed.Local().Format("2006-01-02 15:04:05 -07:00"), shortHash(now))
	old, why := store.Definition(was.Hash)
	text1, why2 := store.Definition(now.Hash)
	if why != "" || why2 != "" {
		for _, x := range []struct{ hash, why string }{{shortHash(was), why}, {shortHash(now), why2}} {
			if x.why != "" {
				fmt.Fprintf(c.Stdout, "  the definition %s is %s\n", x.hash, x.why)
			}
		}
		return
	}
	const most = 200 // lines
	lines := text.Diff(toolstore.Lines(old), toolstore.Lines(text1), 2)
	for _, line := range lines[:min(len(lines), most)] {
		fmt.Fprintf(c.Stdout, "  %s\n", terminal.Clean(cutLine(line)))
	}
	if more := len(lines) - most; more > 0 {
		fmt.Fprintf(c.Stdout, "  ... and %s more: --json has the definitions\n", count(int64(more), "line"))
	}
}

// cutLine bounds what a server can print.
func cutLine(line string) string {
	const most = 1000 // bytes
	if len(line) <= most {
		return line
	}
	return fmt.Sprintf("%s... (%s)", strings.ToValidUTF8(line[:most], ""), count(int64(len(line)), "byte"))
}
