package main

func (s score) markdown() string { return "" }
