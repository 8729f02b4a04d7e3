package cli

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/signet-wrap/signet-wrap/internal/config"
	"github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/wrap"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// wrapFlag is a flag of wrapping.
type wrapFlag struct {
	name    string
	value   string // what the help calls its value; "" for a switch, DIR or F for a path, BYTES for a number
	initial string // the default; "" if it depends on the command, the key or the user
	usage   string // for the help, in lines
	// take checks a value and puts it into the settings. A switch takes "true"
	// or "false". What it returns is a misuseOfWrap.
	take func(s *wrapSettings, value string) error
}

// wrapFlags is the only definition of the flags of wrapping: the parser, the
// help, the keys of config.toml, and what other verbs know of them are made from it.
var wrapFlags = []wrapFlag{
	{"key", "NAME", home.DefaultKey, "the identity that signs (default: default, which is\nmade at the first call)", takeKey},
	{"target", "URI", "", "the server's name in receipts (default: from COMMAND)",
		func(s *wrapSettings, v string) error { s.Target = v; return nil }},
	{"params", "WHERE", "log", "where arguments are kept: log (default), apart (they\ncan be erased there), or hash (nowhere)", takeParams},
	{hashOnlyName, "", "false", "keep only a hash of the arguments (--params hash)",
		func(*wrapSettings, string) error { return nil }}, // see hashOnlyIsParams
	{hashOnlyToolName, "GLOB", "", "the same for tools of such names; may be repeated", takeHashOnlyTool},
	{"mask-secrets", "", "false", "the same for calls that seem to hold a secret",
		func(s *wrapSettings, v string) error { s.MaskSecrets = v == "true"; return nil }},
	{"fail-open", "", "false", "forward calls unsigned when they cannot be recorded",
		func(s *wrapSettings, v string) error { s.FailOpen = v == "true"; return nil }},
	{"sync", "always|off", "always", "wait for the disk before each call (default: always)", takeSync},
	{"outcomes", "on|off", "on", "record the response to each call, too (default: on)", takeOutcomes},
	{"environment", "on|off", "on", "record user, host and working directory (default: on)", takeEnvironment},
	{"system-log", "WHAT", "heads", "what to write to the system's log: heads (default),\nrecords (heads, too), or off", takeSystemLog},
	{"meta-key", "KEY|none", record.DefaultMetaKey, "the member of params._meta for the receipt (default:\n_signet); none: the receipt is only logged", takeMetaKey},
	{"max-call", "BYTES", "64MiB", "the longest line taken from the client (default: 64MiB)", takeMaxCall},
	{"home", "DIR", "", "keys and log (default: $SIGNET_HOME or ~/.signet)",
		func(s *wrapSettings, v string) error { s.home = v; return nil }},
	{"passphrase-file", "F", "", "file with the key's passphrase (or $SIGNET_PASSPHRASE)",
		func(s *wrapSettings, v string) error { s.passphraseFile = v; return nil }},
	{"verbose", "", "false", "say on stderr what is recorded",
		func(s *wrapSettings, v string) error { s.Verbose = v == "true"; return nil }},
}

// wrapSettings are what the flags of wrapping say. In the options, what only
// the start can know is missing: command, log and signer.
type wrapSettings struct {
	wrap.Options
	key            string
	home           string // "": $SIGNET_HOME or ~/.signet
	passphraseFile string // "": see home.Unlock
	check          checkSettings
}

func takeKey(s *wrapSettings, v string) error {
	if !keys.ValidName(v) {
		return misuseOfWrap("names are letters, digits, - and _", "--key %q is not a name", v)
	}
	s.key = v
	return nil
}

// hashOnlyName is the name of the flag that is another spelling of --params hash, that of the
// reference.
const hashOnlyName = "hash-only"

// hashOnlyToolName is the name of a flag that may be repeated.
const hashOnlyToolName = "hash-only-tool"

// list says whether the flag may be repeated. Its value is then a line for each.
func (f *wrapFlag) list() bool { return f.name == hashOnlyToolName || f.name == "pubkey" }

func takeHashOnlyTool(s *wrapSettings, v string) error {
	for glob := range strings.SplitSeq(v, "\n") {
		if err := record.CheckToolPattern(glob); err != nil || glob == "" {
			return misuseOfWrap("for example read_secret or vault_*", "--hash-only-tool %q is not a pattern of names", glob)
		}
		s.HashOnlyTools = append(s.HashOnlyTools, glob)
	}
	return nil
}

