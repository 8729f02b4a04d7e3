package wrap

// nonBlocking is nothing on Windows: opening a pipe does not wait for a writer.
const nonBlocking = 0
