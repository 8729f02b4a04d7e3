//go:build !linux

package main

// usage is what a process holds. A figure that is not to be had is -1.
type usage struct {
	rss, peak float64 // MB
	threads   int
	files     int // open descriptors
}

// There is no /proc here.
func usageOf(int) usage { return usage{-1, -1, -1, -1} }

func family(pid int, _ string) (pids, guards []int) { return []int{pid}, nil }

func system() string { return "" }

func loadAverage() string { return "" }
