package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// usage is what a process holds. A figure that is not to be had is -1.
type usage struct {
	rss, peak float64 // MB
	threads   int
	files     int // open descriptors
}

// usageOf reads /proc.
func usageOf(pid int) usage {
	u := usage{-1, -1, -1, -1}
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		if err != nil {
			continue
		}
		switch name {
		case "VmRSS":
			u.rss = float64(n) / 1024
		case "VmHWM":
			u.peak = float64(n) / 1024
		case "Threads":
			u.threads = n
		}
	}
	// Not for everyone to read: the wrapper is closed to other processes.
	if files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid)); err == nil {
		u.files = len(files)
	}
	return u
}

// family are the process and what it has started, and they in turn, but for
// servers of this program, all below them, and what anchors; guards are kept apart: the
// wrapper's shell that waits for its end.
func family(pid int, self string) (pids, guards []int) {
	children := map[int][]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range stats {
		text, _ := os.ReadFile(f)
		// proc(5): pid (comm) state ppid …, and comm may hold anything.
		var state string
		var parent int
		if at := bytes.LastIndexByte(text, ')'); at > 0 {
			fmt.Sscan(string(text[at+1:]), &state, &parent)
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(f))); err == nil {
			children[parent] = append(children[parent], child)
		}
	}
	pids = []int{pid}
	for i := 0; i < len(pids); i++ {
		for _, child := range children[pids[i]] {
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child))
			argv := strings.Split(string(line), "\x00")
			switch {
			case argv[0] == self && len(argv) > 1 && modes[argv[1]] != nil:
			case len(argv) > 1 && argv[1] == "anchor": // starts beside the wrapper, and ends
			case len(argv) > 3 && argv[3] == "signet-wrap-guard":
				guards = append(guards, child)
			default:
				pids = append(pids, child)
			}
		}
	}
	return pids, guards
}

// system says on what this runs.
func system() string {
	model := ""
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, _ := strings.Cut(line, ":"); strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	kernel, _ := os.ReadFile("/proc/sys/kernel/osrelease")
	return strings.Trim(model+", kernel "+strings.TrimSpace(string(kernel)), ", ")
}

// loadAverage is how many processes wanted to run, in the mean of a minute.
func loadAverage() string {
	text, _ := os.ReadFile("/proc/loadavg")
	one, _, _ := strings.Cut(string(text), " ")
	return one
}
