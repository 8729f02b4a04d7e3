package verify

//lint:file-ignore SA1019 entries have the date of MS-DOS alone, as Write makes them

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/keys"
)

// bundleLog is a log over three days.
func bundleLog(t *testing.T, records int) *chain.Snapshot {
	t.Helper()
	home := t.TempDir()
	if err := testlog.Write(home, testlog.Options{Records: records, Span: 60 * time.Hour}); err != nil {
		t.Fatal(err)
	}
	log, err := chain.TakeSnapshot(filepath.Join(home, "audit"))
	if err != nil {
		t.Fatal(err)
	}
	return log
}

// bundleOf is a bundle of the records with these numbers, as its files.
func bundleOf(t *testing.T, log *chain.Snapshot, kind bundle.Kind, anchors *bundle.Anchors, has func(n int) bool) []bundle.File {
	t.Helper()
	at := map[chain.Position]bool{}
	n := 0
	for e, err := range log.Records(context.Background(), chain.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		at[e.Position()] = has(n)
		n++
	}
	var b bytes.Buffer
	pub := keys.FormatPublic(&keys.Public{Name: "testlog", Key: testlog.Key().Public().(ed25519.PublicKey), Created: testlog.Day})
	if _, err := bundle.Write(context.Background(), &b, &bundle.Source{Log: log, Kind: kind, Has: func(p chain.Position) bool { return at[p] },
		Program: "test", Keys: []bundle.File{{Name: "testlog.pub", Data: pub}}, Anchors: anchors, Signer: testlog.Key()}); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var all []bundle.File
	for _, f := range z.File {
		data, err := fs.ReadFile(z, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, bundle.File{Name: f.Name, Data: data})
	}
	return all
}

// sshSigned is a signature as ssh-keygen -Y sign makes it.
func sshSigned(key ed25519.PrivateKey, message []byte) []byte {
	str := func(parts ...string) (b []byte) {
		for _, p := range parts {
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(p))), p...)
		}
		return b
	}
	sum := sha512.Sum512(message)
	sig := ed25519.Sign(key, append([]byte("SSHSIG"), str("signet-wrap", "", "sha512", string(sum[:]))...))
	pub := string(key.Public().(ed25519.PublicKey))
	blob := base64.StdEncoding.EncodeToString(append([]byte("SSHSIG\x00\x00\x00\x01"),
		str(string(str("ssh-ed25519", pub)), "signet-wrap", "", "sha512", string(str("ssh-ed25519", string(sig))))...))
	text := "-----BEGIN SSH SIGNATURE-----\n"
	for ; len(blob) > 70; blob = blob[70:] {
		text += blob[:70] + "\n"
	}
	return []byte(text + blob + "\n-----END SSH SIGNATURE-----\n")
}

