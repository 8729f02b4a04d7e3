package check

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"
)

// TestMain makes this program also the process of TestKilled, which uses receipts
// without end and says so.
func TestMain(m *testing.M) {
	if dir := os.Getenv("CHECK_TEST_USE"); dir != "" {
		r := &replays{dir: dir}
		for i := 0; ; i++ {
			if at, err := r.take([]use{useNumber(i)}, time.Unix(0, 0)); at >= 0 || err != nil {
				fmt.Println("not new", i, err)
				os.Exit(1)
			}
			fmt.Println(i)
		}
	}
	os.Exit(m.Run())
}

// useNumber is one of many uses, all of one hour.
func useNumber(n int) (u use) {
	hash := sha256.Sum256([]byte(strconv.Itoa(n)))
	copy(u.mark[:], hash[:])
	return u
}

// TestReplaysMany: of many receipts in one hour each passes once, also where several
// processes share the directory, and none of them keeps anything in memory.
func TestReplaysMany(t *testing.T) {
	n := 50_000
	if s := os.Getenv("SIGNET_CHECK_MANY"); s != "" { // make nightly: 1,000,000
		n, _ = strconv.Atoi(s)
	}
	dir := t.TempDir()
	two := [2]*replays{{dir: dir}, {dir: dir}}
	defer two[0].close()
	defer two[1].close()
	var worst time.Duration
	begun := time.Now()
	for i := range n {
		at := time.Now()
		if i, err := two[i%2].take([]use{useNumber(i)}, time.Unix(0, 0)); i >= 0 || err != nil {
			t.Fatalf("receipt %d: %d, %v", i, i, err)
		}
		worst = max(worst, time.Since(at))
	}
	t.Logf("%d receipts: %v each, %v at most", n, time.Since(begun)/time.Duration(n), worst)
	begun = time.Now()
	fresh := &replays{dir: dir}
	defer fresh.close()
	for i := 0; i < n; i += 7 {
		if i, err := fresh.take([]use{useNumber(i)}, time.Unix(0, 0)); i < 0 || err != nil {
			t.Fatalf("receipt %d is not known any more: %v", i, err)
		}
	}
	t.Logf("found: %v each", time.Since(begun)/time.Duration(n/7+1))
	st, err := os.Stat(filepath.Join(dir, "1970-01-01T00.used"))
	if err != nil || st.Size() > int64(100*n+1<<20) {
		t.Errorf("%v, %v", st, err)
	}
}

// TestReplaysRace: of many that use a receipt at once, one passes.
func TestReplaysRace(t *testing.T) {
	dir := t.TempDir()
	for i := range 50 {
		var mu sync.Mutex
		var all sync.WaitGroup
		passed := 0
		for range 8 {
			all.Go(func() {
				r := &replays{dir: dir}
				defer r.close()
				at, err := r.take([]use{useNumber(i)}, time.Unix(0, 0))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if at < 0 {
					passed++
				}
			})
		}
		if all.Wait(); passed != 1 {
			t.Fatalf("%d passed", passed)
		}
	}
}

// TestReplaysKilled: what was used before a process was killed is known after.
func TestReplaysKilled(t *testing.T) {
	dir := t.TempDir()
	known := 0
	for range 5 {
		os.RemoveAll(dir)
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "CHECK_TEST_USE="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last := -1
		for last < 200 {
			if _, err := fmt.Fscanln(out, &last); err != nil {
				t.Fatal(err)
			}
		}
		cmd.Process.Kill()
		for {
			if _, err := fmt.Fscanln(out, &last); err != nil {
				break
			}
		}
		cmd.Wait()
		r := &replays{dir: dir}
		for i := range last + 1 {
			if at, err := r.take([]use{useNumber(i)}, time.Unix(0, 0)); at < 0 || err != nil {
				t.Fatalf("receipt %d of %d: %d, %v", i, last, at, err)
			}
			known++
		}
		r.close()
	}
	t.Logf("%d receipts", known)
}

// TestReplaysSweep: files are removed when they are old, and nothing else is.
func TestReplaysSweep(t *testing.T) {
	dir := t.TempDir()
	r := &replays{dir: dir}
	defer r.close()
	now := time.Date(2026, 5, 3, 10, 0, 0, 0, time.UTC)
	other := filepath.Join(dir, "2020-01-01T00.txt")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, ago := range []time.Duration{0, time.Hour, 48 * time.Hour, 49 * time.Hour, 1000 * time.Hour} {
		u := useNumber(int(ago))
		u.hour = hourOf(now.Add(-ago))
		if _, err := r.take([]use{u}, now.Add(-ago)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := r.take([]use{useNumber(5)}, now); err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(dir, "*"))
	want := []string{"2020-01-01T00.txt", "2026-05-01T10.used", "2026-05-03T09.used", "2026-05-03T10.used", "lock"}
	var got []string
	for _, n := range names {
		if filepath.Base(n) != "1970-01-01T00.used" { // of useNumber(5), of the next sweep
			got = append(got, filepath.Base(n))
		}
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("left: %v, want %v", got, want)
	}
}

// TestReplaysFull: when the table of an hour is full, that is an error, and what is
// in it is still found.
func TestReplaysFull(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "x"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	full := make([]byte, pageSize)
	for i := range full {
		full[i] = 0xff
	}
	u := useNumber(1)
	hash := binary.LittleEndian.Uint64(u.mark[8:])
	level, pages := int64(0), int64(firstLevel)
	for range maxLevels {
		if _, _, err := find(f, u.mark); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(full, (level+int64(hash%uint64(pages)))*pageSize); err != nil {
			t.Fatal(err)
		}
		level, pages = level+pages, 4*pages
	}
	if _, _, err := find(f, u.mark); err != errFull {
		t.Errorf("%v", err)
	}
}
