package account

import "syscall"

// closeOnExec keeps the report pipe from the processes that a check starts.
func closeOnExec(handle uintptr) { syscall.CloseOnExec(syscall.Handle(handle)) }
