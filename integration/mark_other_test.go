//go:build !linux

package integration

import "testing"

// processes is not known here: there is no /proc.
func (m mark) processes() []string { return nil }

func (m mark) kill() {}

func (p *proc) family() []int { return nil }

func memory(*testing.B, int) (rss, pss float64) { return 0, 0 }
