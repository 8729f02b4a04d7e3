package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
	"github.com/signet-wrap/signet-wrap/internal/verify"
)

// TestMain lets the test binary be signet-wrap, for the scripts in testdata.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"signet-wrap": func() {
			if os.Getenv(eagerBar) != "" {
				barAfter, barEvery = 0, 0
			}
			if os.Getenv(awaitInterrupt) != "" {
				interrupted := make(chan struct{})
				testOnlyInterrupted = sync.OnceFunc(func() { close(interrupted) })
				testOnlyShown = func() { <-interrupted }
			}
			status := Main(os.Args, logless(OSSystem()))
			if path := os.Getenv(peakFile); path != "" {
				leavePeak(path)
			}
			os.Exit(status)
		},
	})
}

// Variables that have signet-wrap, as tests run it, show its progress at once
// and always; when it has shown it, go on only when it is interrupted; leave
// what /proc/self/status has in the end in a file; and take another file for the
// system's config.toml.
const (
	eagerBar       = "SIGNET_TEST_EAGER_BAR"
	awaitInterrupt = "SIGNET_TEST_AWAIT_INTERRUPT"
	peakFile       = "SIGNET_TEST_PEAK_FILE"
	systemConfig   = "SIGNET_TEST_SYSTEM_CONFIG"
)

func leavePeak(path string) {
	status, err := os.ReadFile("/proc/self/status")
	if err == nil {
		err = os.WriteFile(path, status, 0o600)
	}
	if err != nil {
		panic(err)
	}
}

// TestScripts runs the commands as commands. Beside what testscript has there
// is
//
//	exits N COMMAND [ARG...]   run it, and its exit status must be N
//	records N                  so many lines must be in the log of $SIGNET_HOME
//	cut N                      takes the newest N lines out of its newest file
//	id FILE NAME               sets the variable NAME to the id of a receipt
//	accept-withdrawn           verify --chain --accept of the first event about a key
//
// and the condition [root]. Each script has a home directory of its own, $SIGNET_HOME.
func TestScripts(t *testing.T) {
	p := testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("SIGNET_HOME", filepath.Join(e.WorkDir, "home"))
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Getuid() == 0, nil
			}
			return false, fmt.Errorf("no condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"records": records,
			"cut":     cutNewest,
			"id":      setID,

			"old-log":          makeOldLog,
			"accept-archived":  acceptArchived,
			"accept-withdrawn": acceptWithdrawn,
		},
	}
	if testing.Short() { // for the race detector: those that have more than one goroutine
		p.Dir, p.Files = "", []string{"testdata/wrap.txtar", "testdata/anchor.txtar", "testdata/verify_chain.txtar", "testdata/demo.txtar"}
	}
	testscript.Run(t, p)
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits N COMMAND [ARG...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func records(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: records N")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	days, err := filepath.Glob(filepath.Join(ts.Getenv("SIGNET_HOME"), "audit", "*.jsonl"))
	ts.Check(err)
	got := 0
	for _, day := range days {
		got += strings.Count(ts.ReadFile(day), "\n")
	}
	if got != want {
		ts.Fatalf("%d records in the log, want %d", got, want)
	}
}

func cutNewest(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: cut N")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	days, err := filepath.Glob(filepath.Join(ts.Getenv("SIGNET_HOME"), "audit", "*.jsonl"))
	ts.Check(err)
	day := days[len(days)-1]
	lines := strings.SplitAfter(ts.ReadFile(day), "\n")
	ts.Check(os.WriteFile(day, []byte(strings.Join(lines[:len(lines)-1-n], "")), 0o600))
}

func setID(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: id FILE NAME")
	}
	var receipt struct{ ID string }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(args[0])), &receipt))
	ts.Setenv(args[1], receipt.ID)
}

func makeOldLog(ts *testscript.TestScript, neg bool, args []string) {
	ts.Check(testlog.Write(ts.Getenv("SIGNET_HOME"), oldLogOptions()))
}

func acceptArchived(ts *testscript.TestScript, neg bool, args []string) {
	var f verify.Log
	ts.Exec("signet-wrap", "verify", "--chain", "--json") // whose status is another
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &f))
	ts.Check(ts.Exec("signet-wrap", "verify", "--chain", "--accept", f.Completeness.Archived.Events[0].ID))
}

func acceptWithdrawn(ts *testscript.TestScript, neg bool, args []string) {
	var f verify.Log
	ts.Exec("signet-wrap", "verify", "--chain", "--json") // whose status is another
	ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &f))
	ts.Check(ts.Exec("signet-wrap", "verify", "--chain", "--accept", f.Authenticity.Withdrawn[0].ID))
}
