//go:build unix

package testwitness

import (
	"crypto/ed25519"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// A Witness is a real witness: filippo.io/torchwood/cmd/litewitness, on a
// port of this machine, with its key in an ssh-agent that the test is.
type Witness struct {
	Name, Key, Address string // Key is its vkey

	t             testing.TB
	db            string
	socket, print string // of the agent, and its key
	cmd           *exec.Cmd
}

// New starts a witness for a log or more. Where there is no litewitness, or no
// sqlite3 to enroll a log, the test is skipped; on CI that is an error.
func New(t testing.TB, name string) *Witness {
	t.Helper()
	for _, name := range []string{"litewitness", "sqlite3"} {
		if _, err := exec.LookPath(name); err != nil && os.Getenv("CI") == "true" {
			t.Fatalf("there is no %s", name)
		} else if err != nil {
			t.Skipf("there is no %s", name)
		}
	}
	dir, err := os.MkdirTemp("", "w") // a short path, for the socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: key}); err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	w := &Witness{t: t, Name: name, db: filepath.Join(dir, "db"), socket: filepath.Join(dir, "s"), print: ssh.FingerprintSHA256(public)}
	l, err := net.Listen("unix", w.socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go agent.ServeAgent(ring, conn)
		}
	}()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.Address = free.Addr().String()
	free.Close()
	w.Start()
	t.Cleanup(w.Kill)
	return w
}

// Start starts the witness, the first time or again, and waits until it listens.
func (w *Witness) Start() {
	w.t.Helper()
	logs, err := os.Create(w.db + ".log")
	if err != nil {
		w.t.Fatal(err)
	}
	defer logs.Close()
	w.cmd = exec.Command("litewitness", "-db", w.db, "-name", w.Name, "-key", w.print, "-ssh-agent", w.socket, "-listen", w.Address)
	w.cmd.Stdout, w.cmd.Stderr = logs, logs
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", w.Address); err == nil {
			conn.Close()
			break
		}
		if time.Now().After(end) {
			b, _ := os.ReadFile(w.db + ".log")
			w.t.Fatalf("the witness does not listen: %s", b)
		}
	}
	b, err := os.ReadFile(w.db + ".log")
	if err != nil {
		w.t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "vkey=")
	w.Key, _, _ = strings.Cut(rest, "\n")
}

// Kill ends the witness as kill -9 does.
func (w *Witness) Kill() {
	if w.cmd != nil {
		w.cmd.Process.Kill()
		w.cmd.Wait()
		w.cmd = nil
	}
}

// Enroll has the witness know the log, as its operator would.
func (w *Witness) Enroll(origin, vkey string) {
	w.t.Helper()
	w.SQL(fmt.Sprintf("INSERT INTO log VALUES('%s', 0, '47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='); INSERT INTO key VALUES('%[1]s', '%s');", origin, vkey))
}

// SQL runs it on the witness's database.
func (w *Witness) SQL(text string) string {
	w.t.Helper()
	out, err := exec.Command("sqlite3", "-cmd", ".timeout 60000", w.db, text).CombinedOutput()
	if err != nil {
		w.t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

// Has is the size that the witness has cosigned.
func (w *Witness) Has() string { return strings.TrimSpace(w.SQL("SELECT tree_size FROM log;")) }
