//go:build !race

package cli

const raceTimes = 1
