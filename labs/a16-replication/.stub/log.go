// Package replication keeps a log on several nodes: a primary takes entries, and replicas have them, too, when it says
// so, or soon. What the primary waits for before it says so is the mode. This file is given, and need not be changed.
package replication

//lint:file-ignore U1000 what is given waits to be used

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// What a Write may fail with.
var (
	// ErrNotDurable leaves open what becomes of the entry.
	ErrNotDurable = errors.New("not enough replicas have acknowledged the entry")
	// ErrFenced is for whoever was primary until somebody else was promoted.
	ErrFenced = errors.New("there is a primary of a later epoch")
)

// Mode is what a Write waits for.
type Mode struct {
	Acks int // of so many replicas: 0 is asynchronous, all of them synchronous
}

// Link sends a message to a replica, whose Apply gets it, and returns what that returns, after a round trip of 200 ms at
// most. When the message is lost, or the answer, or the replica is down, it returns when ctx ends, with its error. A message
// may overtake others, and be delivered again, up to 2 s later.
type Link func(ctx context.Context, replica int, m Append) (ack uint64, err error)

// entry is a write in a log, and the epoch of the primary that took it.
type entry struct {
	epoch uint64
	data  []byte
}

// journal is a log: entries, of which the first has LSN 1, and the highest epoch that its node has heard of.
type journal struct {
	epoch   uint64
	entries []entry
}

// last is the LSN of the last entry, 0 if there is none.
func (j *journal) last() uint64 { return uint64(len(j.entries)) }

// epochAt is the epoch of an entry, 0 if there is none at this LSN.
func (j *journal) epochAt(lsn uint64) uint64 {
	if lsn == 0 || lsn > j.last() {
		return 0
	}
	return j.entries[lsn-1].epoch
}

// after returns the entries behind an LSN, which may be sent and are never changed.
func (j *journal) after(lsn uint64) []entry { return slices.Clone(j.entries[min(lsn, j.last()):]) }

// truncate leaves the entries up to an LSN.
func (j *journal) truncate(lsn uint64) {
	if lsn < j.last() {
		j.entries = slices.Clip(j.entries[:lsn])
	}
}

// data returns copies of what the entries hold.
func (j *journal) data() [][]byte {
	all := make([][]byte, 0, len(j.entries))
	for _, e := range j.entries {
		all = append(all, slices.Clone(e.data))
	}
	return all
}

// acks is what each replica has acknowledged. Its methods may be called from many goroutines at once.
type acks struct {
	mu      sync.Mutex
	have    []uint64
	changed chan struct{}
}

func newAcks(n int) *acks { return &acks{have: make([]uint64, n), changed: make(chan struct{})} }

// set records that a replica has everything up to an LSN. Less than it had says nothing.
func (a *acks) set(replica int, lsn uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if lsn <= a.have[replica] {
		return
	}
	a.have[replica] = lsn
	close(a.changed)
	a.changed = make(chan struct{})
}

// all is what each has acknowledged.
func (a *acks) all() []uint64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.have)
}

// await returns nil as soon as k replicas have everything up to an LSN, or the error of ctx when it ends.
func (a *acks) await(ctx context.Context, lsn uint64, k int) error {
	for {
		a.mu.Lock()
		got, changed := 0, a.changed
		for _, have := range a.have {
			if have >= lsn {
				got++
			}
		}
		a.mu.Unlock()
		if got >= k {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
