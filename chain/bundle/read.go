package bundle

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math"
	"path"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// Names of the files in a bundle.
const (
	auditDir   = "audit/"
	keysDir    = "keys/"
	anchorsDir = "anchors/"
	toolsDir   = "tools/"

	trustName    = "trust"
	headsName    = "heads.jsonl"
	manifestName = "manifest.json"
	sumsName     = "SHA256SUMS"
	reportName   = "report.html"
	recordProofs = "proofs/records.jsonl"
	anchorProofs = "proofs/anchors.jsonl"

	policyName       = "policy"
	rootsName        = "tsa.pem"
	checkpointSuffix = ".checkpoint"
	stampSuffix      = ".tsr"
	toolSuffix       = ".json"
	signedSuffix     = ".sig"
	auditorSuffix    = ".auditor.sig"
)

// Bounds of what is read.
const (
	maxFiles     = 50_000
	maxDirectory = 16 << 20 // bytes of the zip file's directory
	maxSmall     = 64 << 10 // bytes of a key or a checkpoint
	maxTrust     = 1 << 20  // bytes of a trust file, and of the roots
	maxSums      = 16 << 20
	maxTools     = 20_000 // definitions
	maxTorn      = 10_000 // quarantined records
	maxAnchors   = 16     // checkpoints

	maxProofLine = 16 << 10

	// A file may be so many times as long unpacked as it is packed, and some more.
	maxExpansion     = 200
	maxExpansionPlus = 1 << 30
)

// allowed are the names of files, as they can be anywhere.
var allowed = regexp.MustCompile(`^(?:audit/\d{4}-\d\d-\d\d\.jsonl(?:\.torn-[0-9A-Za-z.-]{1,100})?|audit/\d{4}-\d\d-\d\d\.ends|keys/[0-9A-Za-z_.@-]{1,80}\.pub|anchors/(?:policy|tsa\.pem|\d{1,2}\.(?:checkpoint|tsr))|` +
	`tools/[0-9a-f]{64}\.json|trust|heads\.jsonl|manifest\.json|proofs/(?:records|anchors)\.jsonl|(?:SHA256SUMS|report\.html)(?:\.sig|\.auditor\.sig)?|report\.html)$`)

// A Bundle is a bundle that is being read. Its methods may be called by several
// goroutines.
type Bundle struct {
	Manifest Manifest

	r     io.ReaderAt
	size  int64
	files []*zip.File
	named map[string]*zip.File
	sums  []byte // SHA256SUMS
	zip   *zip.Reader
}

// ErrNotBundle says that a file is no bundle, or not one as [Write] writes it.
var ErrNotBundle = errors.New("not an evidence bundle as signet-wrap writes it")

func notBundle(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrNotBundle, fmt.Sprintf(format, a...))
}

// Begins says whether a file that begins with b may be a bundle: a zip file of which the
// first entry has records.
func Begins(b []byte) bool {
	const name = 30 // where it is in the entry
	return bytes.HasPrefix(b, []byte("PK\x03\x04")) && len(b) > name && bytes.HasPrefix(b[name:], []byte(auditDir))
}

// ErrVersion says that a bundle is of another version of the format.
var ErrVersion = errors.New("of another version of the format")

// Open reads a bundle of size bytes. r must stay open, and what it has the same, as long
// as the bundle is used. The error wraps [ErrNotBundle] or [ErrVersion], unless r could not
// be read.
func Open(r io.ReaderAt, size int64) (*Bundle, error) {
	if err := checkEnd(r, size); err != nil {
		return nil, err
	}
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, notBundle("%v", err)
	}
	b := &Bundle{r: r, size: size, files: z.File, named: map[string]*zip.File{}, zip: z}
	if err := b.checkFiles(); err != nil {
		return nil, err
	}
	if err := b.checkLayout(b.files, size); err != nil {
		return nil, err
	}
	manifest, err := b.read(manifestName, maxManifest)
	if err != nil {
		return nil, err
	}
	b.Manifest, err = parseManifest(manifest)
	switch {
	case errors.Is(err, ErrVersion):
		return nil, err
	case err != nil:
		return nil, notBundle("%v", err)
	}
	if err := b.checkKind(); err != nil {
		return nil, err
	}
	if b.sums, err = b.read(sumsName, maxSums); err != nil {
		return nil, err
	}
	return b, nil
}