// repack makes a bundle of files again, as who holds key can: with new sums and a new
// signature.
func repack(t *testing.T, files []bundle.File, key ed25519.PrivateKey) *bundle.Bundle {
	t.Helper()
	sums := ""
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		switch f.Name {
		case "SHA256SUMS":
			f.Data = []byte(sums)
		case "SHA256SUMS.sig":
			f.Data = sshSigned(key, []byte(sums))
		default:
			sums += fmt.Sprintf("%x  %s\n", sha256.Sum256(f.Data), f.Name)
		}
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate, ModifiedDate: 0x21})
		if err == nil {
			_, err = w.Write(f.Data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	opened, err := bundle.Open(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func checkBundle(t *testing.T, b *bundle.Bundle, k Keys, change func(o *BundleOptions)) *Bundle {
	t.Helper()
	o := BundleOptions{Options: Options{Now: testlog.Day.AddDate(1, 0, 0)}}
	if change != nil {
		change(&o)
	}
	f, err := CheckBundle(context.Background(), b, k, o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func trustedKeys() (k Keys) {
	k.AddTrusted(testlog.Key().Public().(ed25519.PublicKey), "agent")
	return k
}

// changeLines changes the lines of the files whose names begin with dir.
func changeLines(dir string, change func(lines []string) []string) func([]bundle.File) []bundle.File {
	return func(files []bundle.File) (out []bundle.File) {
		for _, f := range files {
			if strings.HasPrefix(f.Name, dir) {
				f.Data = []byte(strings.Join(change(strings.SplitAfter(string(f.Data), "\n")), ""))
				dir = "\x00" // of the first only
			}
			out = append(out, f)
		}
		return out
	}
}

func changeText(name, old, new string) func([]bundle.File) []bundle.File {
	return func(files []bundle.File) (out []bundle.File) {
		for _, f := range files {
			if f.Name == name {
				f.Data = bytes.Replace(f.Data, []byte(old), []byte(new), 1)
			}
			out = append(out, f)
		}
		return out
	}
}

// TestBundleAltered: what the holder of the agent's key can put into a bundle and sign is
// compared with the records.
func TestBundleAltered(t *testing.T) {
	log := bundleLog(t, 1300)
	other := bundleLog(t, 300) // the same key, and the same calls; another log from the first response on
	kinds := map[bundle.Kind]func(n int) bool{
		bundle.Log: func(int) bool { return true }, bundle.Range: func(n int) bool { return 700 <= n && n < 1100 }, bundle.Selection: func(n int) bool { return n%13 == 5 },
	}
	foreign := bundleOf(t, other, bundle.Log, nil, func(int) bool { return true })
	foreignLine := strings.SplitAfter(string(foreign[0].Data), "\n")[250]
	for kind, has := range kinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			made := bundleOf(t, log, kind, nil, has)
			if f := checkBundle(t, repack(t, made, testlog.Key()), trustedKeys(), nil); f.Verdict != Valid || f.Placed != f.Records {
				t.Fatalf("%+v", f)
			}
			drop := func(n int) func([]string) []string {
				return func(l []string) []string { return append(append([]string{}, l[:n]...), l[n+1:]...) }
			}
			cases := map[string]func([]bundle.File) []bundle.File{
				"the first record gone": changeLines("audit/", drop(0)),
				"a record gone":         changeLines("audit/", drop(20)),
				"two records swapped": changeLines("audit/", func(l []string) []string {
					l[10], l[11] = l[11], l[10]
					return l
				}),
				"a record twice":  changeLines("audit/", func(l []string) []string { return append(append(append([]string{}, l[:10]...), l[9]), l[10:]...) }),
				"a record edited": changeLines("audit/", func(l []string) []string { l[4] = strings.Replace(l[4], `"mcp://files"`, `"mcp://filez"`, 1); return l }),
				"a record of elsewhere": changeLines("audit/", func(l []string) []string {
					return append(append(append([]string{}, l[:10]...), foreignLine), l[10:]...)
				}),
				"in place of another": changeLines("audit/", func(l []string) []string { l[10] = foreignLine; return l }),
				"junk":                changeLines("audit/", func(l []string) []string { return append(append(append([]string{}, l[:10]...), "{}\n"), l[10:]...) }),
				"another root":        changeText("manifest.json", `"root": "`+string(rootOf(made)), `"root": "`+base64.StdEncoding.EncodeToString(make([]byte, 32))),
			}
			if kind == bundle.Log {
				cases["another head"] = changeText("manifest.json", `"head": "sha256:`+headOf(made), `"head": "sha256:`+strings.Repeat("0", 64))
			} else {
				cases["a proof gone"] = changeLines("proofs/records.jsonl", drop(1))
				cases["a proof too many"] = changeLines("proofs/records.jsonl", func(l []string) []string { return append([]string{l[0]}, l...) })
				cases["a proof of another place"] = changeLines("proofs/records.jsonl", func(l []string) []string { l[0] = strings.Replace(l[0], `"index":`, `"index":1`, 1); return l })
				cases["a proof that is junk"] = changeLines("proofs/records.jsonl", func(l []string) []string { l[1] = "[]\n"; return l })
			}
			for name, change := range cases {
				f := checkBundle(t, repack(t, change(made), testlog.Key()), trustedKeys(), nil)
				if f.Verdict != Tampered {
					t.Errorf("%s: %s %v", name, f.Verdict, f.Reasons)
				}
			}
		})
	}
}

func rootOf(files []bundle.File) []byte {
	_, after, _ := bytes.Cut(files[manifestAt(files)].Data, []byte(`"root": "`))
	root, _, _ := bytes.Cut(after, []byte(`"`))
	return root
}

func headOf(files []bundle.File) string {
	_, after, _ := bytes.Cut(files[manifestAt(files)].Data, []byte(`"head": "sha256:`))
	return string(after[:64])
}

func manifestAt(files []bundle.File) int {
	for i, f := range files {
		if f.Name == "manifest.json" {
			return i
		}
	}
	panic("no manifest")
}

// TestBundleSigners: whoever packs a bundle again must have the key of somebody who is
// trusted, and a bundle vouches for no key.
func TestBundleSigners(t *testing.T) {
	log := bundleLog(t, 60)
	made := bundleOf(t, log, bundle.Selection, nil, func(n int) bool { return n%7 == 0 })
	_, stranger, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	granted := func(before time.Time) (k Keys) {
		k.Trust = "trust"
		k.AddGrant(keys.TrustLine{Principals: []string{"alice"}, Key: testlog.Key().Public().(ed25519.PublicKey), Before: before})
		return k
	}
	unsigned := append([]bundle.File{}, made[:len(made)-1]...)
	forged := func() *bundle.Bundle {
		b := append([]bundle.File{}, made...)
		b[len(b)-1].Data = sshSigned(testlog.Key(), []byte("something else"))
		var out bytes.Buffer
		z := zip.NewWriter(&out)
		for _, f := range b {
			w, _ := z.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate, ModifiedDate: 0x21})
			w.Write(f.Data)
		}
		z.Close()
		opened, err := bundle.Open(bytes.NewReader(out.Bytes()), int64(out.Len()))
		if err != nil {
			t.Fatal(err)
		}
		return opened
	}
	for name, c := range map[string]struct {
		b    *bundle.Bundle
		k    Keys
		want Verdict
	}{
		"trusted":              {repack(t, made, testlog.Key()), trustedKeys(), Valid},
		"in a trust file":      {repack(t, made, testlog.Key()), granted(time.Time{}), Valid},
		"closed":               {repack(t, made, testlog.Key()), granted(testlog.Day.AddDate(0, 0, 20)), Unconfirmed},
		"no key known":         {repack(t, made, testlog.Key()), Keys{}, Unconfirmed},
		"signed by a stranger": {repack(t, made, stranger), trustedKeys(), Unconfirmed},
		"not signed":           {repack(t, unsigned, stranger), trustedKeys(), Unconfirmed},
		"a signature of else":  {forged(), trustedKeys(), Tampered},
	} {
		if f := checkBundle(t, c.b, c.k, nil); f.Verdict != c.want {
			t.Errorf("%s: %s %v", name, f.Verdict, f.Reasons)
		}
	}
}

