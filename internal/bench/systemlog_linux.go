package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	journald      = "/lib/systemd/systemd-journald"
	journalSocket = "/run/systemd/journal/socket"
	journalDir    = "/run/log/journal"
	inNamespace   = "SIGNET_WRAP_BENCH_RUN" // set where /run is ours
)

// ownSystemLog gives this program a /run and a /var/log of its own: then a journald can
// be started that nobody else sees. It takes root.
func ownSystemLog() {
	if os.Getuid() != 0 || os.Getenv(inNamespace) != "" {
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	runtime.LockOSThread() // the namespace is this thread's until it executes
	if unix.Unshare(unix.CLONE_NEWNS) != nil {
		return
	}
	// From here on this thread is of no use for anything else.
	err = unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "")
	for _, dir := range []string{"/run", "/var/log"} {
		if err == nil {
			err = unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755")
		}
	}
	if err == nil {
		err = unix.Exec(self, os.Args, append(os.Environ(), inNamespace+"=1"))
	}
	fmt.Fprintln(os.Stderr, "bench: a journald of its own:", err)
	os.Exit(1)
}

// journaldConf lets it keep and take all heads.
const journaldConf = "[Journal]\nStorage=volatile\nRateLimitBurst=0\nRuntimeMaxUse=1G\n"

// systemLog starts what takes heads, if /run is ours: journald, or, where there is
// none, something that reads what would go to it.
func (b *bench) systemLog() error {
	if os.Getenv(inNamespace) == "" {
		return nil
	}
	conf := "/run/systemd/journald.conf.d/bench.conf"
	for _, path := range []string{journalSocket, conf} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
	}
	if _, err := os.Stat(journald); err != nil {
		l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: journalSocket, Net: "unixgram"})
		if err != nil {
			return err
		}
		go func() {
			for buf := make([]byte, 64<<10); ; {
				if _, err := l.Read(buf); err != nil {
					return
				}
			}
		}()
		b.journal = "a socket that is read, and no journald"
		return nil
	}
	if err := os.WriteFile(conf, []byte(journaldConf), 0o644); err != nil {
		return err
	}
	cmd := exec.Command(journald)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ready := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // Pdeathsig is of the thread
		if err := cmd.Start(); err != nil {
			ready <- err
			return
		}
		ready <- nil
		cmd.Wait()
	}()
	if err := <-ready; err != nil {
		return err
	}
	b.ending = append(b.ending, func() { cmd.Process.Kill() })
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("unixgram", journalSocket); err == nil {
			c.Close()
			b.journal = "a journald of its own"
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s takes no messages", journald)
		}
	}
}

// journalBytes is how much of the journal's files is used; -1 if there is none of our
// own. Of a file's size that is at most 8 MB less, by which it grows. Each file says it
// at byte 136 (https://systemd.io/JOURNAL_FILE_FORMAT).
func journalBytes() (n int64) {
	files, err := filepath.Glob(journalDir + "/*/*.journal")
	if os.Getenv(inNamespace) == "" || err != nil || len(files) == 0 {
		return -1
	}
	for _, path := range files {
		file, err := os.Open(path)
		if err != nil {
			return -1
		}
		var tail [8]byte
		_, err = file.ReadAt(tail[:], 136)
		if file.Close(); err != nil {
			return -1
		}
		n += int64(binary.LittleEndian.Uint64(tail[:]))
	}
	return n
}