// checkEnd looks at the end of a zip file, which says how long its directory is: a
// reader makes as much room for it.
func checkEnd(r io.ReaderAt, size int64) error {
	const endLen, locatorLen, end64Len = 22, 20, 56
	buf := make([]byte, endLen+locatorLen+end64Len)
	n := min(size, int64(len(buf)))
	buf = buf[:n]
	if m, err := r.ReadAt(buf, size-n); m < len(buf) {
		return fmt.Errorf("reading the bundle: %w", err)
	}
	if n < endLen {
		return notBundle("no zip file")
	}
	end := buf[n-endLen:]
	u16 := func(at int) uint64 { return uint64(binary.LittleEndian.Uint16(end[at:])) }
	u32 := func(at int) uint64 { return uint64(binary.LittleEndian.Uint32(end[at:])) }
	if string(end[:4]) != "PK\x05\x06" || u16(20) != 0 {
		return notBundle("no zip file, or something follows it")
	}
	count, length := u16(10), u32(12)
	if count == math.MaxUint16 || length == math.MaxUint32 || u32(16) == math.MaxUint32 {
		if n < int64(len(buf)) || string(buf[:4]) != "PK\x06\x06" || string(buf[end64Len:end64Len+4]) != "PK\x06\x07" {
			return notBundle("no end of a zip file")
		}
		count, length = binary.LittleEndian.Uint64(buf[32:]), binary.LittleEndian.Uint64(buf[40:])
	}
	if count > maxFiles || length > maxDirectory {
		return notBundle("more than %d files", maxFiles)
	}
	return nil
}

// checkFiles looks at the names and sizes of the files.
func (b *Bundle) checkFiles() error {
	total, most := uint64(0), uint64(b.size)*maxExpansion+maxExpansionPlus
	lower := map[string]bool{} // some systems unpack names that differ in case to one file
	for _, f := range b.files {
		if !allowed.MatchString(f.Name) {
			return notBundle("a file is named %.100q", f.Name)
		}
		name := strings.ToLower(f.Name)
		if lower[name] {
			return notBundle("%s is there twice", f.Name)
		}
		lower[name] = true
		b.named[f.Name] = f
		if f.UncompressedSize64 > most-total {
			return notBundle("it would be much longer unpacked than it is")
		}
		total += f.UncompressedSize64
	}
	return nil
}

// checkKind refuses files that a bundle of its kind does not have: nothing would look at
// them.
func (b *Bundle) checkKind() error {
	kind := b.Manifest.Kind
	anchors := map[string]bool{}
	if b.named[anchorsDir+policyName] != nil {
		anchors[policyName], anchors[rootsName] = true, true
		for i, next := 0, true; next && i < maxAnchors; i++ {
			n := strconv.Itoa(i)
			next = b.named[anchorsDir+n+checkpointSuffix] != nil
			anchors[n+checkpointSuffix], anchors[n+stampSuffix] = next, next
		}
	}
	for _, f := range b.files {
		ok := true
		switch dir, base := path.Split(f.Name); dir {
		case auditDir:
			_, err := time.Parse(time.DateOnly, base[:len(time.DateOnly)])
			ok = err == nil && (strings.HasSuffix(base, ".jsonl") || kind == Log || kind == Range && !strings.HasSuffix(base, ".ends"))
		case anchorsDir:
			ok = anchors[base]
		case path.Dir(recordProofs) + "/":
			ok = kind != Log && (f.Name != anchorProofs || anchors[policyName])
		default:
			ok = f.Name != headsName || kind == Log
		}
		if !ok {
			return notBundle("a %s has no %s", kind, f.Name)
		}
	}
	return nil
}

