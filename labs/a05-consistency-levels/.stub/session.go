// Package consistency reads from replicas that lag behind, as fresh as each read has to be.
package consistency

import (
	"context"
	"errors"
	"time"
)

// Level is how fresh the answer to a read has to be.
type Level int

// The levels.
const (
	Eventual Level = iota
	ReadYourWrites
	Monotonic
	Linearizable
)

// ErrLost says that the log of the primary ends before something that the session has written or
// read.
var ErrLost = errors.New("lost in a failover")

// Node has a log up to some position, and the values of keys as they were there.
type Node interface {
	// Read returns the value of a key, "" if it was never written, and how far the node is.
	Read(ctx context.Context, key string) (val string, lsn uint64, err error)
}

// Primary is the node that writes the log.
type Primary interface {
	Node
	// Write returns the position of this write.
	Write(ctx context.Context, key, val string) (lsn uint64, err error)
	// Confirm returns an error unless the node is still the primary, of which it asks the others.
	Confirm(ctx context.Context) error
}

// Session is what one user reads and writes.
type Session struct {
	// your fields
}

// NewSession returns a session in which nothing has been read or written. maxWait is at least 100 ms.
func NewSession(p Primary, replicas []Node, maxWait time.Duration) *Session {
	return &Session{} // your code
}

// Put writes the value of a key.
func (s *Session) Put(ctx context.Context, key, val string) error {
	return errors.New("not implemented") // your code
}

// Get reads the value of a key.
func (s *Session) Get(ctx context.Context, key string, l Level) (string, error) {
	return "", errors.New("not implemented") // your code
}