func takeParams(s *wrapSettings, v string) error {
	switch s.Params = record.Params(v); s.Params {
	case record.ParamsLog, record.ParamsApart, record.ParamsHash:
		return nil
	}
	return misuseOfWrap("log keeps the arguments of calls in the log, apart in files beside it, hash only their hash", "--params takes log, apart or hash, not %q", v)
}

func takeSync(s *wrapSettings, v string) error {
	s.NoSync = v == "off"
	if v != "always" && v != "off" {
		return misuseOfWrap("always waits for the disk before each call is forwarded, off does not", "--sync takes always or off, not %q", v)
	}
	return nil
}

func takeOutcomes(s *wrapSettings, v string) error {
	s.NoOutcomes = v == "off"
	if v != "on" && v != "off" {
		return misuseOfWrap("on records the response to each call, off only the calls", "--outcomes takes on or off, not %q", v)
	}
	return nil
}

func takeEnvironment(s *wrapSettings, v string) error {
	s.NoEnvironment = v == "off"
	if v != "on" && v != "off" {
		return misuseOfWrap("on records once a session who runs the wrapper, and where, off does not", "--environment takes on or off, not %q", v)
	}
	return nil
}

func takeSystemLog(s *wrapSettings, v string) error {
	s.NoHeads, s.SystemRecords = v == "off", v == "records"
	if v != "heads" && v != "records" && v != "off" {
		return misuseOfWrap("heads tells where the log ends, records has the arguments, too", "--system-log takes heads, records or off, not %q", v)
	}
	return nil
}

func takeMetaKey(s *wrapSettings, v string) error {
	if v == "" {
		return misuseOfWrap("leave it out for _signet", "--meta-key must not be empty")
	}
	// MCP's names of members of _meta: an optional prefix of labels and "/", and a name.
	const chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
	if prefix, name, prefixed := strings.Cut(v, "/"); strings.Trim(prefix+name, chars) != "" || prefix == "" || prefixed && name == "" {
		return misuseOfWrap("for example _signet, or with a prefix com.example/receipt", "--meta-key %q is not a name: letters, digits, - _ . and one /", v)
	}
	s.MetaKey = v
	return nil
}

func takeMaxCall(s *wrapSettings, v string) (err error) {
	if s.MaxCall, err = parseBytes(v); err != nil {
		return misuseOfWrap("for example --max-call 64MiB", "--max-call: %w", err)
	}
	if s.MaxCall < leastMaxCall {
		return misuseOfWrap("for example --max-call 64MiB", "--max-call %q would refuse nearly every call: the least is 1KiB", v)
	}
	return nil
}

// leastMaxCall is the least --max-call, in bytes: what is less is a unit that was
// forgotten.
const leastMaxCall = 1 << 10

// errNotWrapping reports a command line that is for somebody else: it asks for
// help, or there is a verb in it.
var errNotWrapping = errors.New("not a command line that wraps")

