package record

import (
	"reflect"
	"strings"
	"testing"

	"github.com/signet-wrap/signet-wrap/sign/event"
)

// TestSession: the first call puts into the log who asked whom, in every
// dialect.
func TestSession(t *testing.T) {
	const (
		metaMe  = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{"name":"me","version":"1"}}`
		metaYou = `"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"you","version":"2"}}`
	)
	me, you := &event.Implementation{Name: "me", Version: "1"}, &event.Implementation{Name: "you", Version: "2"}
	call := "> " + toolCall("9", "t")
	for _, c := range []struct {
		name  string
		lines []string
		want  []loggedEvent
	}{
		{"initialize",
			[]string{`> {"id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","clientInfo":{"name":"me","version":"1","title":"T"}}}`,
				`< {"id":0,"result":{"protocolVersion":"2025-06-18","serverInfo":{"name":"you","version":"2"}}}`, call, "> " + toolCall("10", "t")},
			[]loggedEvent{{Client: me, Server: you, Protocol: "2025-06-18"}}},
		{"initialize in a batch",
			[]string{`> [{"id":0,"method":"initialize","params":{"protocolVersion":"2025-03-26","clientInfo":{"name":"me","version":"1"}}}]`,
				`< [{"id":0,"result":{"protocolVersion":"2025-03-26","serverInfo":{"name":"you","version":"2"}}}]`, call},
			[]loggedEvent{{Client: me, Server: you, Protocol: "2025-03-26"}}},
		{"initialize is refused",
			[]string{`> {"id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","clientInfo":{"name":"me","version":"1"}}}`,
				`< {"id":0,"error":{"code":-1,"serverInfo":{"name":"you"}}}`, call},
			[]loggedEvent{{Client: me, Protocol: "2025-11-25"}}},
		{"discover",
			[]string{`> {"id":0,"method":"server\/discover","params":{` + metaMe + `}}`, `< {"id":0,"result":{"supportedVersions":["2026-07-28"],` + metaYou + `}}`, call},
			[]loggedEvent{{Client: me, Server: you, Protocol: "2026-07-28"}}},
		{"the call and its response alone",
			[]string{"> " + toolCall("1", "t", metaMe), `< {"id":1,"result":{` + metaYou + `}}`, "> " + toolCall("2", "t", metaMe), `< {"id":2,"result":{` + metaYou + `}}`},
			[]loggedEvent{{Client: me, Protocol: "2026-07-28"}, {Client: me, Server: you, Protocol: "2026-07-28"}}},
		{"nothing", []string{call, `< {"id":9,"result":{}}`}, []loggedEvent{{}}},
		{"nonsense",
			[]string{`> {"id":0,"method":"initialize","params":{"protocolVersion":5,"clientInfo":{"name":["me"]}}}`, `< {"id":0,"result":{"serverInfo":"you"}}`, call},
			[]loggedEvent{{Client: &event.Implementation{}, Server: &event.Implementation{}}}},
		{"long names",
			[]string{`> {"id":0,"method":"initialize","params":{"clientInfo":{"name":"` + strings.Repeat("é", 5000) + `"}}}`, call},
			[]loggedEvent{{Client: &event.Implementation{Name: strings.Repeat("é", maxName/2)}}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, func(o *Options) { o.Command = []string{"server", "--token", "hush"}; o.Target = "mcp://x" })
			s.play(c.lines...)
			st := s.end()
			got := st.of("session")
			for i := range c.want {
				w := &c.want[i]
				w.Type, w.Session, w.Target, w.Command, w.Files = "session", st.calls[0].Session, "mcp://x", []string{"server", "--token", "***"}, []event.File{}
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("events\n\t%+v\nwant\n\t%+v", got, c.want)
			}
		})
	}
}
