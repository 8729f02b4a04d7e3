package bundle

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// A Source is what [Write] makes a bundle of.
type Source struct {
	Log  *chain.Snapshot
	Kind Kind
	// Has says whether a record is in the bundle, by its place. A [Range] must have all
	// from one record to another. Not used for [Log].
	Has func(chain.Position) bool

	Program string // for the manifest
	Asked   string // likewise

	Keys    []File // public keys, "NAME.pub"
	Trust   []byte // the trust file in force where the bundle is made; nil: none
	Heads   []byte // of a [Log]: what the system's log has kept of it, JSON lines; nil: nothing
	Anchors *Anchors
	// Tool returns the definition of a tool with this hash. An error leaves it out.
	Tool func(event.Hash) ([]byte, error)

	Signer  crypto.Signer // an Ed25519 key, the agent's; nil: the bundle is not signed
	Auditor crypto.Signer // likewise, of who asked for it

	// Report writes report.html, a page that shows the core. nil: there is none.
	Report func(w io.Writer, core *Bundle) error

	// Progress is called now and then with the number of records and bytes read, of so
	// many bytes. nil: not called.
	Progress func(records, bytes, total int64)
}

// A File is a small file of a bundle.
type File struct {
	Name string
	Data []byte
}

// Anchors are the checkpoints of the log that others have signed, with the policy that
// names them. A bundle has the first 16.
type Anchors struct {
	Policy      []byte // c2sp.org/tlog-policy
	Roots       []byte // of the time-stamp authority, PEM; nil: none
	Checkpoints []Checkpoint
}

// A Checkpoint is a signed checkpoint, and a time stamp of it.
type Checkpoint struct {
	Size  int64  // its records
	Note  []byte // with its signatures
	Stamp []byte // RFC 3161 token; nil: none
}

// ErrEmpty says that no record was asked for.
var ErrEmpty = errors.New("no record was asked for")

