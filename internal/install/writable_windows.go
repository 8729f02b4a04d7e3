package install

// canWriteIn is not answered: only writing would tell.
func canWriteIn(string) bool { return true }