// checkLayout writes the zip file again, of the same entries, and compares: so each byte
// of it that is not compressed data is the only one that it can be.
func (b *Bundle) checkLayout(files []*zip.File, size int64) error {
	same := &comparer{r: b.r, size: size}
	z := &writer{zip: zip.NewWriter(same)}
	err := func() error {
		for _, f := range files {
			if err := z.copy(f); err != nil {
				return err
			}
		}
		return z.zip.Close()
	}()
	switch {
	case same.err != nil:
		return same.err
	case err != nil:
		return notBundle("%v", err)
	case same.off != size:
		return notBundle("something is in it that is no part of it")
	}
	return nil
}

// comparer compares what is written to it with a file.
type comparer struct {
	r    io.ReaderAt
	size int64
	off  int64
	buf  []byte
	err  error
}

func (c *comparer) Write(p []byte) (int, error) {
	if len(c.buf) < len(p) {
		c.buf = make([]byte, len(p))
	}
	there := c.buf[:min(int64(len(p)), c.size-c.off)]
	if n, err := c.r.ReadAt(there, c.off); n < len(there) {
		c.err = fmt.Errorf("reading the bundle: %w", err)
		return 0, c.err
	}
	if !bytes.Equal(there, p) {
		c.err = notBundle("from byte %d on it is not laid out as bundles are", c.off)
		return 0, c.err
	}
	c.off += int64(len(p))
	return len(p), nil
}

// read reads a file of at most max bytes. The error is fs.ErrNotExist if there is none.
func (b *Bundle) read(name string, max int64) ([]byte, error) {
	f := b.named[name]
	if f == nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNotBundle, name, fs.ErrNotExist)
	}
	if f.UncompressedSize64 > uint64(max) {
		return nil, notBundle("%s is longer than %d bytes", name, max)
	}
	r, err := f.Open()
	if err != nil {
		return nil, notBundle("%s: %v", name, err)
	}
	defer r.Close()
	all, err := io.ReadAll(io.LimitReader(r, max+1))
	if err != nil || uint64(len(all)) != f.UncompressedSize64 {
		return nil, notBundle("%s: %v", name, err)
	}
	return all, nil
}

// small is read for a file that need not be there, nor readable.
func (b *Bundle) small(name string, max int64) []byte {
	all, err := b.read(name, max)
	if err != nil {
		return nil
	}
	return all
}

// Keys returns the public keys that the bundle names. Nobody but who made the bundle
// vouches for them. A file that is no public key is left out; [Bundle.Check] names it.
func (b *Bundle) Keys() (all []*keys.Public) {
	for _, f := range b.files {
		if !strings.HasPrefix(f.Name, keysDir) {
			continue
		}
		if p, err := keys.ParsePublic(b.small(f.Name, maxSmall)); err == nil {
			all = append(all, p)
		}
	}
	return all
}

// Trust returns the trust file that was in force where the bundle was made, as that
// side's word of whom it trusts; nil: none.
func (b *Bundle) Trust() []byte { return b.small(trustName, maxTrust) }

// OpenHeads returns what the system's log had kept of the log; nil: nothing.
func (b *Bundle) OpenHeads() (io.ReadCloser, error) {
	if b.named[headsName] == nil {
		return nil, nil
	}
	return b.named[headsName].Open()
}

// Tool returns the definition of a tool, in the form that has this hash; nil: the bundle
// does not have it, or another text in its place.
func (b *Bundle) Tool(hash event.Hash) []byte {
	definition := b.small(toolsDir+hex.EncodeToString(hash[:])+toolSuffix, maxTrust)
	if event.HashOf(definition) != hash {
		return nil
	}
	return definition
}

// Anchors returns the checkpoints, as they are; nil: none.
func (b *Bundle) Anchors() *Anchors {
	policy := b.small(anchorsDir+policyName, tlog.MaxPolicy)
	if policy == nil {
		return nil
	}
	a := &Anchors{Policy: policy, Roots: b.small(anchorsDir+rootsName, maxTrust)}
	for i := range maxAnchors {
		note := b.small(anchorsDir+strconv.Itoa(i)+checkpointSuffix, tlog.MaxCheckpoint)
		if note == nil {
			break
		}
		a.Checkpoints = append(a.Checkpoints, Checkpoint{Note: note, Stamp: b.small(anchorsDir+strconv.Itoa(i)+stampSuffix, maxTrust)})
	}
	return a
}

// A Place is a proof that a record is in the log.
type Place struct {
	Index  int64 // from 0 on
	Hashes []tlog.Hash
}

