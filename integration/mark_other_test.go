//go:build !linux

package integration

import "testing"

// processes is not known here: there is no /proc.
func (m mark) processes() []string { return nil }

func (m mark) kill() {}

func (m mark) running(b *testing.B, _ string) []int {
	b.Skip("memory is read from /proc")
	return nil
}

func memory(*testing.B, int) (rss, pss float64) { return 0, 0 }
