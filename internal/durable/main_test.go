package durable

import (
	"os"
	"testing"
)

// TestMain lets the test binary be another process: one that takes a lock, says
// so and keeps it until it is killed, or one that writes to a full disk or overwrites there.
func TestMain(m *testing.M) {
	if path := os.Getenv("DURABLE_TEST_LOCK"); path != "" {
		lockForEver(path)
		os.Exit(0)
	}
	if path := os.Getenv("DURABLE_TEST_FULL"); path != "" {
		writeWhenFull(path)
		os.Exit(0)
	}
	if path := os.Getenv("DURABLE_TEST_FULL_OVERWRITE"); path != "" {
		overwriteWhenFull(path)
		os.Exit(0)
	}
	os.Exit(m.Run())
}
