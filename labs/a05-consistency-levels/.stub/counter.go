package consistency

// PNCounter is a counter of which each node has a copy. A node adds to its own copy, under its own
// name, and now and then sends a copy of that to others, who merge it.
type PNCounter struct {
	// your fields
}

// Add adds to what a node has counted.
func (c *PNCounter) Add(node string, delta int64) {
	// your code
}

// Value is the sum of what all nodes have counted, as far as this counter knows.
func (c *PNCounter) Value() int64 {
	return -1 // your code
}

// Merge takes over what another counter knows.
func (c *PNCounter) Merge(o *PNCounter) {
	// your code
}
