package proc

// harden does nothing: Windows has no way to keep the user's other processes
// out of ours.
func harden() {}
