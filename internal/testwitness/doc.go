// Package testwitness starts real witnesses and time-stamp authorities for tests, on this
// machine.
package testwitness
