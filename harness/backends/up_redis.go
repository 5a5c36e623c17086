package backends

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"time"

	"github.com/backend-labs/backend-labs/harness/lock"
)

// sharedRedis leases the servers of a container that "labs up" left running, also to other commands
// at the same time. A file lock holds a lease, as it ends with its process. The file says which
// server is as new; a lease erases that, and giving it back resets the server and says so again. If
// the process is killed, the next one resets the server. Nothing is made ahead: a "labs watch" that
// stands idle would keep servers from others.
type sharedRedis struct {
	unwatched
	site *site
	box  *box
	up   *upRedis

	ctx  context.Context
	stop func()
	mu   sync.Mutex
	out  map[*sharedLease]bool
	wg   sync.WaitGroup
}

type sharedLease struct {
	slot *redisSlot
	lock *lock.File
}

func newSharedRedis(st *site, b *box, up *upRedis) *sharedRedis {
	s := &sharedRedis{site: st, box: b, up: up, out: map[*sharedLease]bool{}}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

func (s *sharedRedis) info() Info {
	i := s.up.Info
	i.Detail, i.PassedOver = i.Detail+", "+upped, ""
	return i
}

func (s *sharedRedis) take(ctx context.Context) (string, func(), error) {
	defer s.site.slowly("waiting for a free Redis: other commands of labs use all that are up")()
	for {
		for _, slot := range s.up.Slots {
			held, err := lock.Try(filepath.Join(s.site.runDir(),
				fmt.Sprintf("redis-%d.lock", slot.Inside)))
			if err != nil {
				return "", nil, err
			}
			if held != nil {
				return s.lend(ctx, &sharedLease{slot, held})
			}
		}
		select {
		case <-ctx.Done():
			return "", nil, ctx.Err()
		case <-s.ctx.Done():
			return "", nil, errClosed
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *sharedRedis) lend(ctx context.Context, l *sharedLease) (string, func(), error) {
	if err := s.renew(ctx, l); err != nil {
		l.lock.Release()
		return "", nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		l.lock.Release()
		return "", nil, errClosed
	}
	s.out[l] = true
	return "redis://" + l.slot.Addr, func() { s.giveBack(l) }, nil
}

// renew makes sure that the server is as new, and that nobody takes it for that after this lease.
func (s *sharedRedis) renew(ctx context.Context, l *sharedLease) error {
	fresh := l.lock.Noted()
	if err := l.lock.Note(""); err != nil {
		return err
	}
	if fresh != "" && answersRedis(ctx, l.slot.Addr, fresh) {
		return nil
	}
	_, err := s.box.resetRedis(ctx, l.slot)
	return err
}

func (s *sharedRedis) giveBack(l *sharedLease) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.out[l] {
		delete(s.out, l)
		s.wg.Go(func() { s.giveUp(l) })
	}
}

// giveUp ends the server, and with it every connection to it.
func (s *sharedRedis) giveUp(l *sharedLease) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if runID, err := s.box.resetRedis(ctx, l.slot); err == nil {
		l.lock.Note(runID)
	}
	l.lock.Release()
}

func (s *sharedRedis) close() {
	s.stop()
	s.mu.Lock()
	out := maps.Clone(s.out)
	clear(s.out)
	s.mu.Unlock()
	for l := range out {
		s.wg.Go(func() { s.giveUp(l) })
	}
	s.wg.Wait()
}
