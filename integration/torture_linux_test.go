package integration

import (
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// TestTorture kills wrappers under load, at any moment, for ten seconds or the
// time that SIGNET_WRAP_TORTURE says: 60s. Afterwards, and at any time
// meanwhile, the log verifies, and every call that a server received is in it.
func TestTorture(t *testing.T) {
	length := fromEnv(t, "SIGNET_WRAP_TORTURE", 10*time.Second, time.ParseDuration)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	h := newHome(t)
	h.fill(t, 1, time.Now())
	end := time.Now().Add(length)

	var mu sync.Mutex
	var serverLogs []serverLog
	var all sync.WaitGroup
	// One of them writes so much that a kill often meets a write.
	for slot, largest := range []int{300, 300, 300_000, 4_000_000} {
		all.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(slot)))
			for time.Now().Before(end) && !t.Failed() {
				l := h.killed(t, r, largest)
				mu.Lock()
				serverLogs = append(serverLogs, l)
				mu.Unlock()
			}
		})
	}
	all.Go(func() {
		for time.Now().Before(end) && !t.Failed() {
			if status, out := h.verdict(t); status != 0 && status != 3 {
				t.Errorf("meanwhile: verify --chain: exit status %d\n%s", status, out)
			}
		}
	})
	all.Wait()

	calls, most := 0, 0
	for _, l := range serverLogs {
		n := len(l.calls(t))
		calls, most = calls+n, max(most, n)
	}
	h.holds(t, serverLogs...)
	t.Logf("%d wrappers killed; %d calls reached a server, of one wrapper at most %d; %d partial records quarantined",
		len(serverLogs), calls, most, len(h.events(t, "torn_line")))
	if most < 10 { // a busy machine may not have come to it more often
		t.Error("there was no load")
	}
}

// killed runs a wrapper under load, calls of up to largest bytes, kills it at a
// random moment and returns the log of its server.
func (h home) killed(t *testing.T, r *rand.Rand, largest int) serverLog {
	l := newServerLog(t)
	p := start(t, h.dir, wrapped.argv(t, nil, l.server()...))
	go io.Copy(io.Discard, p.out)
	sizes := rand.New(rand.NewPCG(r.Uint64(), 0))
	go func() {
		for n := 0; ; n++ {
			size := sizes.IntN(largest)
			if near := 64 << 10; size < near && size > near-2000 {
				size -= 2000 // too near to 64 KiB for a receipt
			}
			if _, err := p.in.WriteString(long(n, size)); err != nil {
				return
			}
		}
	}()
	time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
	p.cmd.Process.Kill()
	p.settled()
	p.in.Close()
	p.pipe.Close()
	return l
}
