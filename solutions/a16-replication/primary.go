package replication

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	patience = time.Second            // of a Write
	roundTop = 300 * time.Millisecond // a round trip that takes longer has failed
)

// Primary takes entries and sends them to its replicas. One Write is called at a time; everything else may be called
// meanwhile, from other goroutines.
type Primary struct {
	mode  Mode
	link  Link
	start uint64 // the last LSN when this primary began
	acks  *acks

	ctx  context.Context // ends when the primary is closed or fenced, which is its cause
	stop context.CancelCauseFunc
	all  sync.WaitGroup

	mu    sync.Mutex
	log   journal
	grown chan struct{} // closed when the log grows
}

// NewPrimary returns the first primary, of epoch 1, with an empty log, and n replicas, which are numbered from 0.
func NewPrimary(n int, m Mode, link Link) *Primary {
	return newPrimary(journal{epoch: 1}, n, m, link)
}

func newPrimary(log journal, n int, m Mode, link Link) *Primary {
	p := &Primary{mode: m, link: link, start: log.last(), acks: newAcks(n), log: log, grown: make(chan struct{})}
	p.ctx, p.stop = context.WithCancelCause(context.Background())
	for replica := range n {
		p.all.Go(func() { p.replicate(replica) })
	}
	return p
}

// Write appends an entry and returns its LSN, once as many replicas as the mode says have acknowledged it.
func (p *Primary) Write(ctx context.Context, e []byte) (lsn uint64, err error) {
	p.mu.Lock()
	if p.ctx.Err() != nil {
		p.mu.Unlock()
		return 0, p.ended()
	}
	p.log.entries = append(p.log.entries, entry{p.log.epoch, slices.Clone(e)})
	lsn = p.log.last()
	close(p.grown)
	p.grown = make(chan struct{})
	p.mu.Unlock()

	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	if p.acks.await(ctx, lsn, p.mode.Acks) != nil {
		return lsn, p.ended()
	}
	return lsn, nil
}

// ended is the error of a Write that has got no answer.
func (p *Primary) ended() error {
	if context.Cause(p.ctx) == ErrFenced {
		return ErrFenced
	}
	return ErrNotDurable
}

// replicate brings a replica up to date and keeps it so. One message is under way at a time: what is written meanwhile
// goes with the next one.
func (p *Primary) replicate(replica int) {
	met, have := false, p.start // before they have met, it is guessed to have everything
	for p.ctx.Err() == nil {
		m, grown := p.next(have)
		if met && len(m.entries) == 0 {
			select {
			case <-grown:
			case <-p.ctx.Done():
			}
			continue
		}
		ctx, cancel := context.WithTimeout(p.ctx, roundTop)
		ack, err := p.link(ctx, replica, m)
		cancel()
		switch {
		case errors.Is(err, ErrFenced):
			p.stop(ErrFenced)
		case err == nil:
			met, have = true, ack
			p.acks.set(replica, ack)
		}
	}
}

// next is the message for a replica that has everything up to an LSN, and a channel that is closed when there is more.
func (p *Primary) next(have uint64) (Append, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return Append{p.log.epoch, p.start, have, p.log.epochAt(have), p.log.after(have)}, p.grown
}

// Lag is, for each replica, how many entries it has not acknowledged.
func (p *Primary) Lag() []uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	lag := p.acks.all()
	for replica, have := range lag {
		lag[replica] = p.log.last() - have
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
	p.mu.Lock()
	defer p.mu.Unlock()
	return &Replica{log: p.log}
}

// Close ends everything that runs for the primary. A Write that waits gets ErrNotDurable.
func (p *Primary) Close() {
	p.stop(nil)
	p.all.Wait()
}
