//go:build race

package cli

// raceTimes is how many times as much memory the race detector takes.
const raceTimes = 2

// flipStep is every how many bytes a flip is tried. Each takes ten times as long
// under the race detector, and runs the same code as its neighbours.
const flipStep = 10
