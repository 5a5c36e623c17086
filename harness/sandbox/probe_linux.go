package sandbox

import (
	"errors"
	"fmt"
	"net"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

func systemProbes(prevented func(string, error) Finding) []Finding {
	socket := func(family, kind int) error {
		fd, err := unix.Socket(family, kind, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
	return []Finding{
		prevented("open a socket that knows no namespace (vsock)",
			socket(unix.AF_VSOCK, unix.SOCK_STREAM)),
		prevented("make a user namespace", unix.Unshare(unix.CLONE_NEWUSER)),
		prevented("mount a file system", unix.Mount("tmpfs", "/tmp", "tmpfs", 0, "")),
		prevented("take a capability", takeCapability()),
		prevented("trace a process", unix.PtraceAttach(1)),
		prevented("open a socket that passes on descriptors (unix)",
			socket(unix.AF_UNIX, unix.SOCK_STREAM)),
		socketProbe(), tableProbe(),
	}
}

// tableProbe writes on a pipe that one thread alone has in its table of descriptors, as the report of
// a check is kept.
func tableProbe() Finding {
	f := Finding{Probe: "write on a pipe that another thread keeps for itself"}
	r, w, err := os.Pipe()
	if err != nil {
		f.Detail = err.Error()
		return f
	}
	defer r.Close()
	fd := int(w.Fd())
	apart, closed, written := make(chan error), make(chan bool), make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its table
		apart <- ownTable()
		<-closed
		_, err := unix.Write(fd, []byte("x"))
		unix.Close(fd)
		written <- err
	}()
	err = <-apart
	w.Close()
	_, foreign := unix.Write(fd, []byte("y"))
	close(closed)
	own := <-written
	switch {
	case err != nil:
		f.Detail = "a thread can have no descriptors of its own: " + err.Error()
	case own != nil:
		f.Detail = "nor can that thread: " + own.Error()
	case foreign == nil:
		f.Detail = "it was written"
	default:
		f.Holds, f.Detail = true, foreign.Error()
	}
	return f
}

// ownTable gives the thread a table of descriptors of its own, as the account of a check does:
// Docker's own filter forbids the one call and not the other.
func ownTable() error {
	err := unix.Unshare(unix.CLONE_FILES)
	if errors.Is(err, unix.EPERM) {
		const none = 1<<32 - 1 // no descriptor has this number
		err = unix.CloseRange(none, none, unix.CLOSE_RANGE_UNSHARE)
	}
	return err
}

// maxUnread is what may wait in the kernel for one connection that nobody reads from.
const maxUnread = 1 << 20

// socketProbe sends to somebody who does not read, until nothing more is taken.
func socketProbe() Finding {
	f := Finding{Probe: "have the kernel keep megabytes for one connection"}
	n, err := unread(maxUnread)
	if f.Holds = n < maxUnread; f.Holds {
		f.Detail = fmt.Sprintf("%d KiB were kept", n>>10)
		if err != nil {
			f.Detail += ": " + err.Error()
		}
	} else {
		f.Detail = "1 MiB and more was kept"
	}
	return f
}

// unread counts the bytes that a connection takes that nobody reads from, up to a limit.
func unread(limit int) (n int, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	// Nobody is at work beside it: what is not taken within this time is not going to be.
	const stuck = 100 * time.Millisecond
	block := make([]byte, 64<<10)
	for n < limit {
		c.SetWriteDeadline(time.Now().Add(stuck))
		sent, err := c.Write(block)
		n += sent
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func takeCapability() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	const all = 1<<32 - 1
	data := [2]unix.CapUserData{{Effective: all, Permitted: all}, {Effective: all, Permitted: all}}
	return unix.Capset(&header, &data[0])
}
