package sandbox

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

func isEOF(err error) bool { return errors.Is(err, io.EOF) }

// receivedListeners makes listeners of the descriptors in a control message. They belong to the
// sandbox's network, but are served from outside of it.
func receivedListeners(oob []byte) ([]net.Listener, error) {
	fds, err := received(oob)
	var all []net.Listener
	for _, fd := range fds {
		f := os.NewFile(uintptr(fd), "bridge")
		l, failed := net.FileListener(f)
		f.Close()
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		all = append(all, l)
	}
	return all, err
}

// received are the descriptors in a control message.
func received(oob []byte) (all []int, err error) {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return all, err
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
		}
		all = append(all, fds...)
	}
	return all, nil
}

// serveBridge connects whoever connects inside with what is dialled outside, until the listener is
// closed.
func serveBridge(ctx context.Context, l net.Listener,
	dial func(context.Context) (net.Conn, error)) {
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer in.Close()
			out, err := dial(ctx)
			if err != nil {
				return
			}
			defer out.Close()
			var wg sync.WaitGroup
			wg.Go(func() { pour(out, in) })
			wg.Go(func() { pour(in, out) })
			wg.Wait()
		}()
	}
}

// pour copies until one side ends, and passes the end on.
func pour(to, from net.Conn) {
	io.Copy(to, from)
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	} else {
		to.Close()
	}
}
