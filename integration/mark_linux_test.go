package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// processes lists what runs with the mark, as "pid command line". A process
// that made itself non-dumpable hides its environment from all but root.
func (m mark) processes() []string {
	var found []string
	for _, pid := range m.pids() {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		found = append(found, fmt.Sprintf("%d %s", pid, strings.ReplaceAll(string(line), "\x00", " ")))
	}
	return found
}

func (m mark) pids() []int {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	var pids []int
	for _, f := range files {
		env, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for _, v := range bytes.Split(env, []byte{0}) {
			if string(v) == string(m) {
				pid, _ := strconv.Atoi(strings.Split(f, "/")[2])
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// family are the process and its children, but those that run this test
// binary: what is between us and a fake server.
func (p *proc) family() []int {
	self, _ := os.Executable()
	pids := []int{p.cmd.Process.Pid}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, f := range stats {
		text, _ := os.ReadFile(f)
		// proc(5): pid (comm) state ppid …, and comm may hold anything.
		var state string
		var parent int
		fmt.Sscan(string(text[bytes.LastIndexByte(text, ')')+1:]), &state, &parent)
		dir := filepath.Dir(f)
		if exe, _ := os.Readlink(dir + "/exe"); parent == p.cmd.Process.Pid && exe != self {
			pid, _ := strconv.Atoi(filepath.Base(dir))
			pids = append(pids, pid)
		}
	}
	return pids
}

// memory is what a process holds, in MB: resident, and its share of that.
func memory(b *testing.B, pid int) (rss, pss float64) {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var kB float64
		if n, _ := fmt.Sscanf(line, "Rss: %f", &kB); n == 1 {
			rss = kB / 1024
		}
		if n, _ := fmt.Sscanf(line, "Pss: %f", &kB); n == 1 {
			pss = kB / 1024
		}
	}
	return rss, pss
}

// kill ends what runs with the mark.
func (m mark) kill() {
	for _, pid := range m.pids() {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}
