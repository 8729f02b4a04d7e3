package cli

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/history"
)

const auditStatsHelp = `signet-wrap audit stats: how many calls, how many failed, how long they took

USAGE
  signet-wrap audit stats [--by LIST] [filters] [--json]

EXAMPLES
  signet-wrap audit stats --since 7d
  signet-wrap audit stats --by server,tool --failed
  signet-wrap audit stats --by tool --json | jq -r '[.by.tool, .p95_ms] | @tsv'

FLAGS
  --by LIST             a line for each group of: tool, server, client, signer,
                        day, outcome, owner, via, session (default: the whole,
                        and the largest ten of each of the first five)
  --json                an object a group, and of each all groups
  --since T --until T   and the other filters of "signet-wrap audit --help":
  --tool S --server S --client S --owner S --where S --via S --grep S
  --signer S --session S --outcome LIST --failed --open
  --home DIR            keys and log (default: $SIGNET_HOME or ~/.signet)

CALLS are those that are signed; FAILED ended with an error or were refused;
OPEN have no known outcome. P50 and P95 are times from request to response, of
those that have one: half of them, and 95 of 100, took no longer; they are
exact below 64 ms, and else within 1.6 %. BYTES are of the arguments in the
log; arguments of which only the hash was recorded do not count, and the log
has no sizes of results. Days are local. Each record is verified, so it takes
as long as "signet-wrap verify --chain", which says whether the log is whole.

EXIT STATUS
  0 counted, even if there is nothing; 1 not or not wholly read, or Ctrl-C; 2
  bad usage
`

func (c *command) auditStatsVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "stats",
		CustomHelpTemplate: auditStatsHelp,
		Flags:              append(filterFlags(), &ucli.StringFlag{Name: "by"}, &ucli.BoolFlag{Name: "json"}, homeFlag()),
		Action:             c.auditStats,
	}
}

// statsTop is how many groups of a grouping that nobody asked for are shown.
const statsTop = 10

func (c *command) auditStats(u *ucli.Context) error {
	if err := c.noArgs(u); err != nil {
		return err
	}
	zone := localZone()
	o := history.StatsOptions{Zone: zone}
	var err error
	if o.Filter, err = auditFilter(u, time.Now()); err != nil {
		return err
	}
	top := 0
	if u.IsSet("by") {
		by, err := statsBy(u.String("by"))
		if err != nil {
			return err
		}
		o.By = [][]history.Dimension{by}
	} else {
		top = statsTop
		o.By = [][]history.Dimension{nil, {history.ByTool}, {history.ByServer}, {history.ByClient}, {history.BySigner}, {history.ByDay}}
	}
	h, err := c.existingHome(u)
	if err != nil {
		return err
	}
	ctx, stop := c.interruptible()
	defer stop()
	bar := c.progress("counting")
	defer bar.clear()
	o.Progress = bar.show
	log, err := chain.TakeSnapshot(h.Audit())
	if err != nil {
		return fmt.Errorf("counting the log: %w", err)
	}
	all, sum, err := history.Stats(ctx, log, o)
	bar.clear()
	switch {
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return errors.New("interrupted: the log was not read to its end")
	case err != nil:
		return fmt.Errorf("counting the log: %w", err)
	}
	for i, groups := range all {
		sortGroups(groups, o.By[i])
		if u.Bool("json") {
			err = c.statsJSON(groups, o.By[i])
		} else {
			err = c.statsTable(groups, o.By[i], top, zone, i > 0)
		}
		if err != nil {
			return err
		}
	}
	if sum.Doubts > 0 {
		c.complain(fmt.Sprintf("%s not counted, as it is not to be believed, or a response that counts for no call", count(sum.Doubts, "record")), "signet-wrap audit --outcome unsigned,invalid,no-call,further,disagrees")
	}
	return c.listed(sum.Summary, history.Options{Filter: o.Filter}, h, true)
}

// statsBy reads a list of dimensions.
func statsBy(list string) (by []history.Dimension, err error) {
	for name := range strings.SplitSeq(list, ",") {
		d := history.Dimension(strings.ToLower(strings.TrimSpace(name)))
		switch {
		case !slices.Contains(history.Dimensions, d):
			var known []string
			for _, d := range history.Dimensions {
				known = append(known, string(d))
			}
			return nil, misuse(strings.Join(known, ", "), "--by: calls have no %q", name)
		case slices.Contains(by, d):
			return nil, misuse("", "--by: %s is there twice", d)
		}
		by = append(by, d)
	}
	return by, nil
}

