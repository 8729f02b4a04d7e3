package wrap
