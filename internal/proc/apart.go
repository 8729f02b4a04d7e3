package proc

import (
	"os/exec"
	"strings"
)

// StartApart starts a program that is independent of the server's session: in a
// session of its own, in the root directory, without our pipes and terminal
// (clients wait for processes that hold them), and with only the variables of our
// environment that network clients need. The exit status is sent when it has ended;
// -1 if it could not be started.
func StartApart(env []string, program string, args ...string) <-chan int {
	cmd := exec.Command(program, args...)
	cmd.Env, cmd.Dir = networkEnv(env), rootDir
	apart(cmd)
	ended := make(chan int, 1)
	if err := cmd.Start(); err != nil {
		ended <- -1
		return ended
	}
	go func() {
		cmd.Wait() // in a container's first process, reapOrphans may have waited
		ended <- cmd.ProcessState.ExitCode()
	}()
	return ended
}

// networkNames are the variables that network clients read: proxies, and the roots
// of https.
var networkNames = []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"}

func networkEnv(env []string) []string {
	kept := systemEnv(env)
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		for _, n := range networkNames {
			if strings.EqualFold(name, n) {
				kept = append(kept, e)
			}
		}
	}
	return kept
}
