package verify

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/keys"
)

// linesOfLog are those of a new log, and the keys that signed it.
func linesOfLog(t *testing.T, n int) ([]string, Keys) {
	t.Helper()
	home := t.TempDir()
	// Another time for each length, so that no two logs begin with the same records.
	if err := testlog.Write(home, testlog.Options{Records: n, Start: testlog.Day.Add(time.Duration(n) * time.Minute), Span: time.Hour, Batch: 1}); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(home, "audit", "2026-05-01.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	list, err := (keys.Store{Dir: filepath.Join(home, "keys")}).List()
	if err != nil {
		t.Fatal(err)
	}
	known := Keys{}
	for _, p := range list {
		known.Add(p.Key, p.Name)
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n"), known
}

// message is a line as a store of JSON has it.
func message(line string) string {
	b, _ := json.Marshal(map[string]string{"message": line})
	return string(b)
}

// stub is what an export sends of a record without its body.
func stub(line string) string {
	var r struct {
		Prev string `json:"prev_hash"`
		Hash string `json:"record_hash"`
	}
	json.Unmarshal([]byte(line), &r)
	return fmt.Sprintf(`{"message":%q}`, fmt.Sprintf(`{"signet.not_exported":true,"signet.record_hash":%q,"signet.prev_hash":%q,"signet.size":1}`, r.Hash, r.Prev))
}

// What comes back may be of several logs, in any order, again and again, with holes, and
// with what somebody has put there: no more is said of it than is known.
func TestReturned(t *testing.T) {
	const n = 60
	lines, known := linesOfLog(t, n)
	other, _ := linesOfLog(t, 40)
	all := func(wrap func(string) string, lines ...string) (out []string) {
		for _, l := range lines {
			out = append(out, wrap(l))
		}
		return out
	}
	random := rand.New(rand.NewPCG(3, 4))
	shuffled := func(parts ...[]string) (out []string) {
		for _, p := range parts {
			out = append(out, p...)
		}
		random.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		return out
	}
	good := all(message, lines...)
	for _, tt := range []struct {
		name         string
		in           []string
		verdict      Verdict
		completeness string
		records      int64
		ranges       int64
		missing      int64
		notExported  int64
		damaged      bool
	}{
		{"all", good, Valid, Whole, n, 1, 0, 0, false},
		{"in any order, a thousand times", shuffled(good, shuffled(all(message, strings.Split(strings.Repeat(lines[7]+"\n", 1000), "\n")[:1000]...))), Valid, Whole, n, 1, 0, 0, false},
		{"two logs, mixed", shuffled(good, all(message, other[:30]...)), Valid, Whole, n + 30, 2, 0, 0, false},
		{"the end of another log", shuffled(good, all(message, other[20:]...)), Unconfirmed, Gaps, n + 20, 2, 1, 0, false},
		{"without the first", good[5:], Valid, Whole, n - 5, 1, 0, 0, false},
		{"without some", shuffled(good[:10], good[12:30], good[31:]), Unconfirmed, Gaps, n - 3, 3, 2, 0, false},
		{"a hole that is called not exported", append(all(stub, lines[20]), append(good[:20:20], good[21:]...)...), Unconfirmed, Whole, n - 1, 1, 0, 1, false},
		{"not exported, and exported", shuffled(all(stub, lines...), good), Valid, Whole, n, 1, 0, 0, false},
		{"nothing but hashes", all(stub, lines...), Unconfirmed, Whole, 0, 1, 0, n, false},
		{"an edit", append(all(func(l string) string { return message(strings.Replace(l, `"tool":"`, `"tool":"x`, 1)) }, lines[30]), good...), Tampered, Whole, n + 1, 1, 0, 0, true},
		{"a record of an unknown version", append(good[:n:n], message(strings.Replace(lines[0], `"v":1}`, `"v":99}`, 1))), Tampered, Whole, n + 1, 1, 0, 0, true},
		{"hashes in a circle", append(good[:n:n], strings.ReplaceAll(strings.ReplaceAll(stub(lines[3]), "sha256:", "sha256:0"), `0",`, `",`)), Valid, Whole, n, 1, 0, 0, false},
	} {
		text := strings.Join(tt.in, "\n") + "\n"
		_, f, err := CheckFile(t.Context(), strings.NewReader(text), "back", known, Options{Now: time.Now()})
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if tt.name == "hashes in a circle" { // nothing that has no good hashes counts at all
			f.Others = 0
		}
		if f.Verdict != tt.verdict || f.Completeness != tt.completeness || f.Records != tt.records || f.RangeCount != tt.ranges ||
			f.MissingCount != tt.missing || int64(len(f.Missing)) != tt.missing || f.NotExported != tt.notExported || (f.Damaged > 0) != tt.damaged {
			f.Ranges, f.Absent = nil, nil
			t.Errorf("%s: %+v", tt.name, f)
		}
	}
}

// Hostile lines end the check with an error, or cost no more than their length; what was read
// before them is said.
func TestReturnedHostile(t *testing.T) {
	lines, known := linesOfLog(t, 20)
	good := message(lines[0]) + "\n" + message(lines[1]) + "\n"
	for name, bad := range map[string]string{
		"deep":                  strings.Repeat(`{"a":`, 5000) + message(lines[2]) + strings.Repeat(`}`, 5000),
		"many records":          `{"a":[` + strings.Repeat(strings.TrimPrefix(message(`{"receipt":1}`), `{"message":`)[:len(`"{\"receipt\":1}"`)]+`,`, 70000) + `0]}`,
		"longer than a request": `{"message":"` + strings.Repeat("x", 65<<20) + `"}`,
	} {
		_, f, err := CheckFile(t.Context(), strings.NewReader(good+bad+"\n"+message(lines[2])+"\n"), "back", known, Options{Now: time.Now()})
		if f == nil || f.Verdict != Unchecked || err == nil || !strings.Contains(err.Error(), "line 3: ") {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
	// Others write to the same place, too.
	for name, line := range map[string]string{
		"no JSON": "Nov 30 00:00:00 host sshd[1]: session opened", "JSON": `{"level":"info","msg":"started"}`, "long": strings.Repeat("x", 1<<20), "brackets": strings.Repeat("[", 1<<20),
	} {
		_, f, err := CheckFile(t.Context(), strings.NewReader(good+line+"\n"+message(lines[2])+"\n"), "back", known, Options{Now: time.Now()})
		if err != nil || f.Verdict != Valid || f.Others != 1 || f.Records != 3 {
			t.Errorf("%s: %+v, %v", name, f, err)
		}
	}
}
