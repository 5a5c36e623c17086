package replication

import (
	"cmp"
	"errors"
	"sync"
)

// Append is what a primary sends: entries, and what stands before them in its log.
type Append struct {
	epoch           uint64 // of the primary
	start           uint64 // its last LSN when it became one
	prev, prevEpoch uint64 // the LSN before the entries, and the epoch of what is there
	entries         []entry
}

// Replica has a copy of a primary's log. It may be used from many goroutines at once.
type Replica struct {
	mu       sync.Mutex
	log      journal
	follows  uint64 // the epoch of the primary whose log this is becoming
	verified uint64 // up to where it is that one's log
}

// NewReplica returns one with an empty log.
func NewReplica() *Replica { return &Replica{} }

// Apply takes a message of a primary and returns the highest LSN up to which this log is known to be the sender's.
func (r *Replica) Apply(m Append) (ack uint64, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if m.epoch < r.log.epoch {
		return 0, ErrFenced
	}
	if m.epoch > r.follows {
		// A new primary. What lies behind its start is of somebody who was primary before, and was never acknowledged.
		r.log.epoch, r.follows, r.verified = m.epoch, m.epoch, 0
		r.log.truncate(m.start)
	}
	// Two logs that have an entry of the same epoch at the same LSN are the same up to there: an epoch has one primary, and
	// that one gives each LSN once.
	if m.prev > r.log.last() || r.log.epochAt(m.prev) != m.prevEpoch {
		return r.verified, nil // a gap, or a tail of somebody else
	}
	for i, e := range m.entries {
		lsn := m.prev + uint64(i) + 1
		if r.log.epochAt(lsn) == e.epoch {
			continue // it came before; what stands behind it may be newer than this message
		}
		r.log.truncate(lsn - 1)
		r.log.entries = append(r.log.entries, e)
	}
	r.verified = max(r.verified, m.prev+uint64(len(m.entries)))
	return r.verified, nil
}

// Log returns the entries, from LSN 1 on.
func (r *Replica) Log() [][]byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.data()
}

// Lead returns this replica, which was promoted for that epoch, as a primary with its log. n replicas and the link are the
// others', which are numbered anew.
func (r *Replica) Lead(epoch uint64, n int, m Mode, link Link) *Primary {
	r.mu.Lock()
	defer r.mu.Unlock()
	return newPrimary(journal{epoch, r.log.after(0)}, n, m, link)
}

// Promote chooses the most advanced of the replicas and fences all of them: from now on they refuse primaries of lower
// epochs. A nil one is out of reach.
func Promote(rs []*Replica, epoch uint64) (best int, err error) {
	for _, r := range rs {
		if r != nil && r.heardOf() >= epoch {
			return 0, ErrFenced
		}
	}
	best = -1
	var most journal
	for i, r := range rs {
		if r == nil {
			continue
		}
		log := r.fence(epoch) // first, so that nothing is added to what is compared
		if best < 0 || compare(log, most) > 0 {
			best, most = i, log
		}
	}
	if best < 0 {
		return 0, errors.New("no replica is within reach")
	}
	return best, nil
}

// compare says which log is more advanced. The length alone does not: a tail that an old primary never got acknowledged
// may be longer than what was acknowledged since.
func compare(a, b journal) int {
	return cmp.Or(cmp.Compare(a.epochAt(a.last()), b.epochAt(b.last())), cmp.Compare(a.last(), b.last()))
}

func (r *Replica) heardOf() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.log.epoch
}

func (r *Replica) fence(epoch uint64) journal {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log.epoch = epoch
	return r.log
}
