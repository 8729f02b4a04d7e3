//go:build !race

package wrap

const raceEnabled = false
