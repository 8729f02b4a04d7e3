// Package testwitness starts real witnesses for tests, on this machine.
package testwitness
