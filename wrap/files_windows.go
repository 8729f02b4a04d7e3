package wrap

// nonBlocking is for systems where opening a pipe waits.
const nonBlocking = 0
