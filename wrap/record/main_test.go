package record

import (
	"os"
	"testing"
	"time"
)

// On a busy machine the last outcomes can take longer than people would wait.
func TestMain(m *testing.M) {
	lastOutcomes = time.Minute
	os.Exit(m.Run())
}
