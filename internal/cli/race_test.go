//go:build race

package cli

// raceTimes is how many times as much memory the race detector takes.
const raceTimes = 2
