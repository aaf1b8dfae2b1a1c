//go:build !linux

// Latency measures clients over a line that it makes of network namespaces,
// which only Linux has.
package main

import "log"

func main() { log.Fatal("latency: network namespaces are to be had on Linux only") }
