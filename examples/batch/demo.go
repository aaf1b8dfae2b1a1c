package main

func demo(t terminal, args []string) (int, error) { return 0, misuse("not yet") }
