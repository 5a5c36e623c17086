package sandbox

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// socketMemory is what all sockets of a group may keep, where it is counted apart: more than those
// that have a descriptor can.
const socketMemory = 64 << 20

// cgroupParent is where groups are made: one folder in the unified hierarchy (cgroup v2), or one in
// each of the hierarchies of memory and pids, and of cpu where it can be had (v1).
//
// Groups share the processors evenly, however many threads each of them has: that alone is why
// there is one of cpu. Where there is none, the session of a sandbox is a group as well, on kernels
// with autogroups (sched(7)).
type cgroupParent struct {
	v2                string
	memory, pids, cpu string
}

// cgroup bounds one process and its children.
type cgroup struct {
	dirs []string // to be removed
	fd   int      // of the v2 group, to start the process in, or -1
	v1   []string // the cgroup.procs files to write the process to
	oom  string   // the file that counts kills for memory
}

var cgroupSeq atomic.Uint64

// findCgroup looks for hierarchies in which this process may make groups, by making one. It returns
// nil where there are none; then the limits of the user and of the data segment must do.
func findCgroup() *cgroupParent {
	p := &cgroupParent{}
	if own := ownCgroup("0::"); own != "" {
		for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/unified"} {
			dir := filepath.Join(root, own)
			if has, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control")); err == nil &&
				strings.Contains(string(has), "memory") && strings.Contains(string(has), "pids") {
				p.v2 = dir
				// It is no harm where this is refused, only less.
				os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+cpu"), 0o644)
			}
		}
	}
	if p.v2 == "" {
		p.memory, p.pids = v1Dir("memory"), v1Dir("pids")
		p.cpu = cmp.Or(v1Dir("cpu"), v1Dir("cpu,cpuacct"))
	}
	g, err := p.make(DefaultLimits)
	if err != nil || g == nil {
		return nil
	}
	g.remove()
	return p
}

// v1Dir is this process's own group in a hierarchy of version 1, or "".
func v1Dir(controller string) string {
	own := ownCgroup(":" + controller + ":")
	dir := filepath.Join("/sys/fs/cgroup", controller, own)
	if _, err := os.Stat(filepath.Join(dir, "cgroup.procs")); own == "" || err != nil {
		return ""
	}
	return dir
}

// ownCgroup reads the path of this process's group from /proc/self/cgroup.
func ownCgroup(marker string) string {
	data, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(data)) {
		if at := strings.Index(line, marker); at >= 0 {
			return strings.TrimSpace(line[at+len(marker):])
		}
	}
	return ""
}

// withoutCPU is the same, but for groups that get no share of the processors of their own.
func (p *cgroupParent) withoutCPU() *cgroupParent {
	if p == nil {
		return nil
	}
	other := *p
	other.cpu = ""
	return &other
}

// make makes a group with the limits. It returns nil, nil where there is no hierarchy to make it
// in.
func (p *cgroupParent) make(l Limits) (*cgroup, error) {
	switch {
	case p == nil:
		return nil, nil
	case p.v2 != "":
		return p.makeV2(l)
	case p.memory != "" && p.pids != "":
		return p.makeV1(l)
	}
	return nil, nil
}

func groupName() string { return fmt.Sprintf("labs-%d-%d", os.Getpid(), cgroupSeq.Add(1)) }

func (p *cgroupParent) makeV2(l Limits) (*cgroup, error) {
	dir := filepath.Join(p.v2, groupName())
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	g := &cgroup{dirs: []string{dir}, fd: -1, oom: filepath.Join(dir, "memory.events")}
	err := errors.Join(
		write(filepath.Join(dir, "memory.max"), l.Memory),
		write(filepath.Join(dir, "pids.max"), int64(l.Processes)))
	write(filepath.Join(dir, "memory.swap.max"), 0) // not everywhere
	if err == nil {
		g.fd, err = unix.Open(dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	}
	if err != nil {
		g.remove()
		return nil, err
	}
	return g, nil
}

func (p *cgroupParent) makeV1(l Limits) (*cgroup, error) {
	memory, pids := filepath.Join(p.memory, groupName()), filepath.Join(p.pids, groupName())
	g := &cgroup{fd: -1, oom: filepath.Join(memory, "memory.oom_control")}
	if p.cpu != "" {
		if cpu := filepath.Join(p.cpu, groupName()); os.Mkdir(cpu, 0o755) == nil {
			g.dirs = append(g.dirs, cpu)
			g.v1 = append(g.v1, filepath.Join(cpu, "cgroup.procs"))
		}
	}
	for _, dir := range []string{memory, pids} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			g.remove()
			return nil, err
		}
		g.dirs = append(g.dirs, dir)
		g.v1 = append(g.v1, filepath.Join(dir, "cgroup.procs"))
	}
	err := errors.Join(
		write(filepath.Join(memory, "memory.limit_in_bytes"), l.Memory),
		write(filepath.Join(pids, "pids.max"), int64(l.Processes)))
	write(filepath.Join(memory, "memory.memsw.limit_in_bytes"), l.Memory) // not everywhere
	// Version 2 counts the buffers of sockets as memory, this one apart from it.
	write(filepath.Join(memory, "memory.kmem.tcp.limit_in_bytes"), socketMemory)
	if err != nil {
		g.remove()
		return nil, err
	}
	return g, nil
}

func write(file string, n int64) error {
	return os.WriteFile(file, []byte(strconv.FormatInt(n, 10)), 0o644)
}

// add puts a process that is waiting for its setup into the group.
func (g *cgroup) add(pid int) error {
	if g == nil {
		return nil
	}
	for _, file := range g.v1 {
		if err := write(file, int64(pid)); err != nil {
			return fmt.Errorf("limit memory and processes: %w", err)
		}
	}
	return nil
}

// ended has nothing to do: all that the process started has ended with its pid namespace.
func (g *cgroup) ended() {}

// outOfMemory reports whether the kernel killed something in the group because of its limit.
func (g *cgroup) outOfMemory() bool {
	if g == nil {
		return false
	}
	data, err := os.ReadFile(g.oom)
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(data)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strings.TrimSpace(n) != "0"
		}
	}
	return false
}

// remove removes the group. The kernel needs a moment until the last process is gone from it.
func (g *cgroup) remove() {
	if g == nil {
		return
	}
	if g.fd >= 0 {
		unix.Close(g.fd)
	}
	for _, dir := range g.dirs {
		for range 100 {
			if err := os.Remove(dir); err == nil || errors.Is(err, os.ErrNotExist) {
				break
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
}
