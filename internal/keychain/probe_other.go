//go:build !linux

package keychain

// probe has nothing to look for: the keychain is a part of the system.
func probe() error { return nil }
