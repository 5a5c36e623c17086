// Package eats reads standard input before the account does.
package eats

import (
	"io"
	"os"
)

func init() { io.Copy(io.Discard, os.Stdin) }

func Nothing() {}
