//go:build !linux && !darwin && !windows

package systemlog

func machineID() string { return "" }
