package sandbox

import (
	"encoding/json"
	"sync"

	"github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// engineFilter is the seccomp option of a container: the engine's own default, in which a thread
// may besides take a table of descriptors for itself. [loadFilter] comes on top of it, inside.
var engineFilter = sync.OnceValues(func() (string, error) {
	p := seccomp.DefaultProfile()
	p.Syscalls = append(p.Syscalls, &seccomp.Syscall{LinuxSyscall: specs.LinuxSyscall{
		Names: []string{"unshare"}, Action: specs.ActAllow,
		Args: []specs.LinuxSeccompArg{{Index: 0, Value: unix.CLONE_FILES, Op: specs.OpEqualTo}},
	}})
	text, err := json.Marshal(p)
	return "seccomp=" + string(text), err
})
