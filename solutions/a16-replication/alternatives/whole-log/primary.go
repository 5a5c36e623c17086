package replication

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// Primary sends its whole log with each message. That is a lot of bytes, and leaves nothing to be matched.
type Primary struct {
	n    int
	mode Mode
	link Link

	mu      sync.Mutex
	changed *sync.Cond
	log     journal
	acked   []uint64
	met     []bool
	ended   error // closed or fenced
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup
}

var errClosed = errors.New("closed")

// NewPrimary returns the first primary, of epoch 1, with an empty log, and n replicas, which are numbered from 0.
func NewPrimary(n int, m Mode, link Link) *Primary { return begin(journal{epoch: 1}, n, m, link) }

func begin(log journal, n int, m Mode, link Link) *Primary {
	p := &Primary{n: n, mode: m, link: link, log: log, acked: make([]uint64, n), met: make([]bool, n)}
	p.changed = sync.NewCond(&p.mu)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.running.Add(n)
	for i := range n {
		go p.feed(i)
	}
	return p
}

// Write appends an entry and returns its LSN, once as many replicas as the mode says have acknowledged it.
func (p *Primary) Write(ctx context.Context, e []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, 1500*time.Millisecond)
	defer cancel()
	defer context.AfterFunc(ctx, p.changed.Broadcast)()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended == nil {
		p.log.entries = append(p.log.entries, entry{p.log.epoch, slices.Clone(e)})
		p.changed.Broadcast()
	}
	lsn := p.log.last()
	for p.ended == nil && p.have(lsn) < p.mode.Acks && ctx.Err() == nil {
		p.changed.Wait()
	}
	switch {
	case p.ended == ErrFenced:
		return 0, errors.Join(errors.New("not written"), ErrFenced)
	case p.ended != nil || p.have(lsn) < p.mode.Acks:
		return lsn, errors.Join(errors.New("perhaps written"), ErrNotDurable)
	}
	return lsn, nil
}

// have is how many replicas have an LSN.
func (p *Primary) have(lsn uint64) (n int) {
	for _, acked := range p.acked {
		if acked >= lsn {
			n++
		}
	}
	return n
}

// feed sends the log to a replica as long as it does not have all of it.
func (p *Primary) feed(i int) {
	defer p.running.Done()
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.ended == nil {
		if p.met[i] && p.acked[i] == p.log.last() {
			p.changed.Wait()
			continue
		}
		m := Append{p.log.epoch, p.log.entries}
		p.mu.Unlock()
		ctx, cancel := context.WithTimeout(p.ctx, 250*time.Millisecond)
		ack, err := p.link(ctx, i, m)
		cancel()
		p.mu.Lock()
		switch {
		case errors.Is(err, ErrFenced):
			p.end(ErrFenced)
		case err == nil:
			p.met[i], p.acked[i] = true, max(p.acked[i], ack)
			p.changed.Broadcast()
		}
	}
}

func (p *Primary) end(why error) {
	if p.ended == nil {
		p.ended = why
	}
	p.cancel()
	p.changed.Broadcast()
}

// Lag is, for each replica, how many entries it has not acknowledged.
func (p *Primary) Lag() (lag []uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, acked := range p.acked {
		lag = append(lag, p.log.last()-acked)
	}
	return lag
}

// Log returns the entries, from LSN 1 on.
func (p *Primary) Log() [][]byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.data()
}

// Demote closes the primary and returns it as a replica with the same log: a primary that has come back.
func (p *Primary) Demote() *Replica {
	p.Close()
	return &Replica{epoch: p.log.epoch, follows: p.log.epoch, log: p.log.entries}
}

// Close ends everything that runs for the primary. A Write that waits gets ErrNotDurable.
func (p *Primary) Close() {
	p.mu.Lock()
	p.end(errClosed)
	p.mu.Unlock()
	p.running.Wait()
}
