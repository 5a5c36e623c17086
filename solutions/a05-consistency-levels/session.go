// Package consistency reads from replicas that lag behind, as fresh as each read has to be.
package consistency

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
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

const (
	pollEvery = 10 * time.Millisecond
	patience  = 30 * time.Millisecond // with one replica: one that is well answers within 10 ms
)

// Session is what one user reads and writes.
type Session struct {
	primary  Primary
	replicas []Node
	maxWait  time.Duration

	mu    sync.Mutex
	wrote uint64 // the position of the latest write of this session
	seen  uint64 // the position of the latest answer that it has got
}

// NewSession returns a session in which nothing has been read or written. maxWait is at least 100 ms.
func NewSession(p Primary, replicas []Node, maxWait time.Duration) *Session {
	// In an order of its own, so that sessions are spread.
	mine := make([]Node, len(replicas))
	for i, j := range rand.Perm(len(replicas)) {
		mine[i] = replicas[j]
	}
	return &Session{primary: p, replicas: mine, maxWait: maxWait}
}

// Put writes the value of a key.
func (s *Session) Put(ctx context.Context, key, val string) error {
	lsn, err := s.primary.Write(ctx, key, val)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wrote = max(s.wrote, lsn) // an earlier one may return later
	return nil
}

// Get reads the value of a key.
func (s *Session) Get(ctx context.Context, key string, l Level) (string, error) {
	need := s.need(l)
	if l != Linearizable {
		val, lsn, ok := s.fromReplica(ctx, key, l, need)
		if ok {
			s.saw(lsn)
			return val, nil
		}
		if err := ctx.Err(); err != nil {
			return "", err
		}
	}
	val, lsn, err := s.primary.Read(ctx, key)
	if err != nil {
		return "", err
	}
	if l == Linearizable {
		// It answered as one who believes to be the primary. Whether it was, the others know.
		if err := s.primary.Confirm(ctx); err != nil {
			return "", err
		}
	}
	if lsn < need {
		return "", ErrLost
	}
	s.saw(lsn)
	return val, nil
}

// need is the position that a node must have reached.
func (s *Session) need(l Level) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch l {
	case ReadYourWrites:
		return s.wrote
	case Monotonic:
		return s.seen
	}
	return 0
}

func (s *Session) saw(lsn uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = max(s.seen, lsn)
}

// fromReplica asks the replicas in turn, and again and again, until one is far enough or maxWait is
// over. An Eventual read any replica can answer, so it asks each only once.
func (s *Session) fromReplica(ctx context.Context, key string, l Level, need uint64) (
	val string, lsn uint64, ok bool,
) {
	ctx, cancel := context.WithTimeout(ctx, s.maxWait)
	defer cancel()
	for ctx.Err() == nil {
		for _, r := range s.replicas {
			val, lsn, err := ask(ctx, r, key)
			if err == nil && lsn >= need {
				return val, lsn, true
			}
		}
		if l == Eventual || len(s.replicas) == 0 {
			break
		}
		select {
		case <-time.After(pollEvery):
		case <-ctx.Done():
		}
	}
	return "", 0, false
}

// ask reads from a replica that may not answer.
func ask(ctx context.Context, r Node, key string) (string, uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return r.Read(ctx, key)
}
