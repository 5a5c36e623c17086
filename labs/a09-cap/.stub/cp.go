package store

import "context"

// CPNode is one of n nodes that are one register for each key, together. It may be used from many goroutines at once.
type CPNode struct {
	// Your fields.
}

// NewCP returns node id of n, which are numbered from 0, and answers its messages from now on.
func NewCP(id, n int, net Net) *CPNode {
	return &CPNode{}
}

// Put writes a value. ErrUnavailable leaves open whether it was written, or will be.
func (c *CPNode) Put(ctx context.Context, key, val string) error {
	return nil // your code
}

// Get reads the value of a key, "" if it has never been written, or returns ErrUnavailable.
func (c *CPNode) Get(ctx context.Context, key string) (string, error) {
	return "", nil // your code
}