// Holds says whether the record with this record_hash is in that place of the log of
// the manifest.
func (p *Place) Holds(m *Manifest, hash chain.Hash) bool {
	proof := tlog.Proof{Index: p.Index, Hashes: p.Hashes}
	return proof.Check(tlog.Checkpoint{Size: m.Size, Root: tlog.Hash(m.Root)}, hash) == nil
}

// Places yields the proofs, in the order of the records: of a [Selection] one for each
// record, of a [Range] those of its first and its last. An error ends them.
func (b *Bundle) Places() iter.Seq2[*Place, error] {
	return func(yield func(*Place, error) bool) {
		for l, err := range b.proofLines(recordProofs) {
			if err == nil && (l.Index == nil || l.Size != nil) {
				err = fmt.Errorf("%s has a line that is no proof of a record", recordProofs)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(&Place{*l.Index, l.Hashes}, nil) {
				return
			}
		}
	}
}

// Continues says whether the log of the manifest begins with that of a checkpoint, the
// i-th of Anchors. It is for a [Range] and a [Selection]; the records of a [Log] show it
// themselves.
func (b *Bundle) Continues(i int, c tlog.Checkpoint) bool {
	for l, err := range b.proofLines(anchorProofs) {
		if err != nil || l.Size == nil || l.Index != nil {
			return false
		}
		if i--; i < 0 {
			return *l.Size == c.Size && tlog.CheckConsistency(l.Hashes, b.Manifest.Size, tlog.Hash(b.Manifest.Root), c.Size, c.Root)
		}
	}
	return false
}

// proofLines yields the lines of a file of proofs.
func (b *Bundle) proofLines(name string) iter.Seq2[*proofLine, error] {
	return func(yield func(*proofLine, error) bool) {
		f := b.named[name]
		if f == nil {
			return
		}
		r, err := f.Open()
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.Close()
		lines := bufio.NewReaderSize(r, maxProofLine)
		for {
			line, err := lines.ReadSlice('\n')
			if err == io.EOF && len(line) == 0 {
				return
			}
			l := &proofLine{}
			if err == nil {
				d := json.NewDecoder(bytes.NewReader(line))
				d.DisallowUnknownFields()
				err = d.Decode(l)
			}
			if err != nil {
				yield(nil, fmt.Errorf("%s: %w", name, err))
				return
			}
			if !yield(l, nil) {
				return
			}
		}
	}
}

// Names returns the names of all files, in their order.
func (b *Bundle) Names() (all []string) {
	for _, f := range b.files {
		all = append(all, f.Name)
	}
	return all
}

// FS returns the bundle's files. [chain.TakeSnapshotFS] of its directory audit is what
// [Bundle.Log] returns.
func (b *Bundle) FS() fs.FS { return b.zip }

// Log returns the records as a log. That of a [Selection] is not to be verified as a
// chain, and that of a [Range] begins after another record: see Manifest.Follows.
func (b *Bundle) Log() (*chain.Snapshot, error) {
	sub, err := fs.Sub(b.zip, path.Clean(auditDir))
	if err != nil {
		return nil, err
	}
	return chain.TakeSnapshotFS(sub)
}

// Core returns the bundle without its page, which is a bundle, too, and its length.
func (b *Bundle) Core() (io.Reader, int64, error) {
	files := make([]*zip.File, 0, len(b.files))
	for _, f := range b.files {
		if !isReport(f.Name) {
			files = append(files, f)
		}
	}
	if len(files) == len(b.files) {
		return io.NewSectionReader(b.r, 0, b.size), b.size, nil
	}
	write := func(w io.Writer) error {
		z := &writer{zip: zip.NewWriter(w)}
		for _, f := range files {
			if err := z.copy(f); err != nil {
				return err
			}
		}
		return z.zip.Close()
	}
	n := new(counter)
	if err := write(n); err != nil {
		return nil, 0, err
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(write(w)) }()
	return r, int64(*n), nil
}

type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}

func isReport(name string) bool { return strings.HasPrefix(name, reportName) }

// isSums says whether a file is the list of hashes or one of its signatures.
func isSums(name string) bool { return strings.HasPrefix(name, sumsName) }

