package integration

import (
	"bufio"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/keys"
)

// TestFollowOverMidnight: `audit --follow` sees the calls of two writers at once, whose
// clocks pass midnight while they write: each begins once and ends once, in the order of
// the log, though the log goes on in another file.
func TestFollowOverMidnight(t *testing.T) {
	t.Parallel()
	const calls, writers = 200, 2
	h := quietHome(t)
	dir := filepath.Join(h.dir, ".signet")
	// The writers share a key.
	_, err := keys.Store{Dir: filepath.Join(dir, "keys")}.Generate("default", "", nil)
	must(t, err)
	cmd := exec.Command(binary(t), "audit", "--follow", "--json")
	cmd.Env = scrubbed(h.dir)
	out, err := cmd.StdoutPipe()
	must(t, err)
	errs, err := cmd.StderrPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	line, err := bufio.NewReader(errs).ReadString('\n') // it waits for calls
	if err != nil {
		t.Fatalf("%q, %v", line, err)
	}
	type call struct{ Kind, ID, Outcome, Time string }
	lines := make(chan call)
	go func() {
		defer close(lines)
		for in := json.NewDecoder(out); ; {
			var c call
			if in.Decode(&c) != nil {
				return
			}
			lines <- c
		}
	}()
	for range writers {
		p := start(t, h.dir, fake(t, "recorders", dir, strconv.Itoa(calls)))
		p.in.Close()
	}
	var begun []string
	ended := map[string]bool{}
	late := time.After(patience)
	for len(ended) < writers*calls {
		select {
		case c, ok := <-lines:
			switch {
			case !ok:
				t.Fatal("it ended by itself")
			case c.Kind != "call":
			case c.Outcome == "open":
				if slices.Contains(begun, c.ID) {
					t.Errorf("%s began twice", c.ID)
				}
				begun = append(begun, c.ID)
			case ended[c.ID] || !slices.Contains(begun, c.ID):
				t.Errorf("%s is %s twice, or before it began", c.ID, c.Outcome)
			default:
				ended[c.ID] = true
			}
		case <-late:
			t.Fatalf("%d calls began and %d ended, of %d", len(begun), len(ended), writers*calls)
		}
	}
	days, err := filepath.Glob(filepath.Join(h.audit(), "*.jsonl"))
	if err != nil || len(days) < 2 {
		t.Errorf("the log is in %q: %v", days, err)
	}
	var logged []string
	for _, r := range h.records(t) {
		logged = append(logged, r.ID)
	}
	if !slices.Equal(begun, logged) {
		t.Errorf("%d calls began in another order than the %d of the log", len(begun), len(logged))
	}
}
