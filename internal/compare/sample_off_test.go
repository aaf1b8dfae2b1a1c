//go:build !race

package main

const sample = 1
