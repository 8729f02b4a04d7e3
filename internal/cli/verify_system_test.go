package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/heads"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// headOf is an entry of a system's log: a head of the last record of a log.
func headOf(t *testing.T, audit string) systemlog.Entry {
	t.Helper()
	signer, err := sign.NewSigner(testlog.Key(), "", "")
	if err != nil {
		t.Fatal(err)
	}
	s, err := chain.TakeSnapshot(audit)
	if err != nil {
		t.Fatal(err)
	}
	h := event.Head{Dirs: heads.Dirs(audit), Session: "ses_" + strings.Repeat("7", 32), Last: true}
	for e, err := range s.Records(t.Context(), chain.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		if h.Log.IsZero() {
			h.Log = e.RecordHash
		}
		h.File, h.End, h.Head = e.File, e.Offset+int64(len(e.Raw))+1, e.RecordHash
	}
	r, err := signer.Event(h, time.Now(), h.Head)
	if err != nil {
		t.Fatal(err)
	}
	return systemlog.Entry{Message: append([]byte(heads.Phrase), r.JSON...), Time: time.Now(), Trusted: true, UID: "1000", Host: strings.Repeat("1", 32)}
}

// TestSystemLogReadAgain: journalctl does not find a file that journald has renamed or
// removed since it listed them. So what could not be read as a whole is read again, from
// the start.
func TestSystemLogReadAgain(t *testing.T) {
	home := t.TempDir()
	if err := testlog.Write(home, testlog.Options{Records: 10}); err != nil {
		t.Fatal(err)
	}
	head := headOf(t, filepath.Join(home, "audit"))
	for _, test := range []struct {
		failing, reads, status int
		state                  string
	}{{0, 1, 0, "all"}, {1, 2, 0, "all"}, {9, systemLogTries, 3, "partial"}} {
		reads := 0
		var out, errs bytes.Buffer
		s := logless(System{Stdout: &out, Stderr: &errs, Getenv: func(string) string { return "" }})
		s.ReadLog = func(_ context.Context, _ []uint32, see func(systemlog.Entry) bool) (systemlog.Reach, error) {
			see(head)
			reach := systemlog.Reach{From: testlog.Day, To: time.Now()}
			if reads++; reads <= test.failing {
				reach.Partial = "a journal file, ignoring file: No such file or directory"
			}
			return reach, nil
		}
		status := Main([]string{"signet-wrap", "verify", "--chain", "--json", "--require", "system-log", "--home", home}, s)
		var f struct {
			Completeness struct {
				SystemLog string `json:"system_log"`
				Heads     struct{ Heads, Missing int64 }
			}
		}
		if err := json.Unmarshal(out.Bytes(), &f); err != nil {
			t.Fatalf("%v: %s%s", err, &out, &errs)
		}
		if c := f.Completeness; status != test.status || reads != test.reads || c.SystemLog != test.state || c.Heads.Heads != 1 {
			t.Errorf("%d fail: exit status %d, read %d times: %+v\n%s", test.failing, status, reads, c, &errs)
		}
	}
}