// Write writes a bundle to w. It reads the log twice. The core of a bundle with a page is
// kept in a temporary file until the page is written.
func Write(ctx context.Context, w io.Writer, s *Source) (*Manifest, error) {
	if s.Report == nil {
		return writeCore(ctx, w, s)
	}
	temp, err := os.CreateTemp("", "signet-wrap-report-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(temp.Name())
	defer temp.Close()
	m, err := writeCore(ctx, temp, s)
	if err != nil {
		return nil, err
	}
	size, err := temp.Seek(0, io.SeekCurrent)
	if err != nil {
		return nil, err
	}
	core, err := Open(temp, size)
	if err != nil {
		return nil, err
	}
	z := &writer{zip: zip.NewWriter(w)}
	for _, f := range core.files {
		if err := z.copy(f); err != nil {
			return nil, err
		}
	}
	sum := sha512.New()
	err = z.add(reportName, func(w io.Writer) error { return s.Report(io.MultiWriter(w, sum), core) })
	if err == nil {
		err = z.sign(reportName, s, [sha512.Size]byte(sum.Sum(nil)))
	}
	if err != nil {
		return nil, err
	}
	return m, z.zip.Close()
}

// writer writes the entries of a bundle, and remembers their hashes.
type writer struct {
	zip  *zip.Writer
	sums bytes.Buffer // SHA256SUMS
}

// header is that of every entry: without a time, a mode or a system.
func header(name string) *zip.FileHeader {
	// 20 is the version of the format that has deflate, 8 that sizes come after the
	// data, and 0x21 the first day there is, of 1980.
	//lint:ignore SA1019 Modified would add a field of its own to each entry
	return &zip.FileHeader{Name: name, Method: zip.Deflate, CreatorVersion: 20, ReaderVersion: 20, Flags: 8, ModifiedDate: 0x21}
}

func (z *writer) copy(f *zip.File) error {
	h := header(f.Name)
	h.CRC32, h.CompressedSize64, h.UncompressedSize64 = f.CRC32, f.CompressedSize64, f.UncompressedSize64
	w, err := z.zip.CreateRaw(h)
	if err != nil {
		return err
	}
	r, err := f.OpenRaw()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return err
}

func (z *writer) add(name string, write func(w io.Writer) error) error {
	w, err := z.begin(name)
	if err == nil {
		err = write(w)
	}
	if err == nil {
		err = w.end()
	}
	return err
}

func (z *writer) addFile(f File) error {
	return z.add(f.Name, func(w io.Writer) error {
		_, err := w.Write(f.Data)
		return err
	})
}

// entry is an entry that is being written.
type entry struct {
	*bufio.Writer
	z    *writer
	name string
	sum  hash.Hash
}

func (z *writer) begin(name string) (*entry, error) {
	w, err := z.zip.CreateHeader(header(name))
	if err != nil {
		return nil, err
	}
	e := &entry{z: z, name: name, sum: sha256.New()}
	e.Writer = bufio.NewWriterSize(io.MultiWriter(w, e.sum), 64<<10)
	return e, nil
}

func (e *entry) end() error {
	err := e.Flush()
	fmt.Fprintf(&e.z.sums, "%x  %s\n", e.sum.Sum(nil), e.name)
	return err
}

// sign adds the signatures of a file.
func (z *writer) sign(name string, s *Source, sum [sha512.Size]byte) error {
	for _, by := range []struct {
		key    crypto.Signer
		suffix string
	}{{s.Signer, signedSuffix}, {s.Auditor, auditorSuffix}} {
		if by.key == nil {
			continue
		}
		sig, err := sshSign(by.key, sum)
		if err != nil {
			return fmt.Errorf("signing the report: %w", err)
		}
		if err := z.addFile(File{name + by.suffix, sig}); err != nil {
			return err
		}
	}
	return nil
}

// writeCore writes a bundle without a page.
func writeCore(ctx context.Context, w io.Writer, s *Source) (*Manifest, error) {
	if a := s.Anchors; a != nil && len(a.Checkpoints) > maxAnchors {
		fewer := *s
		fewer.Anchors = &Anchors{a.Policy, a.Roots, a.Checkpoints[:maxAnchors]}
		s = &fewer
	}
	c := &core{Source: s, z: &writer{zip: zip.NewWriter(w)}, tools: map[event.Hash]bool{}, torn: map[string]bool{}}
	c.m = Manifest{Type: Type, Kind: s.Kind, Program: s.Program, Asked: s.Asked, First: -1}
	if s.Kind != Log {
		temp, err := os.CreateTemp("", "signet-wrap-hashes-*")
		if err != nil {
			return nil, err
		}
		defer os.Remove(temp.Name())
		defer temp.Close()
		c.hashes = temp
	}
	steps := []func() error{
		func() error { return c.records(ctx) }, c.quarantined, c.smallFiles, c.proofs, c.toolFiles,
		func() error {
			b, err := c.m.format()
			if err == nil {
				err = c.z.addFile(File{manifestName, b})
			}
			return err
		},
		func() error {
			sums := bytes.Clone(c.z.sums.Bytes())
			if err := c.z.addFile(File{sumsName, sums}); err != nil {
				return err
			}
			return c.z.sign(sumsName, s, sha512.Sum512(sums))
		},
		c.z.zip.Close,
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return &c.m, nil
}

// core is a bundle in the making.
type core struct {
	*Source
	z *writer
	m Manifest

	tree   tlog.Tree
	hashes *os.File // of the tree; nil: not needed
	places []int64  // in the log, of the records that get proofs
	tools  map[event.Hash]bool
	torn   map[string]bool // quarantined records that events in a range name
}

// records writes the day files, and follows the tree of the whole log.
func (c *core) records(ctx context.Context) error {
	type line struct {
		chain.Entry
		bad bool
	}
	var day *entry
	var name string
	var stored []byte
	var hashes *bufio.Writer
	if c.hashes != nil {
		hashes = bufio.NewWriterSize(c.hashes, 1<<20)
	}
	var before, pending []byte // hash of the record before; damaged lines after the newest record of a range
	var ended bool             // a range has ended
	var damaged int64
	write := func(e *chain.Entry, damage []byte) error {
		if name != e.File {
			if day != nil {
				if err := day.end(); err != nil {
					return err
				}
			}
			var err error
			if day, err = c.z.begin(auditDir + e.File); err != nil {
				return err
			}
			name = e.File
		}
		day.Write(damage)
		day.Write(e.Raw) // whose error Flush has
		return day.WriteByte('\n')
	}
	grow := func(hash chain.Hash) error {
		if c.m.Size == 0 {
			c.m.Log = hash
		}
		c.m.Size, c.m.Head = c.m.Size+1, hash
		stored = c.tree.Append(stored[:0], tlog.Leaf(hash))
		if hashes == nil {
			return nil
		}
		_, err := hashes.Write(stored)
		return err
	}
	// Of days that were archived the log has hashes, which count as its records.
	if err := c.Log.Archived(ctx, func(e chain.RecordEnd) error {
		if before = append(before[:0], e.Hash[:]...); c.Kind == Log {
			c.m.First, c.m.Last, c.m.Records = 0, c.m.Size, c.m.Records+1
		}
		return grow(e.Hash)
	}); err != nil {
		return err
	}
	look := func(e chain.Entry, bad *chain.LineError) (line, bool) { return line{e, bad != nil}, true }
	for l, err := range chain.Read(ctx, c.Log, chain.ReadOptions{Progress: c.Progress}, look) {
		if err != nil {
			return err
		}
		if l.bad {
			damaged++
			if c.Kind == Range && c.m.Records > 0 && !ended {
				pending = append(append(pending, l.Raw...), '\n')
				if len(l.Raw) == 0 || len(pending) > maxDamage {
					return fmt.Errorf("%s: lines that are no records are too long for a range: report the whole log", l.File)
				}
			}
			continue
		}
		if err := grow(l.RecordHash); err != nil {
			return err
		}
		if c.Kind != Log && !c.Has(l.Position()) {
			ended = c.m.Records > 0
			pending = nil
			before = append(before[:0], l.RecordHash[:]...)
			continue
		}
		if c.Kind == Range && ended {
			return errors.New("these records are not one range of the log")
		}
		place := c.m.Size - 1
		if c.m.Records == 0 {
			c.m.First = place
			if c.Kind == Range {
				copy(c.m.Follows[:], before)
			}
		}
		if c.m.Records, c.m.Last = c.m.Records+1, place; c.Kind == Selection {
			c.places = append(c.places, place)
		}
		c.see(l.Receipt)
		if c.Kind == Log {
			continue
		}
		c.m.Damaged += int64(bytes.Count(pending, []byte{'\n'}))
		if err := write(&l.Entry, pending); err != nil {
			return err
		}
		pending = nil
	}
	if c.m.Records == 0 {
		return ErrEmpty
	}
	if c.m.Root = Root(c.tree.Root()); c.Kind == Range {
		c.places = slices.Compact([]int64{c.m.First, c.m.Last})
	}
	if hashes != nil {
		if err := hashes.Flush(); err != nil {
			return err
		}
	}
	if day != nil {
		return day.end()
	}
	// The whole log: its files as they stand.
	c.m.Damaged = damaged
	for _, day := range c.Log.Days() {
		if err := c.z.add(auditDir+day, func(w io.Writer) error { return c.Log.CopyFile(w, day) }); err != nil {
			return err
		}
	}
	return nil
}

// maxDamage is how much damage in a row a range may have, in bytes.
const maxDamage = 16 << 20

// see notes what an event in the bundle needs beside it.
func (c *core) see(receipt []byte) {
	if !slices.ContainsFunc([]string{event.Tools{}.Type(), event.ToolDrift{}.Type(), event.TornLine{}.Type()}, func(t string) bool {
		return bytes.Contains(receipt, []byte(`"type":"`+t+`"`))
	}) {
		return
	}
	e, err := event.Decode(receipt)
	if err != nil {
		return
	}
	switch e := e.(type) {
	case event.Tools:
		for _, name := range slices.Sorted(maps.Keys(e.Tools)) {
			c.listed(e.Tools[name])
		}
	case event.ToolDrift:
		c.listed(e.Was)
		c.listed(e.Now)
	case event.TornLine:
		if len(c.torn) < maxTorn {
			c.torn[e.Kept] = true
		}
	}
}

func (c *core) listed(tool event.Hash) {
	if len(c.tools) < maxTools {
		c.tools[tool] = true
	}
}

// quarantined writes the partial records beside the log, and the ends of archived days.
func (c *core) quarantined() error {
	days := c.Log.Days()
	for _, name := range c.Log.Files()[len(days):] {
		if c.Kind != Log && !(c.Kind == Range && c.torn[name]) {
			continue
		}
		if err := c.z.add(auditDir+name, func(w io.Writer) error { return c.Log.CopyFile(w, name) }); err != nil {
			return err
		}
	}
	return nil
}

func (c *core) smallFiles() error {
	var all []File
	for _, f := range c.Keys {
		all = append(all, File{keysDir + f.Name, f.Data})
	}
	slices.SortFunc(all, func(a, b File) int { return bytes.Compare([]byte(a.Name), []byte(b.Name)) })
	if c.Trust != nil {
		all = append(all, File{trustName, c.Trust})
	}
	if len(c.Heads) > 0 && c.Kind == Log { // of a part nothing could be compared with them
		all = append(all, File{headsName, c.Heads})
	}
	if a := c.Anchors; a != nil {
		all = append(all, File{anchorsDir + policyName, a.Policy})
		if a.Roots != nil {
			all = append(all, File{anchorsDir + rootsName, a.Roots})
		}
		for i, p := range a.Checkpoints {
			all = append(all, File{anchorsDir + strconv.Itoa(i) + checkpointSuffix, p.Note})
			if p.Stamp != nil {
				all = append(all, File{anchorsDir + strconv.Itoa(i) + stampSuffix, p.Stamp})
			}
		}
	}
	for _, f := range all {
		if err := c.z.addFile(f); err != nil {
			return err
		}
	}
	return nil
}

// A proofLine is a line of a file of proofs.
type proofLine struct {
	Index  *int64      `json:"index,omitempty"` // of the record: it is in the log there
	Size   *int64      `json:"size,omitempty"`  // of the checkpoint: the log begins with it
	Hashes []tlog.Hash `json:"hashes"`
}

// proofs writes the proofs that records are in their places in the log, and that the
// log continues what others have signed.
func (c *core) proofs() error {
	if c.Kind == Log {
		return nil // it is its own proof
	}
	stored := tlog.Hashes{R: c.hashes}
	err := c.z.add(recordProofs, func(w io.Writer) error {
		for _, place := range c.places {
			hashes, err := stored.Inclusion(c.m.Size, place)
			if err == nil {
				err = writeLine(w, proofLine{Index: &place, Hashes: hashes})
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil || c.Anchors == nil {
		return err
	}
	return c.z.add(anchorProofs, func(w io.Writer) error {
		for _, p := range c.Anchors.Checkpoints {
			var hashes []tlog.Hash
			if p.Size <= c.m.Size { // else the log is shorter, which no proof makes good
				var err error
				if hashes, err = stored.Consistency(c.m.Size, p.Size); err != nil {
					return err
				}
			}
			if err := writeLine(w, proofLine{Size: &p.Size, Hashes: hashes}); err != nil {
				return err
			}
		}
		return nil
	})
}

func writeLine(w io.Writer, p proofLine) error {
	if p.Hashes == nil {
		p.Hashes = []tlog.Hash{}
	}
	b, err := json.Marshal(p)
	if err == nil {
		_, err = w.Write(append(b, '\n'))
	}
	return err
}

// toolFiles writes the definitions of the tools that were listed in the bundle.
func (c *core) toolFiles() error {
	if c.Tool == nil {
		return nil
	}
	var all []event.Hash
	for h := range c.tools {
		all = append(all, h)
	}
	slices.SortFunc(all, func(a, b event.Hash) int { return bytes.Compare(a[:], b[:]) })
	for _, h := range all {
		definition, err := c.Tool(h)
		if err != nil {
			continue // it was not kept
		}
		if err := c.z.addFile(File{toolsDir + hex.EncodeToString(h[:]) + toolSuffix, definition}); err != nil {
			return err
		}
	}
	return nil
}
