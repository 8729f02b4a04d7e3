package verify

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/sign"
)

// logOf makes a log of n calls by hand, and returns its directory and who signed.
func logOf(t *testing.T, n int) (dir string, keys Keys) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	s, err := sign.NewSigner(key, "bot", "")
	if err != nil {
		t.Fatal(err)
	}
	dir = filepath.Join(t.TempDir(), "audit")
	l := chain.New(dir, chain.Options{NoSync: true})
	defer l.Close()
	if _, err := l.Append(n, func(i int, at chain.At) ([]byte, error) {
		return testlog.Call(s, sign.Action{Tool: fmt.Sprint("t", i)}, at)
	}); err != nil {
		t.Fatal(err)
	}
	keys = Keys{}
	keys.Add(key.Public().(ed25519.PublicKey), "bot")
	return dir, keys
}

// What was interrupted says so, in its JSON too, and says what was found so far.
func TestInterrupted(t *testing.T) {
	dir, keys := logOf(t, 2000)
	whole, err := CheckLog(t.Context(), snapshot(t, dir), keys, Options{Now: time.Now()})
	if err != nil || whole.Verdict != Valid || whole.Interrupted {
		t.Fatalf("%+v, %v", whole, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o := Options{Now: time.Now(), Progress: func(int64, int64, int64) { cancel() }}
	log, err := CheckLog(ctx, snapshot(t, dir), keys, o)
	if !errors.Is(err, context.Canceled) || log == nil || !log.Interrupted || log.Verdict != Unchecked || log.Head != "" {
		t.Errorf("%+v, %v", log, err)
	}

	days, _ := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	b, err := os.ReadFile(days[0])
	if err != nil {
		t.Fatal(err)
	}
	// A pipe that nobody writes to any more does not keep whoever reads it.
	r, w := io.Pipe()
	defer w.Close()
	go w.Write(b)
	ctx, cancel = context.WithCancel(t.Context())
	o.Progress = func(int64, int64, int64) { cancel() }
	_, selection, err := CheckFile(ctx, r, "pipe", keys, o)
	if !errors.Is(err, context.Canceled) || selection == nil || !selection.Interrupted || selection.Verdict != Unchecked || selection.Records == 0 {
		t.Errorf("%+v, %v", selection, err)
	}
	for _, finding := range []any{log, selection} {
		if b, err := json.Marshal(finding); err != nil || !strings.Contains(string(b), `"interrupted":true`) {
			t.Errorf("%s, %v", b, err)
		}
	}
	if _, selection, err = CheckFile(t.Context(), strings.NewReader(string(b)), "file", keys, Options{Now: time.Now()}); err != nil || selection.Verdict != Valid || selection.Records != 2000 {
		t.Errorf("%+v, %v", selection, err)
	}
}

func snapshot(t testing.TB, dir string) *chain.Snapshot {
	t.Helper()
	s, err := chain.TakeSnapshot(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
