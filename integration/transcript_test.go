package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// transcripts are the scenarios, and the servers that they are played with.
var transcripts = []struct{ name, scenario, server string }{
	{"everything", "everything", module("@modelcontextprotocol/server-everything/dist/index.js")},
	{"filesystem", "filesystem", module("@modelcontextprotocol/server-filesystem/dist/index.js")},
	{"memory", "memory", module("@modelcontextprotocol/server-memory/dist/index.js")},
	{"discover", "modern", "modern-server.mjs"},
	{"probe of a new server", "probe", "modern-server.mjs"},
	{"probe of an old server", "probe", module("@modelcontextprotocol/server-everything/dist/index.js")},
}

// TestTranscripts plays the scenarios of node/scenarios with the real servers,
// and holds that what is said is the same, byte for byte in both directions,
// with and without the wrapper, but for the receipts.
func TestTranscripts(t *testing.T) {
	for _, c := range transcripts {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			home := newHome(t)
			directory := filepath.Join(home.dir, "files")
			server := node(t, c.server)
			if c.scenario == "filesystem" {
				server = append(server, directory)
			}
			want := play(t, home, c.scenario, directory, server)
			inner, after := tap(t, server)
			outer, before := tap(t, wrapped.argv(t, nil, inner...))
			got := play(t, home, c.scenario, directory, outer)
			if d := difference(want, got); d != "" {
				t.Error("transcripts with and without the wrapper: ", d)
			}
			home.check(t, before(), after())
		})
	}
}

// TestTranscriptsChecked plays the scenarios through a wrapper with a check after it:
// what the client sees is as without them, and each side's log has the calls of the
// other's. All but one are for make nightly.
func TestTranscriptsChecked(t *testing.T) {
	for _, c := range transcripts {
		t.Run(c.name, func(t *testing.T) {
			if c.name != "memory" && os.Getenv("SIGNET_WRAP_CROWD") == "" {
				t.Skip("SIGNET_WRAP_CROWD is not set")
			}
			t.Parallel()
			s := newSides(t)
			directory := filepath.Join(s.client.dir, "files")
			server := node(t, c.server)
			if c.scenario == "filesystem" {
				server = append(server, directory)
			}
			want := play(t, s.client, c.scenario, directory, server)
			got := play(t, s.client, c.scenario, directory, wrapped.argv(t, nil, s.check(t, []string{"--missing", "refuse"}, server...)...))
			if d := difference(want, got); d != "" {
				t.Error("transcripts with and without the two: ", d)
			}
			if len(s.server.events(t, "call_refused")) > 0 {
				t.Error("calls were refused")
			}
			calls := 0
			for _, r := range s.client.records(t) {
				if r.V == 1 {
					calls++
				}
			}
			found := s.client.signet(t, 0, nil, "verify", "--chain", "--against", filepath.Join(s.server.dir, ".signet"),
				"--pubkey", "default", "--pubkey", filepath.Join(s.server.dir, ".signet", "keys", "server.pub"))
			if calls == 0 || !strings.Contains(found, fmt.Sprintf("the other side of %d call", calls)) {
				t.Errorf("%d calls; %s", calls, found)
			}
		})
	}
}

// play runs a scenario against a server and returns its transcript.
func play(t *testing.T, home home, scenario, directory string, server []string) []byte {
	t.Helper()
	os.RemoveAll(directory)
	if err := os.Mkdir(directory, 0o755); err != nil {
		t.Fatal(err)
	}
	text := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	argv := append(node(t, "client.mjs", scenario, "--"), server...)
	cmd := exec.Command(argv[0], argv[1:]...)
	m := newMark()
	t.Cleanup(m.kill)
	cmd.Env = append(scrubbed(home.dir), string(m),
		"SCENARIO="+text(map[string]string{"directory": directory}),
		"SERVER_ENV="+text(map[string]string{"MEMORY_FILE_PATH": filepath.Join(directory, "memory.jsonl")}))
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", scenario, err, errs.Bytes())
	}
	return out.Bytes()
}
