package config

import (
	"fmt"
	"os"
)

// Program is the program around Load: given, and not to be changed. It returns its exit code. The checks run it as a
// process of its own; so can you, with "go run ./labs/b07-env-config/server".
//
// It stands for a server: it says what it would do, and ends. What it says goes to the standard output, and what is wrong
// with its environment to the error output.
func Program() int {
	cfg, err := Load(os.LookupEnv)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	fmt.Printf("listening on :%d, requests have %v, debug %v\n", cfg.Port, cfg.RequestTimeout, cfg.Debug)
	return 0
}
