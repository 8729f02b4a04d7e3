package integration

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTranscripts plays the scenarios of node/scenarios with the real servers,
// and holds that what is said is the same, byte for byte in both directions,
// with and without the wrapper, but for the receipts.
func TestTranscripts(t *testing.T) {
	everything := module("@modelcontextprotocol/server-everything/dist/index.js")
	for _, c := range []struct {
		name, scenario, server string
	}{
		{"everything", "everything", everything},
		{"filesystem", "filesystem", module("@modelcontextprotocol/server-filesystem/dist/index.js")},
		{"memory", "memory", module("@modelcontextprotocol/server-memory/dist/index.js")},
		{"discover", "modern", "modern-server.mjs"},
		{"probe of a new server", "probe", "modern-server.mjs"},
		{"probe of an old server", "probe", everything},
	} {
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
