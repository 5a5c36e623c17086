//go:build !linux

package main

import "os"

// openTerminal is not known for this system: the error is [errNoTerminal].
func openTerminal() (screen, tty *os.File, err error) { return nil, nil, errNoTerminal }
