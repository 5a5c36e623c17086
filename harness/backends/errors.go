package backends

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"
)

// Kind is what stands in the way, in one stable word.
type Kind string

// The kinds of [Error].
const (
	NotInstalled Kind = "not_installed" // a program is not on this machine
	NoEngine     Kind = "no_engine"     // no Docker engine answers
	NoImage      Kind = "no_image"      // the image is not here and cannot be pulled
	NoDownload   Kind = "no_download"   // binaries cannot be downloaded
	PortTaken    Kind = "port_taken"    // a port was taken by another program
	DiskFull     Kind = "disk_full"     // no space is left
	NoStart      Kind = "no_start"      // the server ends or does not answer after its start
	Unreachable  Kind = "unreachable"   // a server does not answer, or refuses the password
	NotAllowed   Kind = "not_allowed"   // the server is there but may not be used as needed
	NotReal      Kind = "not_real"      // only miniredis is here, and a real server is needed
	NotOpened    Kind = "not_opened"    // not asked for in Open, or closed: a mistake of the caller
	NotToBeHad   Kind = "not_to_be_had" // no provider works; Err holds one Error for each
	BadOptions   Kind = "bad_options"   // Options or the state folder cannot be used
)

// Error is why a backend is not to be had. Error gives what is wrong in one line, Hint what to do
// about it.
type Error struct {
	Backend  string // Redis, Postgres, both, or ""
	Provider string // "" if several or none
	Kind     Kind
	Text     string
	Remedy   string
	Err      error
}

// Error is one line, lower case, without a full stop.
func (e *Error) Error() string { return oneLine(e.Text) }

// Hint is what to do next, in one line.
func (e *Error) Hint() string { return oneLine(e.Remedy) }

func (e *Error) Unwrap() error { return e.Err }

// reason is the heart of an error of a client, without what it wraps around it: the address is told
// anyway, and a connection string is not for everybody's eyes.
func reason(err error) string {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Message
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		if dns, ok := errors.AsType[*net.DNSError](op); ok {
			return dns.Error()
		}
		return strings.TrimPrefix(op.Err.Error(), "connect: ")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "no answer in time"
	}
	return err.Error()
}

var errClosed = errors.New("closed")

func notReal(redis *supply) *Error {
	e := &Error{
		Backend: Redis, Provider: Embedded, Kind: NotReal,
		Text:   "only miniredis is to be had here, and this needs a real Redis",
		Remedy: "start Docker, or " + installRedis + ", or set " + RedisURLVar,
	}
	if src, _ := redis.get(); src != nil {
		if over := src.info().PassedOver; over != "" {
			e.Text += " (" + over + ")"
		}
	}
	return e
}

// asError makes an Error of any error: what is recognised gets its own kind and remedy.
func asError(backend, provider string, err error) *Error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	e := &Error{Backend: backend, Provider: provider, Kind: NoStart, Err: err}
	e.Text = fmt.Sprintf("%s (%s): %v", backend, provider, err)
	if provider == "" {
		e.Text = fmt.Sprintf("%s: %v", backend, err)
	}
	switch {
	case diskFull(err):
		e.Kind, e.Remedy = DiskFull, "make room on that disk"
		e.Text = fmt.Sprintf("the disk is full: no room for %s: %v", backend, err)
		if provider == Container {
			e.Remedy = "make room for Docker: docker system df, docker system prune"
		}
	case errors.Is(err, context.DeadlineExceeded):
		e.Text = fmt.Sprintf("%s (%s) did not answer in time", backend, provider)
		e.Remedy = "is the machine very busy? try again"
	default:
		e.Remedy = "labs doctor shows what every provider says"
	}
	return e
}

// windowsDiskFull is ERROR_DISK_FULL.
const windowsDiskFull = syscall.Errno(112)

func diskFull(err error) bool {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) ||
		errors.Is(err, windowsDiskFull) && isWindows {
		return true
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok && pg.Code == "53100" {
		return true
	}
	return err != nil && saysDiskFull(err.Error())
}

// saysDiskFull recognises what programs print when the disk is full.
func saysDiskFull(output string) bool {
	return strings.Contains(strings.ToLower(output), "no space left on device")
}

// saysPortTaken recognises what programs print when another one has the port.
func saysPortTaken(output string) bool {
	low := strings.ToLower(output)
	return strings.Contains(low, "address already in use") ||
		strings.Contains(low, "port is already allocated")
}

func shortHash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:6])
}

// oneLine keeps an error that quotes a program's output to one line of bearable length.
func oneLine(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	const longest = 600
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "") + " …"
	}
	return s
}
