package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/chain"
	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/archive"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// daysAgo are the days of the logs here. The last two are within the retention.
var daysAgo = []int{300, 299, 298, 200, 20, 10}

// fakeDays is a fake that records calls of some days, in a session each: HOME DAYS AGO...
func fakeDays(args []string) int {
	for _, arg := range args[1:] {
		ago, err := strconv.Atoi(arg)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		step := time.Duration(0)
		noon := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -ago).Add(12 * time.Hour)
		r := record.New(record.Options{
			Audit: filepath.Join(args[0], "audit"), Signer: signerIn(args[0]), Target: "mcp://x", Params: record.ParamsApart,
			Now: func() time.Time { step += time.Millisecond; return noon.Add(step) },
		})
		for i := range 3 {
			if _, err := r.Calls([]record.Call{{ID: fmt.Append(nil, i), Tool: "x", Arguments: fmt.Appendf(nil, `{"n":%d}`, i)}}); err != nil {
				fmt.Fprintln(os.Stderr, err)
				return 1
			}
		}
		if err := r.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return 0
}

func init() { fakes["days"] = fakeDays }

// old is another account, whose log has days of the last year, all of which the system's
// log has seen.
func (s *agent) old(n int) *agent {
	s.t.Helper()
	o := *s
	o.uid += uint32(100 * n)
	o.dir = fmt.Sprintf("%s-%d", s.dir, n)
	o.home = filepath.Join(o.dir, ".signet")
	if err := os.Mkdir(o.dir, 0o755); err != nil {
		s.t.Fatal(err)
	}
	o.own(o.dir)
	o.do("identity", "generate", "--name", "default", "--unencrypted")
	cmd := o.command("fake", "days", o.home)
	for _, ago := range daysAgo {
		cmd.Args = append(cmd.Args, strconv.Itoa(ago))
	}
	cmd.Path = o.fakes()
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	o.session(1, "--params", "apart")
	f := o.seen()
	if h := f.Completeness.Heads; h.Heads < int64(len(daysAgo)) || h.Mismatched > 0 {
		s.t.Fatalf("%+v", f)
	}
	return &o
}

// do runs a command of the program, which must succeed.
func (s *agent) do(args ...string) {
	s.t.Helper()
	if out, err := s.command(args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%q: %v\n%s", args, err, out)
	}
}

func (s *agent) audit() string { return filepath.Join(s.home, "audit") }

// ends are the files of ends, oldest first.
func (s *agent) ends() []string {
	s.t.Helper()
	all, err := filepath.Glob(filepath.Join(s.audit(), "*.ends"))
	if err != nil || len(all) == 0 {
		s.t.Fatal("no ends", err)
	}
	return all
}

// rewrite signs all records of the log again, with another argument in the first call,
// and writes each to the day where it was.
func (s *agent) rewrite() {
	s.t.Helper()
	days, err := filepath.Glob(filepath.Join(s.audit(), "*.jsonl"))
	if err != nil {
		s.t.Fatal(err)
	}
	call, prev := s.call("y"), chain.Hash{}
	for i, day := range days {
		b, err := os.ReadFile(day)
		if err != nil {
			s.t.Fatal(err)
		}
		var out [][]byte
		for j, line := range bytes.SplitAfter(bytes.TrimSpace(b), []byte("\n")) {
			e, err := chain.ParseEntry(bytes.TrimSpace(line))
			if err != nil {
				s.t.Fatal(err)
			}
			receipt := e.Receipt
			if i == 0 && j == 0 {
				var at struct{ Ts time.Time }
				if err := json.Unmarshal(receipt, &at); err != nil {
					s.t.Fatal(err)
				}
				if receipt, err = call(chain.At{Time: at.Ts, Prev: prev}); err != nil {
					s.t.Fatal(err)
				}
			}
			line, hash := recordLine(prev, receipt)
			prev, out = hash, append(out, line)
		}
		s.put(day, out...)
	}
}

