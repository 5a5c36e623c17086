package owner

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"sync"
)

// bootID tells one boot from another, as the start of a process is counted from it.
var bootID = sync.OnceValue(func() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id")
	short, _, _ := strings.Cut(strings.TrimSpace(string(id)), "-")
	return short
})

// startOf gives the start of a running process; a zombie does not run.
func startOf(pid int) (string, bool) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", false
	}
	// "pid (name) state ppid …": the name may hold anything, even a parenthesis. The start is field
	// 22, see proc(5).
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return "", false
	}
	return bootID() + "." + fields[19], true
}

// machine names this machine and process namespace: only there does a process id mean something.
func machine() string {
	host, _ := os.Hostname()
	ns, _ := os.Readlink("/proc/self/ns/pid")
	return host + " " + ns
}
