package replication

// Append is what a primary sends.
type Append struct {
	// Your fields.
}

// Replica has a copy of a primary's log. It may be used from many goroutines at once.
type Replica struct {
	// Your fields.
}

// NewReplica returns one with an empty log.
func NewReplica() *Replica {
	return &Replica{}
}

// Apply takes a message of a primary and returns the highest LSN up to which this log is known to be the sender's.
func (r *Replica) Apply(m Append) (ack uint64, err error) {
	return 0, nil // your code
}

// Log returns the entries, from LSN 1 on.
func (r *Replica) Log() [][]byte {
	return nil // your code
}

// Lead returns this replica, which was promoted for that epoch, as a primary with its log. n replicas and the link are the
// others', which are numbered anew.
func (r *Replica) Lead(epoch uint64, n int, m Mode, link Link) *Primary {
	return &Primary{} // your code
}

// Promote chooses the most advanced of the replicas and fences all of them: from now on they refuse primaries of lower
// epochs. A nil one is out of reach.
func Promote(rs []*Replica, epoch uint64) (best int, err error) {
	return 0, nil // your code
}