// take archives days by the agent's own program, up to the one so many days ago, with an
// event that change has changed.
func (s *agent) take(ago int, change func(*event.Archived)) {
	s.t.Helper()
	_, err := archive.Run(s.t.Context(), archive.Options{
		Dir: s.audit(), Until: dayAgo(ago) + ".jsonl", Action: archive.Delete,
		Sign: func(e event.Event) error {
			a := e.(event.Archived)
			change(&a)
			s.forge(s.event(a))
			return nil
		},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.own(s.dir)
}

func dayAgo(n int) string { return time.Now().UTC().AddDate(0, 0, -n).Format(time.DateOnly) }

func asItIs(*event.Archived) {}

// accepted are flags that accept all events of the kind that can be accepted.
func (s *agent) accepted() (flags []string) {
	s.t.Helper()
	_, f := s.verify()
	for _, e := range f.Completeness.Archived.Events {
		flags = append(flags, "--accept", e.ID)
	}
	for _, e := range f.Arguments.Erased {
		flags = append(flags, "--accept", e.ID)
	}
	return flags
}

// systemLogArchive is what becomes of heads when days leave the log.
var systemLogArchive = []systemLogPart{
	{"Archives", func(s *agent) {
		o := s.old(1)
		o.do("audit", "archive", "--until", "30d", "--compress")
		if gz, _ := filepath.Glob(filepath.Join(o.audit(), "*.gz")); len(gz) != 4 {
			s.t.Errorf("%q", gz)
		}
		o.seen()
		o.must(0, "--require", "system-log")
		// A log of the user that ends in a compressed day is where it was, and not cut.
		path, lines := o.log()
		whole, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		second := filepath.Join(o.dir, "second")
		o.session(1, "--home", second)
		for _, x := range []struct {
			status int
			day    []byte
		}{{0, whole}, {3, bytes.Join(lines[:len(lines)-1], nil)}} {
			o.put(path, x.day)
			if out, err := exec.Command("gzip", "-f", path).CombinedOutput(); err != nil {
				s.t.Fatalf("%v: %s", err, out)
			}
			o.own(o.dir)
			poll(s.t, "what the other home's log is", func() bool {
				status, _ := o.verify("--home", second, "--require", "system-log")
				return status == x.status
			})
		}

		o = s.old(2)
		before := o.must(0).Completeness.Heads
		elsewhere := filepath.Join(o.dir, "elsewhere")
		o.do("audit", "archive", "--until", "180d", "--to", elsewhere)
		f := o.covered(1)
		if h, a := f.Completeness.Heads, f.Completeness.Archived; h.Heads <= before.Heads || h.Mismatched > 0 || h.Records <= before.Records || a.Days != 4 || len(a.Events) != 1 {
			s.t.Fatalf("%+v", f)
		}
		o.must(3)
		o.must(3, "--require", "system-log")
		o.must(0, append(o.accepted(), "--require", "system-log")...)
		both := o.must(0, "--require", "system-log", "--home", o.home, "--log", o.audit(), "--log", elsewhere)
		if both.Records < f.Records+12 {
			s.t.Errorf("%+v", both)
		}
		// One argument in what was moved is another one.
		moved, _ := filepath.Glob(filepath.Join(elsewhere, "*.jsonl"))
		b, err := os.ReadFile(moved[0])
		if err != nil {
			s.t.Fatal(err)
		}
		o.put(moved[0], bytes.Replace(b, []byte(`"tool":"x"`), []byte(`"tool":"y"`), 1))
		o.must(1, "--home", o.home, "--log", o.audit(), "--log", elsewhere)
		o.must(1, append(o.accepted(), "--home", o.home, "--log", o.audit(), "--log", elsewhere)...)
		o.put(moved[0], b)

		// Root accepts it, for good; a file that the agent can write does not count.
		const accepted = "/etc/signet-wrap/accepted"
		defer os.Remove(accepted)
		id := f.Completeness.Archived.Events[0].ID
		s.by(0).do("verify", "--home", o.home, "--accept", id, "--remember", "--reason", "retention")
		o.must(0)
		if err := os.Chown(accepted, int(o.uid), 0); err != nil {
			s.t.Fatal(err)
		}
		o.must(3)
		os.Remove(accepted)
		// Then days of the other kind, which nobody has accepted, and a truncation.
		o.do("audit", "erase", "--all", "--reason", "none", "--yes")
		o.covered(1)
		o.must(3, "--accept", id)
		o.must(0, append(o.accepted(), "--require", "system-log")...)
		path, lines = o.log()
		o.put(path, lines[:len(lines)-1]...)
		o.must(1, o.accepted()...)
	}},
	{"ArchivesAsAttack", func(s *agent) {
		ends := func(change func(o *agent, ends []string)) func(*agent) {
			return func(o *agent) {
				o.do("audit", "archive", "--until", "180d", "--delete")
				o.covered(1)
				change(o, o.ends())
				o.own(o.dir)
			}
		}
		remove := func(paths ...string) {
			for _, path := range paths {
				if err := os.Remove(path); err != nil {
					s.t.Fatal(err)
				}
			}
		}
		for n, x := range []struct {
			name     string
			status   int
			accepted int // what it is after all was accepted that can be
			do       func(o *agent)
		}{
			{"archives", 3, 0, func(o *agent) { o.do("audit", "archive", "--until", "180d", "--delete") }},
			{"archives by its own program", 3, 0, func(o *agent) { o.take(200, asItIs) }},
			{"archives days within the retention", 1, 0, func(o *agent) { o.take(10, asItIs) }},
			{"erases", 3, 0, func(o *agent) { o.do("audit", "erase", "--all", "--reason", "none", "--yes") }},
			{"starts an epoch", 3, 3, func(o *agent) {
				o.take(200, asItIs)
				o.forge(o.event(event.NewEpoch{Origin: "o", Size: 5, Root: "AAAA", Reason: "none"}))
			}},
			{"starts an epoch without archiving", 1, 1, func(o *agent) {
				remove(filepath.Join(o.audit(), dayAgo(300)+".jsonl"))
				o.forge(o.event(event.NewEpoch{Origin: "o", Size: 5, Root: "AAAA", Reason: "none"}))
			}},
			{"says that it compressed them", 1, 1, func(o *agent) { o.take(200, func(a *event.Archived) { a.Action = archive.Compress }) }},
			{"names fewer records", 1, 1, func(o *agent) { o.take(200, func(a *event.Archived) { a.Records-- }) }},
			{"deletes without an event", 1, 1, func(o *agent) { remove(filepath.Join(o.audit(), dayAgo(300)+".jsonl")) }},
			{"rewrites days, then archives them", 1, 1, func(o *agent) {
				o.rewrite()
				o.take(200, asItIs)
			}},
			{"edits ends", 1, 1, ends(func(o *agent, ends []string) {
				b, err := os.ReadFile(ends[1])
				if err != nil {
					s.t.Fatal(err)
				}
				b[20] ^= 1
				o.put(ends[1], b)
			})},
			// The event fits the ends; heads do not.
			{"edits ends, and signs another event", 1, 1, func(o *agent) {
				o.take(200, asItIs)
				o.fitEvent(func(e *chain.RecordEnd) { e.End += 3 })
			}},
			{"edits a hash in the ends, and signs another event", 1, 1, func(o *agent) {
				o.take(200, asItIs)
				o.fitEvent(func(e *chain.RecordEnd) {
					if e.File == dayAgo(299)+".jsonl" {
						e.Hash[0] ^= 1
					}
				})
			}},
			{"deletes the first ends", 1, 1, ends(func(_ *agent, ends []string) { remove(ends[0]) })},
			{"deletes the last ends", 1, 1, ends(func(_ *agent, ends []string) { remove(ends[len(ends)-1]) })},
			{"deletes all ends", 1, 1, ends(func(_ *agent, ends []string) { remove(ends...) })},
			{"cuts ends", 1, 1, ends(func(_ *agent, ends []string) { os.Truncate(ends[2], 40) })},
			{"removes the event", 1, 1, ends(func(o *agent, _ []string) {
				path, lines := o.log()
				i := slices.IndexFunc(lines, func(line []byte) bool { return bytes.Contains(line, []byte(`"type":"archived"`)) })
				o.put(path, lines[:i]...)
			})},
			// Young days under the names of old ones: without heads that would pass for
			// days that are old enough.
			{"calls young days old", 1, 1, func(o *agent) {
				o.take(10, func(a *event.Archived) {
					for i := range a.Files {
						a.Files[i].File = dayAgo(400-i) + ".jsonl"
					}
				})
				for i, path := range o.ends() {
					if err := os.Rename(path, filepath.Join(o.audit(), dayAgo(400-i)+".ends")); err != nil {
						s.t.Fatal(err)
					}
				}
			}},
			{"archives all, and deletes the rest", 1, 1, func(o *agent) {
				o.take(10, asItIs)
				path, _ := o.log()
				remove(path)
			}},
		} {
			o := s.old(n + 1)
			x.do(o)
			// The system's log may have the last heads a little later.
			var f remembered
			status := -1
			for end := time.Now().Add(patience); status != x.status && time.Now().Before(end); {
				status, f = o.verify()
			}
			if status != x.status {
				s.t.Errorf("%s: exit status %d, want %d: %+v", x.name, status, x.status, f)
			}
			if f.Verdict == "valid" {
				s.t.Errorf("%s: valid", x.name)
			}
			if status, f := o.verify(o.accepted()...); status != x.accepted {
				s.t.Errorf("%s, accepted: exit status %d, want %d: %+v", x.name, status, x.accepted, f)
			}
		}
	}},
}

// fitEvent changes the ends of archived days and signs an event that fits them.
func (s *agent) fitEvent(change func(*chain.RecordEnd)) {
	s.t.Helper()
	var a event.Archived
	var all []byte
	var tree tlog.Tree
	a.Action = archive.Delete
	for _, path := range s.ends() {
		day := strings.TrimSuffix(filepath.Base(path), ".ends") + ".jsonl"
		b, err := os.ReadFile(path)
		if err != nil {
			s.t.Fatal(err)
		}
		var out []byte
		f := event.ArchivedFile{File: day}
		err = chain.ReadEnds(bytes.NewReader(b), day, func(e chain.RecordEnd) error {
			change(&e)
			out = chain.AppendEnd(out, e)
			tree.Append(nil, tlog.Leaf(e.Hash))
			if a.Records == 0 {
				a.First = e.Hash
			}
			a.Last, f.End = e.Hash, e.End
			a.Records++
			f.Records++
			return nil
		})
		s.put(path, out)
		all, a.Files = append(all, out...), append(a.Files, f)
		if err != nil {
			s.t.Fatal(err)
		}
	}
	a.Root, a.Ends = tree.Root().String(), event.HashOf(all)
	// The event before it stays: it fits no more. So the log is without that one, too.
	path, lines := s.log()
	lines = slices.DeleteFunc(lines, func(line []byte) bool { return bytes.Contains(line, []byte(`"type":"archived"`)) })
	s.put(path, lines...)
	s.forge(s.event(a))
}
