//go:build unix

package account

import "syscall"

// closeOnExec keeps the report pipe from the processes that a check starts.
func closeOnExec(fd uintptr) { syscall.CloseOnExec(int(fd)) }
