package mcpgo_test

import (
	"testing"

	"github.com/mark3labs/mcp-go/client/transport"

	"github.com/signet-wrap/signet-wrap/wrap/mcpgo"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// BenchmarkCall is a call in process, with nothing, signed without a sync, and signed.
func BenchmarkCall(b *testing.B) {
	for _, c := range []struct {
		name         string
		signed, sync bool
	}{{"plain", false, false}, {"signed", true, false}, {"synced", true, true}} {
		b.Run(c.name, func(b *testing.B) {
			to := transport.Interface(transport.NewInProcessTransport(newServer()))
			if c.signed {
				o := options(b)
				o.NoSync = !c.sync
				to = mcpgo.Sign(to, record.New(o))
			}
			s := dial(b, b.Context(), to, "2026-07-28")
			for b.Loop() {
				if _, err := call(b.Context(), s, "fails", map[string]any{"path": "/etc/hosts"}); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				b.Error(err)
			}
		})
	}
}
