//go:build !linux

package main

// ownSystemLog is for Linux alone.
func ownSystemLog() {}

func (b *bench) systemLog() (string, error) { return "", nil }
