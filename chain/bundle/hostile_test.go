package bundle_test

//lint:file-ignore SA1019 entries have the date of MS-DOS alone, as Write makes them

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/chain/bundle"
)

// contents are the files of a zip file.
func contents(t testing.TB, b []byte) map[string]string {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range z.File {
		data, err := fs.ReadFile(z, f.Name)
		if err != nil {
			t.Fatal(err)
		}
		all[f.Name] = string(data)
	}
	return all
}

// found says whether something is wrong with a bundle, by itself.
func found(b []byte) bool {
	z, err := bundle.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return errors.Is(err, bundle.ErrNotBundle)
	}
	faults, err := z.Check(context.Background(), nil)
	if len(faults) > 0 || err != nil {
		return true
	}
	all, err := z.Signatures(context.Background())
	for _, s := range all {
		err = errors.Join(err, s.Err)
	}
	return err != nil || len(all) != 2
}

// TestEveryByte: a bit that is changed anywhere in a bundle is found, or the files in it
// are the same: two forms in which deflate can pack the same bytes.
func TestEveryByte(t *testing.T) {
	s := source(t, 12)
	s.Report = page
	some(t, s, bundle.Selection, func(n int) bool { return n == 3 || n == 7 })
	made := write(t, s)
	want := contents(t, made)
	same := 0
	for i := range made {
		for _, bit := range []byte{1, 0x40} {
			made[i] ^= bit
			if !found(made) {
				same++
				for name, data := range contents(t, made) {
					if data != want[name] {
						t.Errorf("byte %d: %s is another, and nothing is found", i, name)
					}
				}
			}
			made[i] ^= bit
		}
	}
	t.Logf("%d bytes; %d of %d changed bits leave the files as they are", len(made), same, 2*len(made))
	if same > len(made)/20 {
		t.Error("that is many")
	}
}

// TestTruncated: no beginning and no end of a bundle is one.
func TestTruncated(t *testing.T) {
	made := write(t, source(t, 5))
	for n := range made {
		if !found(made[:n]) || n > 0 && !found(made[n:]) {
			t.Fatalf("cut at %d: nothing is found", n)
		}
	}
	for _, b := range [][]byte{append([]byte("x"), made...), append(bytes.Clone(made), 0), append(bytes.Clone(made), made...)} {
		if !found(b) {
			t.Error("something before or after it: nothing is found")
		}
	}
}

