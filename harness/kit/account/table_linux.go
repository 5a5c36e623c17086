package account

import (
	"fmt"
	"runtime"
	"syscall"
)

// ownTable gives the calling goroutine a thread and that thread a table of descriptors of its own:
// a copy of that of the process (unshare(2), CLONE_FILES). What the others then close stays open
// here, under a number that means nothing to them. The runtime starts no thread from a locked one,
// so nobody inherits the table.
func ownTable() error {
	runtime.LockOSThread()
	if err := syscall.Unshare(syscall.CLONE_FILES); err != nil {
		return fmt.Errorf("unshare a thread's descriptors: %w", err)
	}
	return nil
}

// emptyInput puts an input in the place of standard input that is at its end.
func emptyInput() {
	var p [2]int
	if syscall.Pipe2(p[:], syscall.O_CLOEXEC) != nil {
		return // it has been read to its end in any case
	}
	syscall.Close(p[1])
	syscall.Dup3(p[0], 0, 0)
	syscall.Close(p[0])
}
