package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/config"
	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/internal/envelope"
	"github.com/signet-wrap/signet-wrap/internal/export"
	"github.com/signet-wrap/signet-wrap/internal/history"
	"github.com/signet-wrap/signet-wrap/internal/home"
)

const auditExportHelp = `signet-wrap audit export: the log for a file, a collector or a SIEM

USAGE
  signet-wrap audit export [--format F] [--output FILE|-|URL] [filters] [flags]

EXAMPLES
  signet-wrap audit export --format csv --since 30d --output calls.csv
  signet-wrap audit export --format otlp --output https://otel.example --follow

FLAGS
  --format F          records (the log's own lines, the default), otlp, syslog;
                      json and csv: calls with what came of them
  --output WHERE      a new FILE; "-", stdout (the default); of otlp
                      https://HOST[:PORT][/PATH]; of syslog
                      syslog+tls://HOST[:PORT] or syslog+tcp://HOST[:PORT]
  --follow            then what is appended, until Ctrl-C: each record at least
                      once, in the order of the log; a FILE is appended to
  --cursor FILE       where an export is that follows (default: in the home, by
                      format and WHERE)
  --max-body BYTES    a longer record goes with its hash only (default: of otlp
                      256KiB, of syslog 8KiB with its header)
  --headers-file F    of otlp: lines "Name: value", in a file of mode 0600; and
                      there is $OTEL_EXPORTER_OTLP_HEADERS
  --ca PEM            the roots that count, instead of the system's
  --cert PEM          a certificate of this client, and --cert-key PEM its key
  --plain             without TLS to other machines, too
  --timeout D         of an attempt (default: 30s)
  --give-up D         end if nothing was taken for D (2m; --follow: never)
  --columns LIST      of csv
  --since T --tool S --server S --signer S --session S     as in "audit", and
  --until T --limit N --client S --owner S --where S --via S --grep S
  --outcome LIST --failed --open     not with --follow
  --home DIR          keys and log (default: $SIGNET_HOME or ~/.signet)

No lock of the log is taken: no wrapper waits. "signet-wrap verify FILE" puts
what comes back in order, and verifies it.

EXIT STATUS
  0 exported, or followed until Ctrl-C; 1 not all of it, or the cursor is of
  another log; 2 bad usage
`

func (c *command) auditExportVerb() *ucli.Command {
	return &ucli.Command{
		Name:               "export",
		CustomHelpTemplate: auditExportHelp,
		Flags: append(append(filterFlags(), exportFlags()...),
			&ucli.StringFlag{Name: "limit"}, &ucli.StringFlag{Name: "columns"}, &ucli.BoolFlag{Name: "follow"},
			&ucli.StringFlag{Name: "cursor", TakesFile: true}, homeFlag()),
		Action: c.auditExport,
	}
}

// exportFlags say what is exported to where.
func exportFlags() []ucli.Flag {
	return []ucli.Flag{
		&ucli.StringFlag{Name: "format"}, &ucli.StringFlag{Name: "output"}, &ucli.StringFlag{Name: "max-body"},
		&ucli.StringFlag{Name: "headers-file", TakesFile: true}, &ucli.StringFlag{Name: "ca", TakesFile: true},
		&ucli.StringFlag{Name: "cert", TakesFile: true}, &ucli.StringFlag{Name: "cert-key", TakesFile: true},
		&ucli.BoolFlag{Name: "plain"}, &ucli.DurationFlag{Name: "timeout"}, &ucli.DurationFlag{Name: "give-up"},
	}
}

// An exporting is what the flags of "audit export" ask for.
type exporting struct {
	format  export.Format
	output  string
	toURL   bool
	list    history.Options
	follow  bool
	columns []int
}

func (c *command) auditExport(u *ucli.Context) error {
	if err := c.noArgs(u); err != nil {
		return err
	}
	var h home.Dir
	var err error
	if u.Bool("follow") {
		if h, err = c.existingHome(u); err == nil {
			err = c.exportDefaults(u, h)
		}
		if err != nil {
			return err
		}
	}
	if err := expandPaths(u); err != nil {
		return err
	}
	x, err := exportOptions(u)
	if err != nil {
		return err
	}
	if h == "" {
		if h, err = c.existingHome(u); err != nil {
			return err
		}
	}
	path := x.output
	if path == "-" {
		path = ""
	}
	switch {
	case x.follow, x.format == export.OTLP, x.format == export.Syslog:
		return c.sendRecords(u, h, x)
	case x.format == "json":
		return c.listTo(x.list, h, func(w io.Writer) auditOutput { return newAuditJSON(w, knownKeys(h)) }, path, "--output")
	case x.format == "csv":
		return c.listTo(x.list, h, func(w io.Writer) auditOutput { return newAuditCSV(w, x.columns) }, path, "--output")
	}
	return c.listTo(x.list, h, func(w io.Writer) auditOutput { return newAuditRecords(w) }, path, "--output")
}

