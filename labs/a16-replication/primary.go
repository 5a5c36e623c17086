package replication

import "context"

// Primary takes entries and sends them to its replicas. One Write is called at a time; everything else may be called
// meanwhile, from other goroutines.
type Primary struct {
	// Your fields.
}

// NewPrimary returns the first primary, of epoch 1, with an empty log, and n replicas, which are numbered from 0.
func NewPrimary(n int, m Mode, link Link) *Primary {
	return &Primary{}
}

// Write appends an entry and returns its LSN, once as many replicas as the mode says have acknowledged it.
func (p *Primary) Write(ctx context.Context, e []byte) (lsn uint64, err error) {
	return 0, nil // your code
}

// Lag is, for each replica, how many entries it has not acknowledged.
func (p *Primary) Lag() []uint64 {
	return nil // your code
}

// Log returns the entries, from LSN 1 on.
func (p *Primary) Log() [][]byte {
	return nil // your code
}

// Demote closes the primary and returns it as a replica with the same log: a primary that has come back.
func (p *Primary) Demote() *Replica {
	return NewReplica() // your code
}

// Close ends everything that runs for the primary. A Write that waits gets ErrNotDurable.
func (p *Primary) Close() {
	// your code
}
