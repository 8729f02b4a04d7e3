package integration

import (
	"bufio"
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
	for slot, load := range []struct{ largest, calls int }{{300, 100}, {300, 100}, {300_000, 30}, {4_000_000, 8}} {
		all.Go(func() {
			r := rand.New(rand.NewPCG(seed, uint64(slot)))
			for time.Now().Before(end) && !t.Failed() {
				l := h.killed(t, r, load.largest, load.calls)
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

	calls := 0
	for _, l := range serverLogs {
		calls += len(l.calls(t))
	}
	h.holds(t, serverLogs...)
	t.Logf("%d wrappers killed; %d calls reached a server; %d partial records quarantined",
		len(serverLogs), calls, len(h.events(t, "torn_line")))
	if calls < 10*len(serverLogs) {
		t.Error("there was no load")
	}
}

// killed runs a wrapper under load, calls of up to largest bytes, kills it and
// returns the log of its server. One in four is killed within 300 ms, perhaps before
// its first call; the others just after one of so many calls came back, so that there
// is load however slow the machine is.
func (h home) killed(t *testing.T, r *rand.Rand, largest, calls int) serverLog {
	l := newServerLog(t)
	p := start(t, h.dir, wrapped.argv(t, nil, l.server()...))
	loaded, last := make(chan struct{}), r.IntN(calls)
	go func() {
		for n := 0; ; {
			_, err := p.out.ReadSlice('\n')
			switch {
			case err == bufio.ErrBufferFull:
			case err != nil:
				return
			default:
				if n == last {
					close(loaded)
				}
				n++
			}
		}
	}()
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
	if r.IntN(4) == 0 {
		time.Sleep(time.Duration(r.IntN(300)) * time.Millisecond)
	} else {
		within(t, loaded, patience, "no load")
		time.Sleep(time.Duration(r.IntN(2000)) * time.Microsecond)
	}
	p.cmd.Process.Kill()
	p.settled()
	p.in.Close()
	p.pipe.Close()
	return l
}
