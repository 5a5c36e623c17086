package sandbox

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// users are the ids under which root runs processes, each under one of its own.
type users struct{ first, count int }

// many reports whether there are any.
func (u users) many() bool { return u.count > 0 }

// next is the id for one process; 0 is to stay who one is.
func (u users) next() int {
	if !u.many() {
		return 0
	}
	return u.first + int(lastUID.Add(1)%uint32(u.count))
}

// findUsers looks which ids there are. In a container of an engine that is not root itself only
// some are.
func findUsers() users {
	if !mayChangeUser() {
		return users{}
	}
	data, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return users{}
	}
	best := users{}
	for line := range strings.Lines(string(data)) {
		var inside, outside, count int
		fmt.Sscan(line, &inside, &outside, &count)
		switch {
		case inside <= firstUID && firstUID+uids <= inside+count:
			return users{firstUID, uids}
		case count > 2*fewUsers && count > 2*best.count:
			// of the upper half: people and services have the lower ids
			best = users{inside + count/2, count / 4}
		}
	}
	return best
}

// fewUsers are too few for each process to have one that no other has.
const fewUsers = 4096

// mayChangeUser reports whether this process is root and has what it takes to run, feed and end
// processes of other users.
func mayChangeUser() bool {
	if os.Geteuid() != 0 {
		return false
	}
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if unix.Capget(&header, &data[0]) != nil {
		return false
	}
	for _, c := range []uint{unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_CHOWN, unix.CAP_KILL,
		unix.CAP_DAC_OVERRIDE} {
		if data[0].Effective&(1<<c) == 0 {
			return false
		}
	}
	return true
}
