//go:build !race

package cli

const (
	raceTimes = 1
	flipStep  = 1
)
