package sandbox_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

func init() {
	probes["call another architecture"] = func() string {
		cmd := exec.Command(os.Args[0])
		cmd.Env = []string{"PROBE=ask for its id as a 32-bit process"}
		if out, _ := cmd.Output(); string(out) == "answered" {
			return "achieved"
		}
		return "refused"
	}
	probes["ask for its id as a 32-bit process"] = askAsForeign
}

// askAsForeign makes the system call getpid of 32-bit x86, with instructions that it writes itself.
func askAsForeign() string {
	if runtime.GOARCH != "amd64" {
		return "there is no such call"
	}
	code, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC,
		unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err.Error()
	}
	copy(code, []byte{
		0xb8, 20, 0, 0, 0, // mov $20, %eax
		0xcd, 0x80, // int $0x80
		0xc3, // ret
	})
	entry := &struct{ code *byte }{&code[0]}
	call := *(*func() int)(unsafe.Pointer(&entry))
	if got := call(); got != os.Getpid() {
		return fmt.Sprint("got ", got)
	}
	return "answered"
}