// exportDefaults has the settings of both config.toml stand for flags that are not given,
// and locked ones for all. They are for an export that goes on, and not for what somebody
// writes to a file by hand.
func (c *command) exportDefaults(u *ucli.Context, h home.Dir) error {
	k := c.configurationOf(h)
	for _, err := range []error{k.systemErr, k.homeErr} {
		if err != nil {
			return err
		}
	}
	for _, f := range exportFlags() {
		name := f.Names()[0]
		var given []string
		if u.IsSet(name) {
			given = []string{fmt.Sprint(u.Value(name))}
		}
		s := k.setting(exportPrefix+name, given)
		c.complainOverridden(s)
		value := ""
		switch {
		case len(s.Values) > 0:
			value = s.Values[0]
		case s.From != config.Locked || given == nil:
			continue
		case name == "plain":
			value = "false"
		case name == "timeout" || name == "give-up":
			value = "0s"
		}
		if err := u.Set(name, value); err != nil {
			return fmt.Errorf("%s%s: %w", exportPrefix, name, err)
		}
	}
	return nil
}

// expandPaths replaces ~ in the paths of an export: config.toml and units of systemd have no
// shell that did.
func expandPaths(u *ucli.Context) error {
	for _, name := range []string{"output", "cursor", "headers-file", "ca", "cert", "cert-key"} {
		path, err := home.Expand(u.String(name))
		if err != nil {
			return misuse("", "--%s: %w", name, err)
		}
		if path == u.String(name) {
			continue
		}
		if err := u.Set(name, path); err != nil {
			return err
		}
	}
	return nil
}

func exportOptions(u *ucli.Context) (x exporting, err error) {
	x = exporting{format: export.Format(u.String("format")), output: u.String("output"), follow: u.Bool("follow")}
	if x.format == "" {
		x.format = export.Records
	}
	if x.output == "" {
		x.output = "-"
	}
	x.toURL = strings.Contains(x.output, "://")
	switch x.format {
	case export.Records, export.OTLP, export.Syslog, "json", "csv":
	default:
		return x, misuse("records, otlp, syslog, json, csv", "--format: there is no format %q", x.format)
	}
	if x.list.Filter, err = auditFilter(u, time.Now()); err != nil {
		return x, err
	}
	if x.list.Limit, err = auditLimit(u); err != nil {
		return x, err
	}
	if x.columns, err = auditColumns(u); err != nil {
		return x, err
	}
	ofRows := x.format == "json" || x.format == "csv"
	switch {
	case x.columns != nil && x.format != "csv":
		return x, misuse("", "--columns is for --format csv")
	case ofRows && x.follow:
		return x, misuse("audit --follow --json (or --csv) lists calls as they begin and end", "--follow exports records, otlp or syslog, and not %s", x.format)
	case ofRows && x.toURL, x.format == export.Records && x.toURL:
		return x, misuse("", "--format %s is written to a FILE: otlp and syslog are sent", x.format)
	case x.follow && (u.IsSet("until") || x.list.Limit > 0):
		return x, misuse("", "--follow has no end: --until and --limit do not go with it")
	case x.follow && !x.list.Filter.OfRecords():
		return x, misuse("a receiver can filter by what came of calls", "--follow exports each record by itself: of the filters it takes --since, --tool, --server, --signer and --session")
	case u.IsSet("cursor") && !x.follow:
		return x, misuse("", "--cursor goes with --follow")
	}
	return x, nil
}

// Defaults of an export.
const (
	otlpBody      = 256 << 10
	syslogMessage = 8 << 10
	exportTimeout = 30 * time.Second
	exportGiveUp  = 2 * time.Minute
	exportSettle  = 10 * time.Second
)

// sendRecords exports records, in the envelopes of the format or as they are.
func (c *command) sendRecords(u *ucli.Context, h home.Dir, x exporting) (err error) {
	ctx, stop := c.interruptible()
	defer stop()
	bar := c.listBar(x.list, x.output)
	defer bar.clear()
	say := func(problem string) {
		bar.giveWay()
		c.complain(problem, "")
	}
	o := export.Options{
		Log: h.Audit(), Filter: x.list.Filter, Format: x.format, Follow: x.follow, GiveUp: u.Duration("give-up"), Settle: exportSettle, Say: say,
		Progress: bar.show, Every: testOnlyExportEvery,
	}
	o.Header.PID = os.Getpid()
	o.Header.Host, _ = os.Hostname() // "-" says that it is not known
	if o.GiveUp == 0 && !x.follow {
		o.GiveUp = exportGiveUp
	}
	if o.MaxBody, err = maxBody(u, x); err != nil {
		return err
	}
	// New files get their names when they are whole.
	if !x.toURL && !x.follow && x.output != "-" {
		var done export.Result
		err := durable.WriteNewFrom(x.output, 0o600, func(w io.Writer) (err error) {
			o.Sink = export.NewWriter(w, x.format, c.exportResource(h))
			done, err = c.runExport(ctx, o, x, bar)
			return err
		})
		return c.exported(ctx, x, done, err, bar)
	}
	if o.Sink, err = c.exportSink(u, h, x, say); err != nil {
		return err
	}
	if x.follow && (x.output != "-" || u.IsSet("cursor")) {
		path := u.String("cursor")
		if path == "" {
			name := sha256.Sum256([]byte(string(x.format) + "\n" + x.output))
			path = filepath.Join(string(h), fmt.Sprintf("export-%x.json", name[:6]))
		}
		if o.Cursor, err = export.OpenCursor(path); err != nil {
			return fmt.Errorf("--cursor: %w", err)
		}
		defer o.Cursor.Close()
	}
	done, err := c.runExport(ctx, o, x, bar)
	if other, ok := errors.AsType[*export.OtherLogError](err); ok && o.Cursor != nil {
		bar.clear()
		return fail("is it the right --home? without its cursor the export begins again, and what was sent is sent once more", fmt.Errorf("the cursor does not fit the log %s: %w", h.Audit(), other))
	}
	return c.exported(ctx, x, done, err, bar)
}

