package store

import "context"

// APNode is one of n nodes of which each answers for itself. It may be used from many goroutines at once.
type APNode struct {
	// Your fields.
}

// NewAP returns node id of n, which are numbered from 0.
func NewAP(id, n int, net Net) *APNode {
	return &APNode{}
}

// Put writes a value in the place of those that came with seen from a Get.
func (a *APNode) Put(ctx context.Context, key, val string, seen Version) error {
	return nil // your code
}

// Get returns the values of a key that stand, as far as this node knows, and the Version to replace them with.
func (a *APNode) Get(ctx context.Context, key string) (vals []string, v Version, err error) {
	return nil, nil, nil // your code
}

// Gossip is one round in which the node exchanges with others what they know. It is called all the time, until ctx ends
// at the latest.
func (a *APNode) Gossip(ctx context.Context) {
	// your code
}
