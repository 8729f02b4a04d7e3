package main

import "os/exec"

func peakOf(*exec.Cmd) float64 { return -1 }
