package account

import (
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// ownTable gives the calling goroutine a thread and that thread a table of descriptors of its own:
// a copy of that of the process (unshare(2), CLONE_FILES). What the others then close stays open
// here, under a number that means nothing to them. The runtime starts no thread from a locked one,
// so nobody inherits the table.
//
// The thread still takes part in garbage collection, after which the runtime asks its poller what the
// network has ready: the poller must exist by then, so that its descriptors are in both tables.
func ownTable() error {
	if r, w, err := os.Pipe(); err == nil { // the first of its kind makes the poller
		r.Close()
		w.Close()
	}
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
