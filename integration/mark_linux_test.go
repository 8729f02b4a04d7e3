package integration

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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

// kill ends what runs with the mark.
func (m mark) kill() {
	for _, pid := range m.pids() {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}