// TestBundleAnchored: what witnesses would have cosigned is compared with what is in the
// bundle, in all kinds.
func TestBundleAnchored(t *testing.T) {
	log := bundleLog(t, 1300)
	secret, public, err := note.GenerateKey(nil, "example.com/log")
	if err != nil {
		t.Fatal(err)
	}
	key, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	text, err := tlog.NewPolicy(public, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	policy, err := tlog.ParsePolicy(text)
	if err != nil {
		t.Fatal(err)
	}
	var tree tlog.Tree
	roots := []tlog.Hash{tree.Root()}
	for e, err := range log.Records(context.Background(), chain.ReadOptions{}) {
		if err != nil {
			t.Fatal(err)
		}
		tree.Append(nil, tlog.Leaf(e.RecordHash))
		roots = append(roots, tree.Root())
	}
	sign := func(size int64, root tlog.Hash) *bundle.Anchors {
		signed, err := tlog.Checkpoint{Origin: key.Name(), Size: size, Root: root}.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		return &bundle.Anchors{Policy: text, Checkpoints: []bundle.Checkpoint{{Size: size, Note: signed}}}
	}
	for kind, has := range map[bundle.Kind]func(n int) bool{
		bundle.Log: func(int) bool { return true }, bundle.Range: func(n int) bool { return n >= 700 }, bundle.Selection: func(n int) bool { return n%100 == 5 },
	} {
		for name, c := range map[string]struct {
			anchors *bundle.Anchors
			want    Verdict
		}{
			"the log":        {sign(800, roots[800]), Valid},
			"all of it":      {sign(1300, roots[1300]), Valid},
			"nothing":        {sign(0, roots[0]), Valid},
			"another log":    {sign(800, roots[799]), Tampered},
			"more than that": {sign(1301, roots[1300]), Tampered},
		} {
			made := bundleOf(t, log, kind, c.anchors, has)
			if f := checkBundle(t, repack(t, made, testlog.Key()), trustedKeys(), nil); f.Verdict != c.want {
				t.Errorf("%s, %s: %s %v", kind, name, f.Verdict, f.Reasons)
			}
		}
		// A policy of who verifies, of another log.
		_, elsewhere, _ := note.GenerateKey(nil, "example.com/other")
		text, _ := tlog.NewPolicy(elsewhere, nil, 0)
		another, err := tlog.ParsePolicy(text)
		if err != nil {
			t.Fatal(err)
		}
		b := repack(t, bundleOf(t, log, kind, sign(800, roots[800]), has), testlog.Key())
		for name, c := range map[string]struct {
			change func(o *BundleOptions)
			want   Verdict
		}{
			"its policy":     {func(o *BundleOptions) { o.Policy = policy }, Valid},
			"another policy": {func(o *BundleOptions) { o.Policy = another }, Unconfirmed},
			"witnesses":      {func(o *BundleOptions) { o.Policy, o.Require = policy, true }, Unconfirmed},
		} {
			if f := checkBundle(t, b, trustedKeys(), c.change); f.Verdict != c.want {
				t.Errorf("%s, %s: %s %v", kind, name, f.Verdict, f.Reasons)
			}
		}
	}
}

// TestBundleInterrupted: a verdict on part of a bundle is none.
func TestBundleInterrupted(t *testing.T) {
	made := bundleOf(t, bundleLog(t, 60), bundle.Log, nil, func(int) bool { return true })
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	f, err := CheckBundle(ctx, repack(t, made, testlog.Key()), trustedKeys(), BundleOptions{})
	if err == nil || f.Verdict != Unchecked || !f.Interrupted {
		t.Errorf("%+v, %v", f, err)
	}
}
