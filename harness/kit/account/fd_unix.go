//go:build unix

package account

import "syscall"

// closeOnExec keeps the report pipe from the processes that a check starts.
func closeOnExec(fd uintptr) { syscall.CloseOnExec(int(fd)) }

func closeFD(fd uintptr) { syscall.Close(int(fd)) }

// writeFD writes all of it, or what it can: whoever has closed the pipe reads no more.
func writeFD(fd uintptr, text []byte) {
	for len(text) > 0 {
		n, err := syscall.Write(int(fd), text)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return
		default:
			text = text[n:]
		}
	}
}
