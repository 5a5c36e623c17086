package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strconv"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// A check may have sockets of TCP on the loopback interface, as it has in the other sandboxes in a
// network of its own. Here the network is the machine's, and Landlock knows ports and no addresses.
// So a check opens no socket itself: the kernel asks this process for each (seccomp_unotify(2)),
// and what it hands over is bound to the loopback interface for good and takes its ports from a
// range that no other check has. Landlock lets a check use the ports of its range and no other.

// portRange are the ports of one check, from first to last. It is held until it is closed.
type portRange struct {
	first, last uint16
	held        net.Listener
}

// portsEach are enough for the connections that a check may have open at once.
const portsEach = 512

// leasePorts takes a range in which nobody listens, of those from which the kernel chooses.
func leasePorts() (portRange, error) {
	data, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		return portRange{}, fmt.Errorf("find ports: %w", err)
	}
	var low, high int
	fmt.Sscan(string(data), &low, &high)
	taken := listening()
	for _, i := range rand.Perm(max(0, (high-low+1)/portsEach)) {
		r := portRange{first: uint16(low + i*portsEach), last: uint16(low + (i+1)*portsEach - 1)}
		if taken.within(r) {
			continue
		}
		// A name that all who grade in this network see, and that ends with this process.
		r.held, err = net.Listen("unix", "@backend-labs-ports-"+strconv.Itoa(int(r.first)))
		if err == nil {
			return r, nil
		}
	}
	return portRange{}, fmt.Errorf("of the ports %d to %d no %d are free in a row", low, high,
		portsEach)
}

func (r portRange) close() { r.held.Close() }

// ports are those on which somebody listens.
type ports []uint16

func (p ports) within(r portRange) bool {
	for _, port := range p {
		if r.first <= port && port <= r.last {
			return true
		}
	}
	return false
}

// listening reads them. Source: proc_net(5), /proc/net/tcp.
func listening() (all ports) {
	for _, file := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		data, _ := os.ReadFile(file)
		for line := range bytes.Lines(data) {
			const local, state, listen = 1, 3, "0A"
			f := bytes.Fields(line)
			if len(f) <= state || string(f[state]) != listen {
				continue
			}
			_, port, _ := bytes.Cut(f[local], []byte(":"))
			if n, err := strconv.ParseUint(string(port), 16, 16); err == nil {
				all = append(all, uint16(n))
			}
		}
	}
	return all
}

// askForSockets installs the filter by which the kernel asks, and returns where it does.
func askForSockets() (int, error) {
	const number = 0 // its place in what a filter sees
	program, err := bpf.Assemble([]bpf.Instruction{
		bpf.LoadAbsolute{Off: number, Size: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_SOCKET, SkipFalse: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_USER_NOTIF},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW},
	})
	if err != nil {
		return 0, err
	}
	return install(program, unix.SECCOMP_FILTER_FLAG_NEW_LISTENER)
}

// The structures of seccomp_unotify(2).
type (
	question struct {
		id         uint64
		pid, flags uint32
		nr         int32
		arch       uint32
		ip         uint64
		args       [6]uint64
	}
	refusal struct {
		id    uint64
		value int64
		errno int32
		flags uint32
	}
	handover struct {
		id                              uint64
		flags, ours, number, theirFlags uint32
	}
)

const (
	addAndAnswer = 1 << 1 // SECCOMP_ADDFD_FLAG_SEND: the number is the answer
	// socketBuffer is asked for each direction; the kernel takes it twice.
	socketBuffer = 32 << 10
	// localPortRange is IP_LOCAL_PORT_RANGE of ip(7).
	localPortRange = 51
)

// serveSockets answers until nobody is left who could ask.
//
// No signal may come in between: it would cut off the handing over of a socket, of which the kernel
// then says that it is done, and whoever has asked would take its standard input for the socket. The
// thread is given back as it was. It must not end, for that ends what it has started (prctl(2),
// PR_SET_PDEATHSIG).
func serveSockets(fd int, r portRange) {
	defer unix.Close(fd)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before unix.Sigset_t
	if unix.PthreadSigmask(unix.SIG_BLOCK, &interruptions, &before) != nil {
		return
	}
	defer unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil)
	for {
		wait := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		if _, err := unix.Poll(wait, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		switch {
		case wait[0].Revents&unix.POLLIN != 0:
			var q question
			if command(fd, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&q)) == nil {
				answer(fd, q, r)
			}
		case wait[0].Revents != 0:
			return
		}
	}
}

// interruptions are all signals but those by which a C library or the runtime has every thread do
// something (nptl(7)), which would wait for ever.
var interruptions = unix.Sigset_t{Val: [len(unix.Sigset_t{}.Val)]uint64{^uint64(1<<(32-1) | 1<<(33-1))}}

// answer hands a socket over, or says why there is none.
func answer(fd int, q question, r portRange) {
	s, err := r.socket(int(q.args[0]), q.args[1])
	if err == nil {
		defer unix.Close(s)
		h := handover{id: q.id, flags: addAndAnswer, ours: uint32(s)}
		if q.args[1]&unix.SOCK_CLOEXEC != 0 {
			h.theirFlags = unix.O_CLOEXEC
		}
		err = command(fd, unix.SECCOMP_IOCTL_NOTIF_ADDFD, unsafe.Pointer(&h))
	}
	if err == nil || errors.Is(err, unix.ENOENT) { // it has gone in between
		return
	}
	errno := unix.EPERM
	errors.As(err, &errno)
	command(fd, unix.SECCOMP_IOCTL_NOTIF_SEND,
		unsafe.Pointer(&refusal{id: q.id, errno: -int32(errno)}))
}

// socket makes one that reaches nothing but this range of the loopback interface. The filter has
// let no other kind pass.
func (r portRange) socket(family int, kind uint64) (int, error) {
	nonblock := int(kind) & unix.SOCK_NONBLOCK
	s, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|nonblock, unix.IPPROTO_TCP)
	if err != nil {
		return 0, err
	}
	err = unix.BindToDevice(s, "lo")
	for _, o := range [][3]int{
		{unix.SOL_SOCKET, unix.SO_RCVBUF, socketBuffer}, {unix.SOL_SOCKET, unix.SO_SNDBUF, socketBuffer},
		{unix.IPPROTO_IP, localPortRange, int(r.last)<<16 | int(r.first)},
	} {
		if err == nil {
			err = unix.SetsockoptInt(s, o[0], o[1], o[2])
		}
	}
	if err != nil {
		unix.Close(s)
		return 0, err
	}
	return s, nil
}

func command(fd int, request uint, argument unsafe.Pointer) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(argument))
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return errno
		}
		return nil
	}
}
