package proc

import (
	"io"
	"os"
	"testing"
	"testing/iotest"

	"golang.org/x/sys/windows"
)

// hiccups gives an end of input between every two bytes, as Go does when the
// writer wrote nothing.
type hiccups struct {
	r    io.Reader
	next bool
}

func (h *hiccups) Read(p []byte) (int, error) {
	if h.next = !h.next; h.next {
		return 0, io.EOF
	}
	return h.r.Read(p)
}

func (h *hiccups) Close() error { return nil }

func TestWindowsReadingNothingIsNotTheEnd(t *testing.T) {
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	theirs.WriteString("all of it")
	calls := 0
	got, err := io.ReadAll(&pipeReader{&hiccups{r: iotest.OneByteReader(ours)}, func() bool {
		if calls++; calls == 10 {
			theirs.Close()
		}
		return pipeOpen(ours)
	}})
	if string(got) != "all of it" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// Wine 8 loses writes of no bytes, so that this test can fail on Windows only.
func TestWindowsWritingNothingIsNotTheEnd(t *testing.T) {
	ours, theirs, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer theirs.Close()
		var n uint32
		windows.WriteFile(windows.Handle(theirs.Fd()), nil, &n, nil)
		theirs.WriteString("all of it")
	}()
	if got, err := io.ReadAll(UntilEnd(ours)); string(got) != "all of it" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

func TestWindowsEndOfFileIsTheEnd(t *testing.T) {
	f, err := os.CreateTemp("", "signet-wrap-empty-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(f.Name())
	got, err := io.ReadAll(UntilEnd(f))
	if f.Close(); len(got) > 0 || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}
