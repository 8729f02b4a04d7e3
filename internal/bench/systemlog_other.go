//go:build !linux

package main

// ownSystemLog is for Linux alone.
func ownSystemLog() {}

func (b *bench) systemLog() error { return nil }

func journalBytes() int64 { return -1 }