// Check compares the files with the list of hashes, and returns what is wrong: a phrase
// each. The error says that ctx was done. Progress, if not nil, gets bytes done of all.
func (b *Bundle) Check(ctx context.Context, progress func(done, total int64)) (faults []string, err error) {
	fault := func(format string, a ...any) {
		if len(faults) < 100 {
			faults = append(faults, fmt.Sprintf(format, a...))
		}
	}
	listed := map[string]string{}
	for line := range strings.Lines(string(b.sums)) {
		sum, name, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "  ")
		raw, err := hex.DecodeString(sum)
		if !ok || err != nil || len(raw) != sha256.Size || sum != strings.ToLower(sum) || !strings.HasSuffix(line, "\n") || listed[name] != "" {
			fault("%s has a line that is no hash of a file", sumsName)
			continue
		}
		if listed[name] = sum; b.named[name] == nil {
			fault("%.100q is listed, and is not there", name)
		}
	}
	var done, total int64
	for _, f := range b.files {
		total += int64(f.UncompressedSize64)
	}
	buf := make([]byte, 256<<10)
	for _, f := range b.files {
		if isReport(f.Name) || isSums(f.Name) {
			continue
		}
		want := listed[f.Name]
		if want == "" {
			fault("%s is there, and is not listed", f.Name)
			continue
		}
		sum := sha256.New()
		err := each(ctx, f, buf, func(p []byte) {
			sum.Write(p)
			if done += int64(len(p)); progress != nil {
				progress(done, total)
			}
		})
		if ctx.Err() != nil {
			return faults, ctx.Err()
		}
		hash := hex.EncodeToString(sum.Sum(nil))
		switch {
		case err != nil:
			fault("%s cannot be read: %v", f.Name, err)
		case hash != want:
			fault("%s is not what is listed: its hash is another", f.Name)
		case strings.HasPrefix(f.Name, toolsDir) && f.Name != toolsDir+hash+toolSuffix:
			fault("%s is not the definition that it is named after", f.Name)
		case strings.HasPrefix(f.Name, keysDir):
			if _, err := keys.ParsePublic(b.small(f.Name, maxSmall)); err != nil {
				fault("%s: %v", f.Name, err)
			}
		}
	}
	return faults, nil
}

// each calls see for the bytes of a file, part by part.
func each(ctx context.Context, f *zip.File, buf []byte, see func([]byte)) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	for ctx.Err() == nil {
		n, err := r.Read(buf)
		see(buf[:n])
		if err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// A Signed is a signature of a file of the bundle: of SHA256SUMS, and so of all but the
// page, or of the page.
type Signed struct {
	Page    bool // of report.html
	Auditor bool // by who asked for the bundle; else by the agent
	Signature
	Err error // it is not what the key signed; nil: it is
}

// Signatures returns the signatures, those of SHA256SUMS first. The error says that ctx
// was done.
func (b *Bundle) Signatures(ctx context.Context) (all []Signed, err error) {
	for _, name := range []string{sumsName, reportName} {
		f := b.named[name]
		if f == nil {
			continue
		}
		sum := sha512.New()
		rerr := each(ctx, f, make([]byte, 256<<10), func(p []byte) { sum.Write(p) })
		if ctx.Err() != nil {
			return all, ctx.Err()
		}
		for _, suffix := range []string{signedSuffix, auditorSuffix} {
			if b.named[name+suffix] == nil {
				continue
			}
			s := Signed{Page: name == reportName, Auditor: suffix == auditorSuffix, Err: rerr}
			text, err := b.read(name+suffix, maxSSH)
			if err == nil {
				var sig *Signature
				if sig, err = parseSSH(text); err == nil {
					s.Signature = *sig
				}
			}
			switch {
			case err != nil:
				s.Err = err
			case s.Err == nil && !s.Good([sha512.Size]byte(sum.Sum(nil))):
				s.Err = errors.New("the key has not signed what is there")
			}
			all = append(all, s)
		}
	}
	return all, nil
}

// HasPage says whether there is a page.
func (b *Bundle) HasPage() bool { return b.named[reportName] != nil }