// packed is a zip file of these files, as Write would pack them, but for what change does.
func packed(t testing.TB, files []bundle.File, change func(h *zip.FileHeader)) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.Name, Method: zip.Deflate, ModifiedDate: 0x21}
		if change != nil {
			change(h)
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(f.Data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// files are those of a bundle, in their order.
func files(t testing.TB, made []byte) (all []bundle.File) {
	data := contents(t, made)
	for _, name := range open(t, made).Names() {
		all = append(all, bundle.File{Name: name, Data: []byte(data[name])})
	}
	return all
}

func TestHostileZips(t *testing.T) {
	made := write(t, source(t, 5))
	good := files(t, made)
	if again := packed(t, good, nil); !bytes.Equal(again, made) {
		t.Fatal("the test does not pack as Write does")
	}
	with := func(name, data string) []byte {
		return packed(t, append(good[:len(good):len(good)], bundle.File{Name: name, Data: []byte(data)}), nil)
	}
	cases := map[string][]byte{
		"empty":              {},
		"not a zip file":     []byte(strings.Repeat("PK\x03\x04", 100)),
		"no files":           packed(t, nil, nil),
		"up":                 with("../etc/passwd", "x"),
		"absolute":           with("/etc/passwd", "x"),
		"a drive":            with(`C:\x.pub`, "x"),
		"up in a directory":  with("audit/../../x.jsonl", "x"),
		"backslash":          with(`audit\2026-05-01.jsonl`, "x"),
		"a NUL":              with("keys/a\x00.pub", "x"),
		"twice":              with("manifest.json", "{}"),
		"another case":       with("Manifest.json", "{}"),
		"a directory":        with("audit/", ""),
		"a comment":          packed(t, good, func(h *zip.FileHeader) { h.Comment = "x" }),
		"extra":              packed(t, good, func(h *zip.FileHeader) { h.Extra = []byte{1, 2, 0, 0} }),
		"a symbolic link":    packed(t, good, func(h *zip.FileHeader) { h.SetMode(fs.ModeSymlink | 0o777) }),
		"stored":             packed(t, good, func(h *zip.FileHeader) { h.Method = zip.Store }),
		"another time":       packed(t, good, func(h *zip.FileHeader) { h.ModifiedDate = 0x5000 }),
		"without a manifest": packed(t, good[:1], nil),
	}
	// Two entries of the directory that name the same bytes.
	overlap := bytes.Clone(made)
	end := len(overlap) - 22
	directory := int(binary.LittleEndian.Uint32(overlap[end+16:]))
	second := directory + 46 + len(good[0].Name)
	copy(overlap[second+42:second+46], overlap[directory+42:directory+46])
	cases["overlapping entries"] = overlap
	// An end that promises more than there is.
	for name, change := range map[string]func(b []byte){
		"a count that is absurd": func(b []byte) { binary.LittleEndian.PutUint16(b[end+10:], 0xfffe) },
		"a count that is less": func(b []byte) {
			binary.LittleEndian.PutUint16(b[end+10:], 1)
			binary.LittleEndian.PutUint16(b[end+8:], 1)
		},
		"zip64 that is not there": func(b []byte) { binary.LittleEndian.PutUint16(b[end+10:], 0xffff) },
		"a directory elsewhere":   func(b []byte) { binary.LittleEndian.PutUint32(b[end+16:], 7) },
		"a directory of 4 GB":     func(b []byte) { binary.LittleEndian.PutUint32(b[end+12:], 0xfffffffe) },
		"a comment that hides":    func(b []byte) { binary.LittleEndian.PutUint16(b[end+20:], 22) },
		"a size that is absurd":   func(b []byte) { binary.LittleEndian.PutUint32(b[directory+24:], 0xfffffff0) },
		"another name before it":  func(b []byte) { b[30] = 'A' },
	} {
		b := bytes.Clone(made)
		change(b)
		cases[name] = b
	}
	// A zip64 end with 2^40 files.
	var end64 []byte
	end64 = append(end64, "PK\x06\x06"...)
	end64 = binary.LittleEndian.AppendUint64(end64, 44)
	end64 = append(end64, 45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	end64 = binary.LittleEndian.AppendUint64(end64, 1<<40)
	end64 = binary.LittleEndian.AppendUint64(end64, 1<<40)
	end64 = binary.LittleEndian.AppendUint64(end64, 1<<50)
	end64 = binary.LittleEndian.AppendUint64(end64, 0)
	end64 = append(end64, "PK\x06\x07\x00\x00\x00\x00"...)
	end64 = binary.LittleEndian.AppendUint64(end64, 0)
	end64 = append(end64, 1, 0, 0, 0)
	end64 = append(end64, "PK\x05\x06\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00"...)
	cases["zip64 with 2^40 files"] = end64
	for name, b := range cases {
		_, err := bundle.Open(bytes.NewReader(b), int64(len(b)))
		if !errors.Is(err, bundle.ErrNotBundle) {
			t.Errorf("%s: %v", name, err)
		} else if strings.ContainsAny(err.Error(), "\n\x00") {
			t.Errorf("%s: %q", name, err)
		}
	}
}

// TestBomb: what would be much longer unpacked than packed is refused before it is
// unpacked, and what a small file may be is held to that.
func TestBomb(t *testing.T) {
	good := files(t, write(t, source(t, 5)))
	zeros := func(name string, size int64) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for _, f := range append(good[:0:0], good...) {
			w, err := z.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate, ModifiedDate: 0x21})
			if err != nil {
				t.Fatal(err)
			}
			if f.Name == name {
				_, err = io.CopyN(w, zeroReader{}, size)
			} else {
				_, err = w.Write(f.Data)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	manifest, day := zeros("manifest.json", 64<<20), zeros(good[0].Name, 64<<20)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := bundle.Open(bytes.NewReader(manifest), int64(len(manifest))); !errors.Is(err, bundle.ErrNotBundle) {
		t.Error(err)
	}
	z, err := bundle.Open(bytes.NewReader(day), int64(len(day)))
	if err != nil {
		t.Fatal(err)
	}
	if faults, err := z.Check(context.Background(), nil); err != nil || len(faults) != 1 {
		t.Error(faults, err)
	}
	if runtime.ReadMemStats(&after); after.TotalAlloc-before.TotalAlloc > 16<<20 {
		t.Errorf("%d MiB of memory", (after.TotalAlloc-before.TotalAlloc)>>20)
	}
	// A size that nothing of that length has.
	var b bytes.Buffer
	raw := zip.NewWriter(&b)
	w, err := raw.CreateRaw(&zip.FileHeader{Name: good[0].Name, Method: zip.Deflate, CreatorVersion: 20, ReaderVersion: 20, Flags: 8, ModifiedDate: 0x21,
		CompressedSize64: 4, UncompressedSize64: 3 << 30})
	if err == nil {
		_, err = w.Write(make([]byte, 4))
	}
	if err := errors.Join(err, raw.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := bundle.Open(bytes.NewReader(b.Bytes()), int64(b.Len())); err == nil || !strings.Contains(err.Error(), "much longer unpacked") {
		t.Error(err)
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestManifests: only one spelling, and only numbers that can be of one log.
func TestManifests(t *testing.T) {
	good := files(t, write(t, source(t, 5)))
	for _, change := range [][2]string{
		{`"kind": "log"`, `"kind": "all"`}, {`"size": 5`, `"size": 4`}, {`"size": 5`, `"size": -5`},
		{`"records": 5`, `"records": 6`}, {`"last": 4`, `"last": 5`}, {`"first": 0`, `"first": 1`}, {`"first": 0`, `"first": -1`},
		{`signet-wrap bundle 1`, `bundle 1`}, {`"size": 5`, `"size":5`}, {`"size": 5`, `"size": 5, "more": 1`}, {"}", "} "}, {`"size": 5`, `"size": 5e0`},
		{`"root": "`, `"root": "A`}, {`"head": "sha256:`, `"head": "SHA256:`},
	} {
		var changed []bundle.File
		for _, f := range good {
			if f.Name == "manifest.json" {
				text := strings.Replace(string(f.Data), change[0], change[1], 1)
				if text == string(f.Data) {
					t.Fatalf("%q is not there", change[0])
				}
				f.Data = []byte(text)
			}
			changed = append(changed, f)
		}
		b := packed(t, changed, nil)
		if _, err := bundle.Open(bytes.NewReader(b), int64(len(b))); !errors.Is(err, bundle.ErrNotBundle) {
			t.Errorf("%q: %v", change[1], err)
		}
	}
	// Of another version nothing is known, whatever else its manifest has.
	for _, text := range []string{`{"type": "signet-wrap bundle 2", "more": [1]}`, `{"type":"signet-wrap bundle 1.1"}`} {
		for i := range good {
			if good[i].Name == "manifest.json" {
				good[i].Data = []byte(text)
			}
		}
		b := packed(t, good, nil)
		if _, err := bundle.Open(bytes.NewReader(b), int64(len(b))); !errors.Is(err, bundle.ErrVersion) || errors.Is(err, bundle.ErrNotBundle) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// TestNothingUnseen: a bundle has no file at which nothing looks, however it is signed.
func TestNothingUnseen(t *testing.T) {
	s := source(t, 9)
	whole := files(t, write(t, s))
	some(t, s, bundle.Range, func(n int) bool { return 3 <= n && n < 6 })
	part := files(t, write(t, s))
	some(t, s, bundle.Selection, func(n int) bool { return n == 3 })
	picked := files(t, write(t, s))
	for _, c := range []struct {
		of   []bundle.File
		name string
	}{
		{whole, "proofs/records.jsonl"}, {whole, "proofs/anchors.jsonl"}, {whole, "audit/2026-99-01.jsonl"}, {whole, "audit/2026-02-30.ends"},
		{part, "heads.jsonl"}, {picked, "heads.jsonl"}, {part, "audit/2026-04-01.ends"}, {picked, "audit/2026-04-01.ends"}, {picked, "audit/2026-05-01.jsonl.torn-1"},
		{whole, "anchors/0.checkpoint"}, {whole, "anchors/0.tsr"}, {whole, "anchors/tsa.pem"}, {part, "proofs/anchors.jsonl"},
		{whole, "keys/TESTLOG.pub"}, {whole, "audit/2026-05-01.JSONL"},
	} {
		b := packed(t, append(c.of[:len(c.of):len(c.of)], bundle.File{Name: c.name}), nil)
		if _, err := bundle.Open(bytes.NewReader(b), int64(len(b))); !errors.Is(err, bundle.ErrNotBundle) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, name := range []string{"1.checkpoint", "00.checkpoint", "16.checkpoint", "0.tsr", "99.tsr"} {
		b := packed(t, append(whole[:len(whole):len(whole)], bundle.File{Name: "anchors/policy"}, bundle.File{Name: "anchors/" + name}), nil)
		if _, err := bundle.Open(bytes.NewReader(b), int64(len(b))); !errors.Is(err, bundle.ErrNotBundle) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What is listed and is not what its name says is named.
	for name, data := range map[string]string{"keys/hostile.pub": "../../x", "keys/ssh.pub": "ssh-ed25519 AAAA x\n", "tools/" + strings.Repeat("0", 64) + ".json": "{}"} {
		all := append([]bundle.File{}, whole...)
		for i := range all {
			if all[i].Name == "SHA256SUMS" {
				all[i].Data = fmt.Appendf(bytes.Clone(all[i].Data), "%x  %s\n", sha256.Sum256([]byte(data)), name)
			}
		}
		b := packed(t, append(all, bundle.File{Name: name, Data: []byte(data)}), nil)
		faults, err := open(t, b).Check(context.Background(), nil)
		if err != nil || len(faults) != 1 || !strings.Contains(faults[0], name) || strings.Contains(faults[0], "\n") {
			t.Errorf("%s: %q, %v", name, faults, err)
		}
	}
}

// TestSums: each file is listed, and each listed file is there.
func TestSums(t *testing.T) {
	good := files(t, write(t, source(t, 5)))
	at := func(name string) int {
		for i, f := range good {
			if f.Name == name {
				return i
			}
		}
		t.Fatal(name)
		return 0
	}
	sums := at("SHA256SUMS")
	text := string(good[sums].Data)
	first, rest, _ := strings.Cut(text, "\n")
	with := func(i int, data string) []bundle.File {
		all := append([]bundle.File{}, good...)
		all[i].Data = []byte(data)
		return all
	}
	for name, changed := range map[string][]bundle.File{
		"a line that is gone":    with(sums, rest),
		"a line twice":           with(sums, first+"\n"+text),
		"a file more":            with(sums, text+strings.Repeat("0", 64)+"  trust\n"),
		"capitals":               with(sums, strings.ToUpper(first[:64])+first[64:]+"\n"+rest),
		"no newline":             with(sums, strings.TrimSuffix(text, "\n")),
		"another key":            with(at("keys/testlog.pub"), "{}"),
		"a file that is gone":    append(append([]bundle.File{}, good[:1]...), good[2:]...),
		"a file that is added":   append(append([]bundle.File{}, good...), bundle.File{Name: "trust"}),
		"a signature of its own": append(append([]bundle.File{}, good...), bundle.File{Name: "SHA256SUMS.auditor.sig", Data: good[at("SHA256SUMS.sig")].Data[1:]}),
	} {
		if !found(packed(t, changed, nil)) {
			t.Errorf("%s: nothing is found", name)
		}
	}
}

// FuzzOpen: whatever a file is, reading it ends, holds little, and says in one line what
// is wrong.
func FuzzOpen(f *testing.F) {
	s := source(f, 5)
	f.Add(write(f, s))
	s.Report = page
	f.Add(write(f, s))
	some(f, s, bundle.Selection, func(n int) bool { return n%2 == 0 })
	f.Add(write(f, s))
	f.Fuzz(func(t *testing.T, b []byte) {
		z, err := bundle.Open(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			if !errors.Is(err, bundle.ErrNotBundle) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
			return
		}
		ctx := context.Background()
		if _, err := z.Check(ctx, nil); err != nil {
			t.Error(err)
		}
		if _, err := z.Signatures(ctx); err != nil {
			t.Error(err)
		}
		z.Keys()
		z.Anchors()
		for range z.Places() {
		}
		if _, err := z.Log(); err != nil {
			t.Log(err)
		}
		r, size, err := z.Core()
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, r); err != nil || n != size {
			t.Error(fmt.Errorf("the core: %d of %d: %w", n, size, err))
		}
	})
}
