package replication

import (
	"fmt"
	"sync"
)

// Append is a primary's log as it was when the message was sent. A log is only ever added to, so it may be shared.
type Append struct {
	epoch uint64
	log   []entry
}

// Replica has the longest log that the latest primary has sent.
type Replica struct {
	mu             sync.Mutex
	epoch, follows uint64
	log            []entry
}

// NewReplica returns one with an empty log.
func NewReplica() *Replica { return &Replica{} }

// Apply takes a message of a primary and returns the highest LSN up to which this log is known to be the sender's.
func (r *Replica) Apply(m Append) (ack uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.epoch < r.epoch {
		return 0, fmt.Errorf("epoch %d, and here it is %d: %w", m.epoch, r.epoch, ErrFenced)
	}
	if m.epoch > r.follows || len(m.log) > len(r.log) {
		r.epoch, r.follows, r.log = m.epoch, m.epoch, m.log
	}
	return uint64(len(r.log)), nil
}

// Log returns the entries, from LSN 1 on.
func (r *Replica) Log() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return (&journal{entries: r.log}).data()
}

// Lead returns this replica, which was promoted for that epoch, as a primary with its log. n replicas and the link are the
// others', which are numbered anew.
func (r *Replica) Lead(epoch uint64, n int, m Mode, link Link) *Primary {
	r.mu.Lock()
	defer r.mu.Unlock()
	j := journal{epoch: epoch, entries: r.log}
	j.entries = j.after(0)
	return begin(j, n, m, link)
}

// Promote chooses the most advanced of the replicas and fences all of them: from now on they refuse primaries of lower
// epochs. A nil one is out of reach.
func Promote(rs []*Replica, epoch uint64) (best int, err error) {
	var there []int
	for i, r := range rs {
		if r != nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			there = append(there, i)
		}
	}
	for _, i := range there {
		if rs[i].epoch >= epoch {
			return -1, fmt.Errorf("replica %d has heard of epoch %d", i, rs[i].epoch)
		}
	}
	if len(there) == 0 {
		return -1, fmt.Errorf("none of %d replicas can be reached", len(rs))
	}
	best = there[0]
	for _, i := range there {
		rs[i].epoch = epoch
		if rs[i].newer(rs[best]) {
			best = i
		}
	}
	return best, nil
}

func (r *Replica) newer(than *Replica) bool {
	a, b := journal{entries: r.log}, journal{entries: than.log}
	x, y := a.epochAt(a.last()), b.epochAt(b.last())
	return x > y || x == y && a.last() > b.last()
}
