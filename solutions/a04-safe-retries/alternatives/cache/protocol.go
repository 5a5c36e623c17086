package retries

// All of this file is given.

import (
	"context"
	"errors"
	"time"
)

// Kind is what is to be done with a counter.
type Kind int

// The kinds.
const (
	Add Kind = iota
	Get
)

// Op is an operation on one counter.
type Op struct {
	Kind  Kind
	Key   string
	Delta int // what an Add adds, perhaps less than 0
}

// Request is what a clerk sends.
type Request struct {
	Client   string
	Seq      uint64
	Deadline time.Time // the zero time for none
	Op       Op
}

// Response is what a server answers.
type Response struct {
	Value int
	Err   string // "" for an answer, else why it is refused
}

// The refusals.
const (
	Expired = "expired"
	Old     = "old"
)

var (
	// ErrDefinite says that an operation has not been executed, and will not be.
	ErrDefinite = errors.New("not done")
	// ErrMaybe says that nobody here knows whether an operation has been or will be executed.
	ErrMaybe = errors.New("perhaps done")
	// ErrNotSent is what a Net returns when the request has not left this machine.
	ErrNotSent = errors.New("not sent")
)

// AttemptTimeout is how long a clerk waits for the answer to one attempt, which is longer than the
// slowest way there and back.
const AttemptTimeout = 500 * time.Millisecond

// Net is the way from one clerk to its server.
type Net interface {
	// Call sends a request and returns the answer to it. It returns when ctx ends, with an error; it
	// may also return with one before. ErrNotSent, perhaps wrapped, is the only error that says what
	// became of the request: after any other one it may have been executed, or may still arrive.
	Call(ctx context.Context, req Request) (Response, error)
}

// Store is the server's disk, which outlives the server. Many goroutines may use it at once; a server
// does so only while it handles requests, and in the goroutines of those who call Handle.
type Store interface {
	// Get returns what has been committed under a name, or "".
	Get(name string) string
	// Commit writes under all of these names; "" deletes. It may take a while, and when the machine
	// dies meanwhile, either all has been written or nothing. A server that dies in a Commit dies by a
	// panic of it.
	Commit(entries map[string]string)
}
