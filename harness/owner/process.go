// Package owner says whose something is. It names a process for ever, so that what one has left
// behind, which could not clean up since it was killed, is known as nobody's and can be removed.
package owner

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
)

// Process names a process for ever: its id may be given to another one later, but not with the same
// start.
type Process struct {
	PID   int    `json:"pid"`
	Start string `json:"start"` // opaque; of this boot of this machine
}

// Self is this process.
var Self = sync.OnceValue(func() Process { return Of(os.Getpid()) })

// Of is the process that has this id now. Where the start of a process cannot be told it is "".
func Of(pid int) Process {
	start, _ := startOf(pid)
	return Process{pid, start}
}

// Alive tells whether the process still runs.
func (p Process) Alive() bool {
	start, ok := startOf(p.PID)
	return ok && start == p.Start
}

func (p Process) String() string { return fmt.Sprintf("%d-%s", p.PID, p.Start) }

// Parse is the inverse of [Process.String].
func Parse(s string) (Process, bool) {
	id, start, ok := strings.Cut(s, "-")
	pid, err := strconv.Atoi(id)
	return Process{pid, start}, ok && err == nil && pid > 0
}

// Orphan tells whether what is marked with a machine, as [Machine] names it, and a process, as
// [Process.String] does, is nobody's any more: the process was one of this machine and has ended.
func Orphan(machine, process string) bool {
	p, ok := Parse(process)
	return machine == Machine() && ok && !p.Alive()
}

// Machine names this machine and, on Linux, its process namespace, in which alone a process id
// means something. It fits into the name of a file.
var Machine = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(machine()))
	return hex.EncodeToString(sum[:6])
})
