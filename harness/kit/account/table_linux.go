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
	err := syscall.Unshare(syscall.CLONE_FILES)
	if err == syscall.EPERM {
		err = unshareBeside()
	}
	if err != nil {
		return fmt.Errorf("unshare a thread's descriptors: %w", err)
	}
	return nil
}

// unshareBeside does the same by close_range(2), for containers whose filter forbids unshare(2)
// whatever is to be unshared, as Docker's own does. It closes a descriptor that nobody has.
func unshareBeside() error {
	const (
		closeRange = 436 // on every architecture
		unshare    = 1 << 1
		nobodys    = 1<<32 - 1
	)
	if _, _, errno := syscall.RawSyscall(closeRange, nobodys, nobodys, unshare); errno != 0 {
		return errno
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
