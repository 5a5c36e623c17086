//go:build !linux

package account

import (
	"errors"
	"runtime"
)

// ownTable is for Linux alone.
func ownTable() error {
	return errors.New("no thread of " + runtime.GOOS + " has descriptors of its own")
}

// emptyInput has nothing to do: standard input has been read to its end.
func emptyInput() {}
