package chain

import (
	"os"
	"runtime"
	"time"
)

const onWindows = runtime.GOOS == "windows"

// testOnlySync has l call sync in place of durable.Sync.
func (l *Log) testOnlySync(sync func(*os.File) error) { l.sync = sync }

// testOnlyPatience has l wait this long for locks.
func (l *Log) testOnlyPatience(d time.Duration) { l.patience = d }