// testOnlyExportEvery is how often tests have the log looked at; 0: as often as it is.
var testOnlyExportEvery time.Duration

func (c *command) runExport(ctx context.Context, o export.Options, x exporting, bar *bar) (export.Result, error) {
	if x.follow || x.list.Limit == 0 && x.list.Filter.OfRecords() {
		return export.Run(ctx, o)
	}
	log, err := chain.TakeSnapshotUnlocked(o.Log)
	if err != nil {
		return export.Result{}, err
	}
	list := x.list
	list.Progress = bar.show
	o.Progress = nil
	return export.RunList(ctx, o, func(put func(*history.Row) error) error {
		_, err := history.List(ctx, log, list, put)
		return err
	})
}

// exported says how an export ended.
func (c *command) exported(ctx context.Context, x exporting, done export.Result, err error, bar *bar) error {
	bar.clear()
	switch {
	case errors.Is(err, fs.ErrExist):
		return fail("nothing is ever overwritten: name another FILE", fmt.Errorf("--output %q: the file exists", x.output))
	case err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()):
		err = errors.New("interrupted")
	}
	if err != nil {
		return fmt.Errorf("exporting the log, after %s: %w", count(done.Records, "record"), err)
	}
	if x.output != "-" {
		also := ""
		if done.NotExported > 0 {
			also = fmt.Sprintf(" (of %s only the hashes: --max-body)", count(done.NotExported, "record"))
		}
		fmt.Fprintf(c.Stdout, "%s exported to %s%s\n", count(done.Records, "record"), clean(x.output), also)
	}
	if done.Rejected > 0 {
		c.complain(fmt.Sprintf("%s not kept by the receiver", wereRecords(done.Rejected)), "")
		return status(exitFailed)
	}
	return nil
}

func maxBody(u *ucli.Context, x exporting) (int, error) {
	if s := u.String("max-body"); s != "" {
		n, err := parseBytes(s)
		if err != nil || n < 1024 {
			return 0, misuse("1KiB or more, such as 256KiB", "--max-body %q is not a size", s)
		}
		return n, nil
	}
	switch {
	case x.format == export.Records:
		return 0, nil
	case x.format == export.Syslog:
		return syslogMessage, nil
	}
	return otlpBody, nil
}

// exportResource is what all records of an export of OTLP have in common.
func (c *command) exportResource(h home.Dir) envelope.Resource {
	r := envelope.Resource{Version: "(unknown)"}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		r.Version = info.Main.Version
	}
	if host, err := os.Hostname(); err == nil {
		r.Extra = append(r.Extra, envelope.Attribute{Key: "host.name", Text: host})
	}
	r.Later = func() (envelope.Attribute, bool) { // an export may begin before the log
		first, err := chain.First(h.Audit())
		return envelope.Attribute{Key: "signet.log", Text: first.String()}, err == nil
	}
	return r
}

func (c *command) exportSink(u *ucli.Context, h home.Dir, x exporting, say func(string)) (export.Sink, error) {
	switch {
	case x.output == "-":
		return export.NewWriter(c.Stdout, x.format, c.exportResource(h)), nil
	case !x.toURL:
		return export.NewFile(x.output, x.format, c.exportResource(h))
	}
	address, err := export.ParseAddress(x.output, x.format, u.Bool("plain"),
		export.TLSFiles{CA: u.String("ca"), Cert: u.String("cert"), Key: u.String("cert-key")})
	if err != nil {
		return nil, misuse("", "--output: %w", err)
	}
	timeout := u.Duration("timeout")
	if timeout <= 0 {
		timeout = exportTimeout
	}
	if x.format == export.Syslog {
		return export.NewSyslog(address, timeout), nil
	}
	sink, err := export.NewOTLP(export.OTLPOptions{
		Address: address, Resource: c.exportResource(h), Timeout: timeout, Say: say,
		HeadersFile: u.String("headers-file"), Headers: os.Getenv("OTEL_EXPORTER_OTLP_HEADERS"),
	})
	if err != nil {
		return nil, misuse("", "headers: %w", err)
	}
	return sink, nil
}
