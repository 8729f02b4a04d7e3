package wrap

import (
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
)

// TestAhead: what is read ahead comes out in its order, with all that follows, and
// what is cancelled in it is found, in lines and in frames.
func TestAhead(t *testing.T) {
	const body = `{"method":"notifications/cancelled","params":{"requestId":"b"}}`
	parts := []string{
		"first\n",
		`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":7.0}}` + "\n" + `{"method":"ping"}` + "\n",
		"Content-Length: 63\r\n\r\n" + body,
		`{"method":"notifications/cancelled","params":{"requestId":` + "\n" + `{"method":"notifications/cancelled"}` + "\n",
		strings.Repeat("x", 2*maxAhead) + "\n",
		"last\n",
	}
	r, w := io.Pipe()
	a := &ahead{r: r}
	written := make(chan struct{}, len(parts))
	go func() {
		for _, p := range parts {
			io.WriteString(w, p)
			written <- struct{}{}
		}
		w.Close()
	}()
	b := make([]byte, len(parts[0]))
	if _, err := io.ReadFull(a, b); err != nil || string(b) != parts[0] {
		t.Fatal(string(b), err)
	}
	if ids := a.cancelled(); len(ids) > 0 {
		t.Error(ids)
	}
	a.start()
	a.start()
	for range 4 {
		<-written
	}
	var ids []string
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ids = a.cancelled(); len(ids) == 2 {
			break
		}
	}
	if !slices.Equal(ids, []string{mcpwire.IDKey([]byte("7")), mcpwire.IDKey([]byte(`"b"`))}) {
		t.Errorf("cancelled: %v", ids)
	}
	rest, err := io.ReadAll(a)
	if want := strings.Join(parts[1:], ""); err != nil || string(rest) != want {
		t.Errorf("%d bytes, %v; want %d", len(rest), err, len(want))
	}
}