// sortGroups puts days in their order, and else the largest group first; the rest is
// last.
func sortGroups(groups []*history.Group, by []history.Dimension) {
	days := len(by) > 0 && by[0] == history.ByDay
	slices.SortFunc(groups, func(x, y *history.Group) int {
		switch {
		case x.Key == nil || y.Key == nil:
			return cmp.Compare(len(y.Key), len(x.Key))
		case days:
			return cmp.Or(strings.Compare(x.Key[0], y.Key[0]), cmp.Compare(y.Calls, x.Calls), slices.Compare(x.Key, y.Key))
		}
		return cmp.Or(cmp.Compare(y.Calls, x.Calls), slices.Compare(x.Key, y.Key))
	})
}

// A statsLine is a line of `audit stats --json`.
type statsLine struct {
	By     map[string]*string `json:"by"` // null: those that found no room in the counting
	Calls  int64              `json:"calls"`
	Failed int64              `json:"failed"`
	Open   int64              `json:"open"`
	Timed  int64              `json:"timed"` // of which the time is known
	P50    *int64             `json:"p50_ms,omitempty"`
	P95    *int64             `json:"p95_ms,omitempty"`
	Bytes  int64              `json:"arguments_bytes"`
	Hidden int64              `json:"hash_only"`
	First  string             `json:"first"`
	Last   string             `json:"last"`
}

func (c *command) statsJSON(groups []*history.Group, by []history.Dimension) error {
	for _, g := range groups {
		line := statsLine{By: map[string]*string{}, Calls: g.Calls, Failed: g.Failed, Open: g.Open, Timed: g.Latency.Count(),
			Bytes: g.Bytes, Hidden: g.Hidden, First: formatTime(g.First), Last: formatTime(g.Last)}
		for i, d := range by {
			line.By[string(d)] = nil
			if g.Key != nil {
				line.By[string(d)] = &g.Key[i]
			}
		}
		for q, ms := range map[float64]**int64{0.5: &line.P50, 0.95: &line.P95} {
			if took, ok := g.Latency.Quantile(q); ok {
				n := took.Milliseconds()
				*ms = &n
			}
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

// statsTable prints the groups of a grouping, the largest ones if top is not 0.
func (c *command) statsTable(groups []*history.Group, by []history.Dimension, top int, zone *time.Location, apart bool) error {
	if len(groups) == 0 {
		return nil
	}
	more := 0
	if top > 0 && len(groups) > top {
		more = len(groups) - top
		if by[0] == history.ByDay {
			groups = groups[more:]
		} else {
			groups = groups[:top]
		}
	}
	head := []string{}
	for _, d := range by {
		name := strings.ToUpper(string(d))
		if d == history.ByDay {
			name += " (" + zone.String() + ")"
		}
		head = append(head, name)
	}
	if len(by) == 0 {
		head = append(head, "ALL")
	}
	names := len(head)
	head = append(head, "CALLS", "FAILED", "OPEN", "P50", "P95", "BYTES")
	rows := [][]string{head}
	for _, g := range groups {
		var row []string
		for i := range by {
			row = append(row, statsCell(g, by[i], i))
		}
		if len(by) == 0 {
			row = append(row, "")
		}
		quantile := func(q float64) string {
			if took, ok := g.Latency.Quantile(q); ok {
				return duration(took)
			}
			return "-"
		}
		rows = append(rows, append(row, strconv.FormatInt(g.Calls, 10), strconv.FormatInt(g.Failed, 10), strconv.FormatInt(g.Open, 10),
			quantile(0.5), quantile(0.95), strconv.FormatInt(g.Bytes, 10)))
	}
	if apart {
		fmt.Fprintln(c.Stdout)
	}
	if err := c.printAligned(rows, names); err != nil {
		return err
	}
	if more > 0 {
		which := "smaller ones"
		if by[0] == history.ByDay {
			which = "earlier ones"
		}
		fmt.Fprintf(c.Stdout, "and %d %s: --by %s\n", more, which, by[0])
	}
	return nil
}

func statsCell(g *history.Group, d history.Dimension, i int) string {
	if g.Key == nil {
		return "(others)"
	}
	text := g.Key[i]
	switch d {
	case history.ByServer:
		text = strings.TrimPrefix(text, "mcp://")
	case history.BySigner: // the name, and enough of the key to tell it from another one
		if name, key, ok := cutLast(text, " ed25519:"); ok {
			return shorten(glance(name), 20) + " " + key[:min(len(key), 8)]
		}
	case history.ByOutcome:
		text = outcomeName(history.Outcome(text))
	}
	if text == "" {
		return "-"
	}
	return shorten(glance(text), 32)
}

// cutLast is strings.Cut at the last sep.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// printAligned prints rows of cells: names to the left, numbers to the right.
func (c *command) printAligned(rows [][]string, names int) error {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				line.WriteString("  ")
			}
			if i < names {
				line.WriteString(cell + pad)
			} else {
				line.WriteString(pad + cell)
			}
		}
		if _, err := fmt.Fprintln(c.Stdout, line.String()); err != nil {
			return err
		}
	}
	return nil
}
