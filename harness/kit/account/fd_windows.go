package account

import "syscall"

// closeOnExec keeps the report pipe from the processes that a check starts.
func closeOnExec(handle uintptr) { syscall.CloseOnExec(syscall.Handle(handle)) }

func closeFD(handle uintptr) { syscall.CloseHandle(syscall.Handle(handle)) }

// writeFD writes all of it, or what it can.
func writeFD(handle uintptr, text []byte) {
	for len(text) > 0 {
		n, err := syscall.Write(syscall.Handle(handle), text)
		if err != nil {
			return
		}
		text = text[n:]
	}
}
