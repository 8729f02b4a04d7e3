package cli

import (
	"fmt"
	"io"
	"time"
)

// bar shows on stderr how far long work has got, where a person looks, and
// from the moment on when it is felt to be long.
type bar struct {
	w           io.Writer // nil: nobody looks
	what        string
	start, last time.Time
	records     int64 // how many were done when last told
	shown       bool
	beside      bool // results go where they do not meet it
	again       bool // it comes back after results
}

// Tests make them 0.
var (
	barAfter = 500 * time.Millisecond
	barEvery = 100 * time.Millisecond
)

func (c *command) progress(what string) *bar {
	b := &bar{what: what, start: time.Now()}
	if isTerminal(c.Stderr) {
		b.w = c.Stderr
	}
	return b
}

// show is chain.VerifyOptions.Progress.
func (b *bar) show(records, bytes, total int64) {
	if b.records = records; b.w == nil {
		return
	}
	now := time.Now()
	took := now.Sub(b.start)
	if took < barAfter || now.Sub(b.last) < barEvery {
		return
	}
	b.last, b.shown = now, true
	fmt.Fprintf(b.w, "\r\x1b[K%s", barLine(b.what, records, bytes, total, took))
	testOnlyShown()
}

// testOnlyShown is called when a bar was shown.
var testOnlyShown = func() {}

// barLine is what a bar says after this time.
func barLine(what string, records, bytes, total int64, took time.Duration) string {
	perSecond := float64(bytes) / took.Seconds()
	line := fmt.Sprintf("%s: %s, %.0f MB/s", what, count(records, "record"), perSecond/1e6)
	if bytes <= 0 || total < bytes {
		return line
	}
	left := time.Duration(float64(total-bytes) / perSecond * float64(time.Second)).Round(time.Second)
	const width = 20
	done := int(width * bytes / max(total, 1))
	return fmt.Sprintf("%s [%.*s%.*s] %d %%, %v left", line, done, "####################", width-done, "....................", 100*bytes/max(total, 1), left)
}

// giveWay is called when results are written: a bar would get between them, or
// in a pager that shows them.
func (b *bar) giveWay() {
	if b.w != nil && !b.beside {
		b.clear()
		if !b.again {
			b.w = nil
		}
	}
}

// clear takes the bar off the screen.
func (b *bar) clear() {
	if b.shown && b.w != nil {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
	b.shown = false
}
