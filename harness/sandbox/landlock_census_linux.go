package sandbox

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// census counts what a process group uses, again and again, and ends it when that is too much. A
// process takes some milliseconds to fill what is left of a machine's memory, so it is looked at
// often.
type census struct {
	limits Limits
	dirs   []string // that it writes to

	group  int
	full   atomic.Bool // ended for its memory
	stop   chan struct{}
	counts sync.WaitGroup
}

const (
	// countEvery is how often memory and processes are counted, and walkEvery how many counts pass
	// between two looks at the folder.
	countEvery = 20 * time.Millisecond
	walkEvery  = 5
	// maxEntries are the files and folders that a check may make.
	maxEntries = 1 << 14
)

// add begins to count.
func (c *census) add(pid int) error {
	c.group, c.stop = pid, make(chan struct{})
	c.counts.Go(c.watch)
	return nil
}

func (c *census) watch() {
	tick := time.NewTicker(countEvery)
	defer tick.Stop()
	for n := 1; ; n++ {
		select {
		case <-c.stop:
			return
		case <-tick.C:
		}
		memory, tasks := usage(c.group)
		if memory > c.limits.Memory {
			c.full.Store(true)
		}
		if c.full.Load() || tasks > c.limits.Processes ||
			n%walkEvery == 0 && tooLarge(c.dirs, c.limits.Scratch) {
			syscall.Kill(-c.group, syscall.SIGKILL)
		}
	}
}

// ended ends whatever the first process has left behind and waits until it is gone. Nothing could
// leave the group, and a signal to a group reaches those that are just being started, too.
func (c *census) ended() {
	if c.stop == nil {
		return
	}
	close(c.stop)
	c.counts.Wait()
	for end := time.Now().Add(endPatience); time.Now().Before(end); time.Sleep(time.Millisecond) {
		left := syscall.Kill(-c.group, syscall.SIGKILL)
		for {
			pid, err := syscall.Wait4(-c.group, nil, syscall.WNOHANG, nil)
			if pid <= 0 && err != syscall.EINTR {
				break
			}
		}
		if left == syscall.ESRCH {
			return
		}
	}
}

func (c *census) outOfMemory() bool { return c.full.Load() }

// usage is what a process group uses: resident memory in bytes, and processes and threads. Source:
// proc_pid_stat(5).
func usage(group int) (memory int64, tasks int) {
	eachProcess(func(_ string, stat [][]byte) {
		const pgrp, threads, rss = 2, 17, 21 // after the name
		if len(stat) <= rss || number(stat[pgrp]) != int64(group) {
			return
		}
		memory += number(stat[rss]) * int64(os.Getpagesize())
		tasks += int(number(stat[threads]))
	})
	return memory, tasks
}

// tasksOfUser are the processes and threads of a user.
func tasksOfUser(uid int) (tasks int) {
	eachProcess(func(dir string, stat [][]byte) {
		const threads = 17
		var st unix.Stat_t
		if len(stat) > threads && unix.Stat(dir, &st) == nil && int(st.Uid) == uid {
			tasks += int(number(stat[threads]))
		}
	})
	return tasks
}

// eachProcess calls f with the folder of each process in /proc and the fields of its stat that come
// after its name, which may have spaces and brackets in it.
func eachProcess(f func(dir string, stat [][]byte)) {
	proc, err := os.Open("/proc")
	if err != nil {
		return
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1)
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		text, err := os.ReadFile("/proc/" + name + "/stat")
		if end := bytes.LastIndexByte(text, ')'); err == nil && end > 0 {
			f("/proc/"+name, bytes.Fields(text[end+1:]))
		}
	}
}

func number(text []byte) int64 {
	n, _ := strconv.ParseInt(string(text), 10, 64)
	return n
}

// tooLarge reports whether folders take more room than that, or have too many entries.
func tooLarge(dirs []string, limit int64) bool {
	var sum int64
	entries := 0
	for _, dir := range dirs {
		filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
			if entries++; err != nil {
				return nil // it is gone by now
			}
			if info, err := d.Info(); err == nil {
				sum += info.Sys().(*syscall.Stat_t).Blocks * 512
			}
			if sum > limit || entries > maxEntries {
				return fs.SkipAll
			}
			return nil
		})
	}
	return sum > limit || entries > maxEntries
}
