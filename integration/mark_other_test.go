//go:build !linux

package integration

// processes is not known here: there is no /proc.
func (m mark) processes() []string { return nil }

func (m mark) kill() {}
