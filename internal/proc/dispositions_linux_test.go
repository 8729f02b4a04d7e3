package proc_test

import (
	"os/exec"
	"strings"
	"testing"
)

// A server starts with the signals ignored that we were started with.
func TestDispositionsAreInherited(t *testing.T) {
	show := []string{"grep", "^SigIgn", "/proc/self/status"}
	for _, script := range []string{
		`exec "$@"`,
		`trap '' HUP; exec "$@"`,
		`trap '' HUP TSTP TTOU; exec "$@"`,
		`exec 3<&0; "$@" <&3 & wait`,               // ignores INT and QUIT
		`trap '' TERM; exec 3<&0; "$@" <&3 & wait`, // and TERM
		`trap '' TERM USR1 HUP ALRM QUIT; "$@"; :`, // our parent ignores them, too
		`nohup "$@"`,
		`exec bash -ic '"$@"; :' sh "$@" 2>/dev/null`, // which ignores TERM, but for itself only
	} {
		direct, _, _ := ended(t, in(script, exec.Command(show[0], show[1:]...)), "")
		wrapped, said, _ := ended(t, in(script, wrapping(t, show...)), "")
		if direct != wrapped || !strings.HasPrefix(direct, "SigIgn") {
			t.Errorf("%s: %q, without the wrapper %q; stderr %q", script, wrapped, direct, said)
		}
	}
}
