// Package consistency reads from replicas that lag behind, as fresh as each read has to be.
package consistency

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
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

// Session is what one user reads and writes. It stays with the replica that answered last.
type Session struct {
	primary  Primary
	replicas []Node
	maxWait  time.Duration
	favorite atomic.Int64  // index of a replica
	mark     atomic.Uint64 // the furthest that it has written or seen
}

// NewSession returns a session in which nothing has been read or written. maxWait is at least 100 ms.
func NewSession(p Primary, replicas []Node, maxWait time.Duration) *Session {
	s := &Session{primary: p, replicas: replicas, maxWait: maxWait}
	if len(replicas) > 0 {
		s.favorite.Store(rand.Int64N(int64(len(replicas))))
	}
	return s
}

// Put writes the value of a key.
func (s *Session) Put(ctx context.Context, key, val string) error {
	lsn, err := s.primary.Write(ctx, key, val)
	if err != nil {
		return fmt.Errorf("put %q: %w", key, err)
	}
	s.raise(lsn)
	return nil
}

func (s *Session) raise(lsn uint64) {
	for {
		old := s.mark.Load()
		if lsn <= old || s.mark.CompareAndSwap(old, lsn) {
			return
		}
	}
}

// Get reads the value of a key.
func (s *Session) Get(ctx context.Context, key string, l Level) (string, error) {
	var a answer
	switch l {
	case Linearizable:
		a = s.confirmed(ctx, key)
	case Eventual:
		a = s.within(ctx, key, 0)
	default:
		a = s.within(ctx, key, s.mark.Load())
	}
	if a.err != nil {
		return "", fmt.Errorf("get %q: %w", key, a.err)
	}
	s.raise(a.lsn)
	return a.val, nil
}

// answer is that of a node.
type answer struct {
	val string
	lsn uint64
	err error
}

// confirmed asks the primary and, at the same time, whether it is one.
func (s *Session) confirmed(ctx context.Context, key string) answer {
	is := make(chan error, 1)
	go func() { is <- s.primary.Confirm(ctx) }()
	a := read(ctx, s.primary, key)
	if err := <-is; err != nil {
		a.err = err
	}
	return a
}

func read(ctx context.Context, n Node, key string) (a answer) {
	a.val, a.lsn, a.err = n.Read(ctx, key)
	return a
}

// within is the answer of a node that is as far as need: of the favorite, of whichever other
// replica has it first, or of the primary.
func (s *Session) within(ctx context.Context, key string, need uint64) answer {
	wait, cancel := context.WithTimeout(ctx, s.maxWait)
	defer cancel()
	if a, ok := s.race(wait, key, need); ok {
		return a
	}
	if ctx.Err() != nil {
		return answer{err: ctx.Err()}
	}
	a := read(ctx, s.primary, key)
	if a.err == nil && a.lsn < need {
		a.err = ErrLost
	}
	return a
}

// race has each replica asked until one is far enough, first of all the favorite alone.
func (s *Session) race(ctx context.Context, key string, need uint64) (a answer, ok bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	found := make(chan answer, len(s.replicas))
	left := make(chan struct{}, len(s.replicas))
	ask := func(i int) {
		defer func() { left <- struct{}{} }()
		for ctx.Err() == nil {
			a := read(ctx, s.replicas[i], key)
			if a.err == nil && a.lsn >= need {
				s.favorite.Store(int64(i))
				found <- a
				return
			}
			if a.err != nil && need == 0 {
				return // no answer will be fresher than none
			}
			select {
			case <-time.After(15 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
	first := int(s.favorite.Load())
	for i := range len(s.replicas) {
		go ask((first + i) % len(s.replicas))
		if i > 0 {
			continue
		}
		select { // one that is well has answered by then
		case a := <-found:
			return a, true
		case <-time.After(12 * time.Millisecond):
		}
	}
	for range s.replicas {
		select {
		case a := <-found:
			return a, true
		case <-ctx.Done():
			return answer{}, false
		case <-left:
		}
	}
	select {
	case a := <-found:
		return a, true
	default:
		return answer{}, false
	}
}