// parseWrapFlags reads what is before the "--" of a command line that
// wraps, without the program's name: the flags there, with good values. The error is errNotWrapping or a
// *wrap.StartError. It does without urfave/cli, which takes its time: each
// start of a server comes through here.
//
// The first word may be a verb that has flags of its own, check or hook.
func parseWrapFlags(args []string) (given map[string]string, verb string, err error) {
	all, see := wrapFlags, `see "signet-wrap help wrap"`
	if len(args) > 0 && (args[0] == checkName || args[0] == hookName) {
		verb, args = args[0], args[1:]
		all, see = flagsOfVerb(verb), fmt.Sprintf(`see "signet-wrap help %s"`, verb)
	}
	set := flag.NewFlagSet("signet-wrap", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	var help bool
	for _, name := range helpFlags {
		set.BoolVar(&help, name, false, "")
	}
	for _, f := range all {
		switch {
		case f.value == "":
			set.Bool(f.name, false, "")
		case f.list():
			set.Var(new(lines), f.name, "")
		default:
			set.String(f.name, "", "")
		}
	}
	err = set.Parse(args)
	// An empty word is nobody's verb: a configuration may have a variable there
	// that is not set.
	for err == nil && set.NArg() > 0 && set.Arg(0) == "" {
		err = set.Parse(set.Args()[1:])
	}
	switch {
	case err != nil: // what follows it was not looked at
		hint, err := flagError(err, cliFlags(all), see)
		return nil, verb, misuseOfWrap(hint, "%w", err)
	case help || set.NArg() > 0 && verb == "":
		return nil, verb, errNotWrapping
	case set.NArg() > 0 && verb == hookName:
		return nil, verb, misuseOfWrap(see, "hook takes no arguments (got %q)", set.Arg(0))
	case set.NArg() > 0:
		return nil, verb, misuseOfWrap(`put "--" before the server's command`, "%q before \"--\" is neither a flag nor its value", set.Arg(0))
	}
	given = make(map[string]string)
	set.Visit(func(f *flag.Flag) { given[f.Name] = f.Value.String() })
	for _, f := range all {
		if v, ok := given[f.name]; ok {
			if err := f.take(new(wrapSettings), v); err != nil {
				return nil, verb, err
			}
		}
	}
	if p, h := given["params"], given[hashOnlyName]; p != "" && h != "" && (p == string(record.ParamsHash)) != (h == "true") {
		return nil, verb, misuseOfWrap("--hash-only is the same as --params hash", "--params %s and --hash-only=%s contradict each other", p, h)
	}
	return given, verb, nil
}

// flagsOfVerb are the flags of a verb that takes flags of wrapping, and more.
func flagsOfVerb(verb string) []wrapFlag {
	if verb == checkName {
		return slices.Concat(wrapFlags, checkFlags)
	}
	all := slices.Clone(hookFlags)
	for _, f := range wrapFlags {
		if !slices.Contains(notForHooks, f.name) {
			all = append(all, f)
		}
	}
	return all
}

// lines are the values of a flag that may be repeated, a line each.
type lines []string

func (l *lines) String() string     { return strings.Join(*l, "\n") }
func (l *lines) Set(s string) error { *l = append(*l, s); return nil }

// inForce are the settings of wrapping with these values, which were checked before.
func inForce(list []config.Setting) *wrapSettings {
	s := &wrapSettings{key: home.DefaultKey}
	for _, f := range wrapFlags {
		if v := settingOf(list, f.name).Values; f.list() && v != nil {
			f.take(s, strings.Join(v, "\n"))
		} else if v != nil {
			f.take(s, v[0])
		}
	}
	return s
}

// misuseOfWrap is a command line that makes no sense where a server was to be
// wrapped. It was not started.
func misuseOfWrap(hint, format string, a ...any) error {
	return &wrap.StartError{Status: 125, Err: fmt.Errorf(format, a...), Hint: hint}
}

// parseBytes reads a size: a number of bytes, or with a unit, "64MiB", "64M".
func parseBytes(s string) (int, error) {
	digits := strings.TrimRight(s, "KMGiBkb ")
	n, err := strconv.Atoi(digits)
	shift, ok := map[string]int{"": 0, "b": 0, "k": 10, "kib": 10, "kb": 10, "m": 20, "mib": 20, "mb": 20, "g": 30, "gib": 30, "gb": 30}[strings.ToLower(strings.TrimSpace(s[len(digits):]))]
	if err != nil || !ok || n <= 0 || n > math.MaxInt32<<4>>shift {
		return 0, fmt.Errorf("%q is not a size in bytes", s)
	}
	return n << shift, nil
}

// wrapFlagsHelp is the table for the help.
func wrapFlagsHelp() string {
	var b strings.Builder
	for _, f := range wrapFlags {
		usage := strings.ReplaceAll(f.usage, "\n", "\n"+strings.Repeat(" ", 24))
		fmt.Fprintf(&b, "  %-21s %s\n", strings.TrimSpace("--"+f.name+" "+f.value), usage)
	}
	return b.String()
}

// generalWrapFlags are the flags of wrapping, for urfave/cli, which must know
// them before a verb, too.
func generalWrapFlags() []ucli.Flag { return cliFlags(wrapFlags) }

func cliFlags(list []wrapFlag) (flags []ucli.Flag) {
	for _, f := range list {
		if f.value == "" {
			flags = append(flags, &ucli.BoolFlag{Name: f.name})
		} else {
			flags = append(flags, &ucli.StringFlag{Name: f.name})
		}
	}
	return flags
}

// wrapFlagsOfVerb refuses the flags of wrapping in front of a verb, where they
// would be without effect: who writes "--hash-only sign" means it.
func wrapFlagsOfVerb(u *ucli.Context, verb string) error {
	for _, f := range wrapFlags {
		if general := f.name == "home" || f.name == "passphrase-file"; !general && u.IsSet(f.name) {
			return misuse("put the flags of a verb after it", "--%s in front of %q would have no effect", f.name, verb)
		}
	}
	return nil
}
