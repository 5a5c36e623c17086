//go:build unix

package account

import "syscall"

// maxDescriptor bounds the numbers that are looked at. New ones are the lowest that are free.
const maxDescriptor = 256

// openDescriptors are those that stand for something outside of the process. What the runtime opens
// for itself, to wait on others, has no type.
func openDescriptors() map[int]string {
	kinds := map[uint32]string{syscall.S_IFSOCK: "a socket", syscall.S_IFIFO: "a pipe",
		syscall.S_IFREG: "a file", syscall.S_IFDIR: "a folder"}
	open := map[int]string{}
	for fd := range maxDescriptor {
		var st syscall.Stat_t
		if syscall.Fstat(fd, &st) != nil {
			continue
		}
		if kind := kinds[uint32(st.Mode)&syscall.S_IFMT]; kind != "" {
			open[fd] = kind
		}
	}
	return open
}
