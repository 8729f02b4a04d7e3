package integration

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestTamperingShows changes a log that the wrapper left, and asks the binary.
func TestTamperingShows(t *testing.T) {
	home := newHome(t)
	var calls strings.Builder
	for i := range 5 {
		calls.WriteString(`{"jsonrpc":"2.0","id":` + itoa(i) + `,"method":"tools/call","params":{"name":"pay","arguments":{"amount":` + itoa(100+i) + `}}}` + "\n")
	}
	sunk(t, home, []byte(calls.String()))
	home.signet(t, 0, nil, "verify", "--chain")
	files, err := filepath.Glob(filepath.Join(home.dir, ".signet", "audit", "*.jsonl"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}

	third := 1 + slices.IndexFunc(bytes.Split(whole, []byte("\n")), func(line []byte) bool {
		return bytes.Contains(line, []byte(`"amount":102`))
	})
	for _, c := range []struct {
		name string
		line int // that must be named
		edit func(lines [][]byte) [][]byte
	}{
		{"an argument", third, func(l [][]byte) [][]byte {
			l[third-1] = bytes.Replace(l[third-1], []byte(`"amount":102`), []byte(`"amount":902`), 1)
			return l
		}},
		{"a time", 1, func(l [][]byte) [][]byte {
			l[0] = bytes.Replace(l[0], []byte(`"ts":"2`), []byte(`"ts":"3`), 1)
			return l
		}},
		{"a record less", 2, func(l [][]byte) [][]byte { return slices.Delete(l, 1, 2) }},
		{"the first less", 1, func(l [][]byte) [][]byte { return l[1:] }},
		{"a record twice", 3, func(l [][]byte) [][]byte { return slices.Insert(l, 2, l[1]) }},
		{"two records swapped", 2, func(l [][]byte) [][]byte {
			l[1], l[2] = l[2], l[1]
			return l
		}},
		{"a line cut in the middle of the log", 4, func(l [][]byte) [][]byte {
			l[3] = append(slices.Clone(l[3][:len(l[3])/2]), '\n')
			return l
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			edited := bytes.Join(c.edit(bytes.SplitAfter(bytes.Clone(whole), []byte("\n"))), nil)
			if bytes.Equal(edited, whole) {
				t.Fatal("the edit changed nothing")
			}
			if err := os.WriteFile(files[0], edited, 0o600); err != nil {
				t.Fatal(err)
			}
			said := home.signet(t, 1, nil, "verify", "--chain")
			if place := filepath.Base(files[0]) + ":" + itoa(c.line); !strings.Contains(said, place) {
				t.Errorf("%q is not named in:\n%s", place, said)
			}
		})
	}
	if err := os.WriteFile(files[0], whole, 0o600); err != nil {
		t.Fatal(err)
	}
	home.signet(t, 0, nil, "verify", "--chain")

	receipt := home.records(t)[0].raw
	home.signet(t, 0, receipt, "verify", "-")
	home.signet(t, 1, bytes.Replace(receipt, []byte(`"amount":100`), []byte(`"amount":900`), 1), "verify", "-")
	home.signet(t, 2, []byte("no receipt"), "verify", "-")
	stranger := newHome(t)
	stranger.signet(t, 3, receipt, "verify", "-")
	stranger.signet(t, 2, nil, "verify", "--chain")
}
