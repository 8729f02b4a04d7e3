package report

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/verify"
	"github.com/signet-wrap/signet-wrap/keys"
)

// A File is one that the reader has from elsewhere than the report: a trust file, a policy
// of witnesses, or what others kept of the log (heads, receipts). Its content says which.
type File struct {
	Name string
	Data []byte
}

// Used says as what a file of the reader's counts.
type Used struct {
	Name string `json:"name"`
	As   string `json:"as"` // AsTrust, AsPolicy or AsKept
}

// Kinds of files.
const (
	AsTrust  = "trust file"
	AsPolicy = "policy"
	AsKept   = "what others kept"
)

// A FileError is why a file of the reader's cannot be used. The evidence is not to blame.
type FileError struct {
	Name string
	Err  error
}

func (e *FileError) Error() string { return fmt.Sprintf("the file %s: %v", e.Name, e.Err) }
func (e *FileError) Unwrap() error { return e.Err }

// readFiles is what the files of the reader's say: whose keys are known, and what goes to o.
func readFiles(files []File, b *bundle.Bundle, o *verify.BundleOptions) (known verify.Keys, used []Used, err error) {
	var kept []File
	for _, f := range files {
		as := ""
		policy, perr := tlog.ParsePolicy(f.Data)
		lines, terr := keys.ParseTrust(f.Data)
		switch {
		case perr == nil:
			as, o.Policy = AsPolicy, policy
		case terr == nil && len(f.Data) <= keys.MaxTrust:
			as = AsTrust
			known.Trust = strings.TrimPrefix(known.Trust+", "+f.Name, ", ")
			for _, l := range lines {
				known.AddGrant(l)
			}
		case bytes.HasPrefix(f.Data, []byte("{")) || bytes.Contains(f.Data, []byte("signet-wrap")): // of a journal, of syslog, receipts
			as, kept = AsKept, append(kept, f)
		default:
			return known, nil, &FileError{f.Name, fmt.Errorf("it is no trust file (%w), and no policy", terr)}
		}
		used = append(used, Used{f.Name, as})
	}
	for _, f := range kept { // whose keys count, is known by now
		if b.Manifest.Kind != bundle.Log {
			return known, nil, &FileError{f.Name, errors.New("what others kept can be compared with the whole log, and this is a part of it")}
		}
		heads, receipts, err := verify.ReadAgainst(bytes.NewReader(f.Data), f.Name, known, b.Manifest.Log)
		if err != nil {
			return known, nil, &FileError{f.Name, err}
		}
		if heads != nil {
			o.SystemHeads = append(o.SystemHeads, heads)
		}
		if receipts != nil {
			o.Expected = append(o.Expected, receipts)
		}
	}
	return known, used, nil
}

// names are those of the files that count as something.
func names(used []Used, as string) (all []string) {
	for _, u := range used {
		if u.As == as {
			all = append(all, u.Name)
		}
	}
	return all
}
