package install

// canWriteIn is unknown: only writing would show it.
func canWriteIn(string) bool { return true }
