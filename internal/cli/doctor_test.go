package cli

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/durable"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
)

// findings runs the doctor and returns what is not in order: "check state".
func findings(t *testing.T, home string) (found []string, all string, status int) {
	t.Helper()
	status, out, errs := run(t, "doctor", "--json", "--home", home)
	if errs != "" {
		t.Errorf("on stderr: %s", errs)
	}
	for line := range strings.Lines(out) {
		var r finding
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if r.Says == "" || r.State == "repair" && r.Do == "" && r.Check != "key" {
			t.Errorf("says too little: %s", line)
		}
		if r.State != "ok" {
			found = append(found, r.Check+" "+r.State)
		}
	}
	return found, out, status
}

// Each ailment is found, by itself, and said in words.
func TestDoctor(t *testing.T) {
	t.Setenv("HOME", t.TempDir()) // no clients are here
	t.Setenv("USERPROFILE", t.TempDir())
	path := func(home string, parts ...string) string { return filepath.Join(append([]string{home}, parts...)...) }
	newest := func(t *testing.T, home string) string {
		t.Helper()
		files, err := filepath.Glob(path(home, "audit", "*.jsonl"))
		if err != nil || len(files) == 0 {
			t.Fatal("no log", err)
		}
		return slices.Max(files)
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	appendTo := func(t *testing.T, file, text string) {
		t.Helper()
		b, err := os.ReadFile(file)
		must(t, err)
		must(t, os.WriteFile(file, append(b, text...), 0o600))
	}
	for _, tt := range []struct {
		name  string
		ail   func(t *testing.T, home string)
		want  string // "check state"; "" in order
		says  string
		modes bool // of files, which Windows has not
	}{
		{"nothing", func(*testing.T, string) {}, "", "it is not before the newest record", false},
		{"home open", func(t *testing.T, h string) { must(t, os.Chmod(h, 0o755)) }, "home repair", "chmod 700 ", true},
		{"log open", func(t *testing.T, h string) { must(t, os.Chmod(path(h, "audit"), 0o750)) }, "log repair", "chmod 700 ", true},
		{"key open", func(t *testing.T, h string) { must(t, os.Chmod(path(h, "keys", "default.key"), 0o644)) }, "key repair", "chmod 600 ", true},
		{"day open", func(t *testing.T, h string) { must(t, os.Chmod(newest(t, h), 0o604)) }, "log repair", "others may read 1 file of the log", true},
		{"keys gone", func(t *testing.T, h string) { must(t, os.RemoveAll(path(h, "keys"))) }, "key note", "the first call makes it", false},
		{"log gone", func(t *testing.T, h string) { must(t, os.RemoveAll(path(h, "audit"))) }, "log note", "the first call makes it", false},
		{"log is a file", func(t *testing.T, h string) {
			must(t, os.RemoveAll(path(h, "audit")))
			must(t, os.WriteFile(path(h, "audit"), nil, 0o600))
		}, "log repair", "is not a directory", false},
		{"day is a directory", func(t *testing.T, h string) { must(t, os.Mkdir(path(h, "audit", "2020-01-01.jsonl"), 0o700)) }, "log repair", "2020-01-01.jsonl is not a regular file", false},
		{"strange file", func(t *testing.T, h string) { must(t, os.WriteFile(path(h, "audit", "backup.jsonl"), nil, 0o600)) }, "log note", "backup.jsonl", false},
		{"partial record quarantined", func(t *testing.T, h string) {
			must(t, os.WriteFile(path(h, "audit", "2020-01-01.jsonl.torn-9"), nil, 0o600))
		}, "log note", "1 partial record quarantined", false},
		{"lock is a directory", func(t *testing.T, h string) {
			must(t, os.Remove(path(h, "audit", ".lock")))
			must(t, os.Mkdir(path(h, "audit", ".lock"), 0o700))
		}, "lock repair", "not a regular file", false},
		{"lock held", func(t *testing.T, h string) {
			f, err := os.OpenFile(path(h, "audit", ".lock"), os.O_RDWR, 0)
			must(t, err)
			t.Cleanup(func() { f.Close() })
			must(t, durable.Lock(f))
		}, "lock repair", "has been held for 2s", false},
		{"a day's lock held", func(t *testing.T, h string) {
			f, err := os.OpenFile(newest(t, h)+".lock", os.O_RDWR, 0)
			must(t, err)
			t.Cleanup(func() { f.Close() })
			must(t, durable.Lock(f))
		}, "lock repair", ".jsonl.lock has been held for 2s", false},
		{"a partial record", func(t *testing.T, h string) { appendTo(t, newest(t, h), `{"receipt":{"act`) }, "end note", "a partial record", false},
		{"junk", func(t *testing.T, h string) { appendTo(t, newest(t, h), "junk\n") }, "end repair", "verify --chain", false},
		{"a partial record with a newline", func(t *testing.T, h string) { appendTo(t, newest(t, h), `{"receipt":{"act`+"\n") }, "end repair", "verify --chain", false},
		{"slow clock", func(t *testing.T, h string) { appendRecord(t, h, time.Now().Add(time.Minute)) }, "clock repair", "the next ones will have that time", false},
		{"records of another key", func(t *testing.T, h string) {
			other, _ := testSigner(t, "other")
			l := chain.New(path(h, "audit"), chain.Options{NoSync: true, Now: func() time.Time { return time.Now().Add(time.Hour) }})
			defer l.Close()
			_, err := l.Append(2, func(i int, at chain.At) ([]byte, error) {
				return []func(chain.At) []byte{call(t, other, "t"), raw(`{"ts":"9999-12-31T00:00:00.000Z","type":"note","v":1}`)}[i](at), nil
			})
			must(t, err)
		}, "", "it is not before the newest record", false},
		{"which is in the future", func(t *testing.T, h string) {
			// Its last record is of now, as after a clock that was repaired.
			appendRecord(t, h, time.Now())
			must(t, os.Rename(newest(t, h), path(h, "audit", "2999-01-01.jsonl")))
		}, "clock repair", "2999-01-01, which is in the future", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.modes && runtime.GOOS == "windows" {
				t.Skip("no modes")
			}
			t.Parallel()
			home := filepath.Join(t.TempDir(), "home")
			if _, err := (keys.Store{Dir: path(home, "keys")}).Generate("default", "", nil); err != nil {
				t.Fatal(err)
			}
			appendRecord(t, home, time.Now())
			tt.ail(t, home)
			var want []string
			wantStatus := exitOK
			if tt.want != "" {
				want = []string{tt.want}
			}
			if strings.HasSuffix(tt.want, "repair") {
				wantStatus = exitFailed
			}
			found, out, status := findings(t, home)
			// That nobody else remembers the log, and that this user's programs can read
			// the key and rewrite the log, is said of each of these.
			found = slices.DeleteFunc(found, func(f string) bool {
				return slices.Contains([]string{"anchor note", "heads note", "heads ok", "reads note", "writes note"}, f)
			})
			if !slices.Equal(found, want) || status != wantStatus || !strings.Contains(out, tt.says) {
				t.Errorf("exit status %d, found %q, want %d, %q, saying %q:\n%s", status, found, wantStatus, want, tt.says, out)
			}
		})
	}
}

// appendRecord appends a record of some time to the home's log.
func appendRecord(t *testing.T, home string, at time.Time) {
	t.Helper()
	key, err := (keys.Store{Dir: filepath.Join(home, "keys")}).Load("default", nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := sign.NewSigner(key, key.Name, key.Owner)
	if err != nil {
		t.Fatal(err)
	}
	l := chain.New(filepath.Join(home, "audit"), chain.Options{NoSync: true, Now: func() time.Time { return at }})
	defer l.Close()
	if _, err := l.Append(1, func(_ int, at chain.At) ([]byte, error) { return call(t, s, "t")(at), nil }); err != nil {
		t.Fatal(err)
	}
}
