package bundle_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/internal/sshagent"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// source is a log over three days, of which some is asked for.
func source(t testing.TB, records int) *bundle.Source {
	home := t.TempDir()
	if err := testlog.Write(home, testlog.Options{Records: records, Span: 60 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	log, err := chain.TakeSnapshot(filepath.Join(home, "audit"))
	if err != nil {
		t.Fatal(err)
	}
	pub, err := os.ReadFile(filepath.Join(home, "keys", "testlog.pub"))
	if err != nil {
		t.Fatal(err)
	}
	return &bundle.Source{Log: log, Kind: bundle.Log, Program: "signet-wrap test", Keys: []bundle.File{{Name: "testlog.pub", Data: pub}}, Signer: testlog.Key()}
}

// some asks for the records with these numbers, from 0 on.
func some(t testing.TB, s *bundle.Source, kind bundle.Kind, has func(n int) bool) {
	chosen := map[chain.Position]bool{}
	n := 0
	for e, err := range s.Log.Records(context.Background(), chain.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		chosen[e.Position()] = has(n)
		n++
	}
	s.Kind, s.Has = kind, func(p chain.Position) bool { return chosen[p] }
}

func write(t testing.TB, s *bundle.Source) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := bundle.Write(context.Background(), &b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func open(t testing.TB, b []byte) *bundle.Bundle {
	t.Helper()
	z, err := bundle.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// sound fails the test unless all hashes and signatures are good.
func sound(t testing.TB, b *bundle.Bundle, signatures int) {
	t.Helper()
	faults, err := b.Check(context.Background(), nil)
	if err != nil || len(faults) > 0 {
		t.Fatal(faults, err)
	}
	all, err := b.Signatures(context.Background())
	if err != nil || len(all) != signatures {
		t.Fatalf("%d signatures, want %d; %v", len(all), signatures, err)
	}
	for _, s := range all {
		if s.Err != nil {
			t.Error(s.Err)
		}
	}
}

func page(w io.Writer, core *bundle.Bundle) error {
	_, err := fmt.Fprintf(w, "<p>%d\n", core.Manifest.Records)
	return err
}

func TestKinds(t *testing.T) {
	for name, c := range map[string]struct {
		kind    bundle.Kind
		has     func(n int) bool
		records int64
		first   int64
		places  int
	}{
		"log":              {bundle.Log, nil, 300, 0, 0},
		"range":            {bundle.Range, func(n int) bool { return 100 <= n && n < 250 }, 150, 100, 2},
		"range of one":     {bundle.Range, func(n int) bool { return n == 7 }, 1, 7, 1},
		"range from 0":     {bundle.Range, func(n int) bool { return n < 20 }, 20, 0, 2},
		"selection":        {bundle.Selection, func(n int) bool { return n%10 == 3 }, 30, 3, 30},
		"selection of one": {bundle.Selection, func(n int) bool { return n == 299 }, 1, 299, 1},
		"range over days":  {bundle.Range, func(n int) bool { return 500 <= n && n < 2500 }, 2000, 500, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			total := 300
			if name == "range over days" {
				total = 3000
			}
			s := source(t, total)
			if s.Report = page; c.has != nil {
				some(t, s, c.kind, c.has)
			}
			made := write(t, s)
			if !bytes.Equal(made, write(t, s)) {
				t.Error("the same source made other bytes")
			}
			b := open(t, made)
			sound(t, b, 2)
			if m := b.Manifest; m.Kind != c.kind || m.Size != int64(total) || m.Records != c.records || m.First != c.first {
				t.Errorf("%+v", m)
			}
			log, err := b.Log()
			if err != nil {
				t.Fatal(err)
			}
			if days := len(log.Days()); (days > 1) != (total > 1000) {
				t.Errorf("%d days", days)
			}
			var hashes []chain.Hash
			for e, err := range log.Records(context.Background(), chain.ReadOptions{}) {
				if err != nil {
					t.Fatal(err)
				}
				hashes = append(hashes, e.RecordHash)
			}
			if int64(len(hashes)) != c.records {
				t.Fatalf("%d records", len(hashes))
			}
			n := 0
			for p, err := range b.Places() {
				if err != nil {
					t.Fatal(err)
				}
				of := n
				if c.kind == bundle.Range && n == 1 {
					of = len(hashes) - 1
				}
				if !p.Holds(&b.Manifest, hashes[of]) || p.Holds(&b.Manifest, chain.Hash{}) {
					t.Errorf("the proof of record %d", of)
				}
				n++
			}
			if n != c.places {
				t.Errorf("%d proofs, want %d", n, c.places)
			}

			// The page embeds the core, which is a bundle, too.
			r, size, err := b.Core()
			if err != nil {
				t.Fatal(err)
			}
			core, err := io.ReadAll(r)
			if err != nil || int64(len(core)) != size {
				t.Fatal(len(core), size, err)
			}
			if s.Report = nil; !bytes.Equal(core, write(t, s)) {
				t.Error("the core is not the bundle without its page")
			}
			sound(t, open(t, core), 1)
		})
	}
}

func TestNothingAskedFor(t *testing.T) {
	s := source(t, 10)
	some(t, s, bundle.Selection, func(int) bool { return false })
	if _, err := bundle.Write(context.Background(), io.Discard, s); !errors.Is(err, bundle.ErrEmpty) {
		t.Error(err)
	}
	some(t, s, bundle.Range, func(n int) bool { return n%2 == 0 })
	if _, err := bundle.Write(context.Background(), io.Discard, s); err == nil {
		t.Error("a range with holes")
	}
}

// TestSSHKeygen: OpenSSH itself checks the signatures.
func TestSSHKeygen(t *testing.T) {
	program, err := exec.LookPath("ssh-keygen")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	s := source(t, 20)
	_, auditor, _ := ed25519.GenerateKey(nil)
	s.Auditor, s.Report = auditor, page
	made := write(t, s)
	dir := t.TempDir()
	z, err := zip.NewReader(bytes.NewReader(made), int64(len(made)))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, z); err != nil {
		t.Fatal(err)
	}
	trust := filepath.Join(dir, "allowed")
	lines := ""
	for name, key := range map[string]ed25519.PrivateKey{"agent": testlog.Key(), "auditor": auditor} {
		lines += fmt.Sprintf("%s namespaces=\"signet-wrap\" ssh-ed25519 %s\n", name, base64.StdEncoding.EncodeToString(sshagent.Blob(key.Public().(ed25519.PublicKey))))
	}
	if err := os.WriteFile(trust, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"SHA256SUMS", "report.html"} {
		for who, suffix := range map[string]string{"agent": ".sig", "auditor": ".auditor.sig"} {
			signed, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			for _, change := range []string{"", " "} {
				cmd := exec.Command(program, "-Y", "verify", "-f", trust, "-I", who, "-n", bundle.Namespace, "-s", filepath.Join(dir, file+suffix))
				cmd.Stdin = strings.NewReader(string(signed) + change)
				if out, err := cmd.CombinedOutput(); (err == nil) != (change == "") {
					t.Errorf("%s of %s, changed %v: %v\n%s", who, file, change != "", err, out)
				}
			}
		}
	}
	// sha256sum knows the list.
	if out, err := exec.Command("sh", "-c", "cd "+dir+" && sha256sum --strict -c SHA256SUMS").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
