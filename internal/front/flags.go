package front

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/wrap"
)

// Flags are those of wrapping. The zero value is a command line without any.
type Flags struct {
	Home           string // "": $SIGNET_HOME or ~/.signet
	Key            string // "": DefaultKey
	PassphraseFile string // "": the key's source or $SIGNET_PASSPHRASE, see Unlock
	Target         string
	MetaKey        string
	MaxCall        int // bytes
	HashOnly       bool
	FailOpen       bool
	NoOutcomes     bool
	NoSync         bool
	Verbose        bool
}

// FlagSet returns the flags of wrapping, as they are written, and what they set.
// check says what is wrong with a value; it is called when all are parsed.
func FlagSet() (set *flag.FlagSet, f *Flags, check func() error) {
	f = new(Flags)
	set = flag.NewFlagSet("signet-wrap", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&f.Home, "home", "", "")
	set.StringVar(&f.Key, "key", DefaultKey, "")
	set.StringVar(&f.PassphraseFile, "passphrase-file", "", "")
	set.StringVar(&f.Target, "target", "", "")
	set.StringVar(&f.MetaKey, "meta-key", wrap.DefaultMetaKey, "")
	set.BoolVar(&f.HashOnly, "hash-only", false, "")
	set.BoolVar(&f.FailOpen, "fail-open", false, "")
	set.BoolVar(&f.Verbose, "verbose", false, "")
	sync := set.String("sync", "always", "")
	outcomes := set.String("outcomes", "on", "")
	maxCall := set.String("max-call", strconv.Itoa(wrap.DefaultMaxCall), "")
	return set, f, func() (err error) {
		f.NoSync, f.NoOutcomes = *sync == "off", *outcomes == "off"
		switch {
		case !keys.ValidName(f.Key):
			return misuse("names are letters, digits, - and _", "--key %q is not a name", f.Key)
		case *sync != "always" && *sync != "off":
			return misuse("always waits for the disk before each call is forwarded, off does not", "--sync takes always or off, not %q", *sync)
		case *outcomes != "on" && *outcomes != "off":
			return misuse("on records the answer to each call, off only the calls", "--outcomes takes on or off, not %q", *outcomes)
		case f.MetaKey == "":
			return misuse("leave it out for _signet", "--meta-key must not be empty")
		}
		if f.MaxCall, err = parseBytes(*maxCall); err != nil {
			return misuse("for example --max-call 64MiB", "--max-call: %w", err)
		}
		return nil
	}
}

// ErrNotWrapping reports a command line that is for somebody else: it asks for
// help, or there is a verb in it.
var ErrNotWrapping = errors.New("not a command line that wraps")

// ParseFlags reads what stands before the "--" of a command line that wraps,
// without the program's name. The error is ErrNotWrapping or a
// *wrap.StartError.
func ParseFlags(args []string) (Flags, error) {
	set, f, check := FlagSet()
	err := set.Parse(args)
	// An empty word is nobody's verb: a configuration may have a variable there
	// that is not set.
	for err == nil && set.NArg() > 0 && set.Arg(0) == "" {
		err = set.Parse(set.Args()[1:])
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return *f, ErrNotWrapping
	case err != nil: // what stands behind it was not looked at
		return *f, misuse(`see "signet-wrap --help"`, "%w", err)
	case set.NArg() > 0:
		return *f, ErrNotWrapping
	}
	return *f, check()
}

// misuse is a command line that makes no sense. The server was not started.
func misuse(hint, format string, a ...any) error {
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
