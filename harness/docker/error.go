package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"time"
)

// Error says why there is no talking to the engine at a host.
type Error struct {
	Host   string // as in [Hosts]
	Text   string // one line
	Remedy string
	Err    error
}

func (e *Error) Error() string { return e.Text }

// Hint says what to do.
func (e *Error) Hint() string { return e.Remedy }

func (e *Error) Unwrap() error { return e.Err }

// Hangs reports whether an engine is there and does not answer, which takes time to find out.
func (e *Error) Hangs() bool { return errors.Is(e.Err, context.DeadlineExceeded) }

// There reports whether an engine is there that somebody means to use, and does not serve.
func (e *Error) There() bool { return e.Hangs() || errors.Is(e.Err, fs.ErrPermission) }

// explain tells the true cause of what has gone wrong in a connection.
func explain(host string, err error, limit time.Duration) *Error {
	e := &Error{Host: host, Err: err}
	switch {
	case errors.Is(err, fs.ErrPermission) || strings.Contains(err.Error(), "permission denied"):
		e.Err = errors.Join(fs.ErrPermission, err)
		e.Text = "Docker at " + host + " refuses you: permission denied"
		e.Remedy = "add yourself to the docker group (sudo usermod -aG docker \"$USER\") and " +
			"log in again"
		if runtime.GOOS != "linux" {
			e.Remedy = "make sure that " + strings.TrimPrefix(host, "unix://") + " is yours"
		}
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		e.Err = errors.Join(context.DeadlineExceeded, err)
		e.Text = fmt.Sprintf("Docker at %s does not answer within %.0f s", host, limit.Seconds())
		e.Remedy = "restart Docker (it hangs), or name another engine with DOCKER_HOST"
	default:
		e.Text = "no Docker engine answers at " + host + ": " + heart(err)
		e.Remedy = "start Docker (docker version shows whether it runs)"
	}
	return e
}

// heart is an error without what the client and the dialler wrap around it.
func heart(err error) string {
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.Error()
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return strings.TrimPrefix(op.Err.Error(), "connect: ")
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// hung keeps for a while which engines did not answer, so that one command waits for each only
// once.
var hung sync.Map // host → hangs

type hangs struct {
	seen time.Time
	why  *Error
}

// hungMemory is how long a process takes an engine that did not answer for one that does not.
const hungMemory = time.Minute

func remembered(host string) *Error {
	if h, ok := hung.Load(host); ok && time.Since(h.(hangs).seen) < hungMemory {
		return h.(hangs).why
	}
	return nil
}
