package consistency

// PNCounter is a counter of which each node has a copy. A node adds to its own copy, under its own
// name, and now and then sends a copy of that to others, who merge it.
type PNCounter struct{ nodes []share }

// share is what one node has counted, after so many additions of its own.
type share struct {
	node    string
	version int
	sum     int64
}

func (c *PNCounter) share(node string) *share {
	for i := range c.nodes {
		if c.nodes[i].node == node {
			return &c.nodes[i]
		}
	}
	c.nodes = append(c.nodes, share{node: node})
	return &c.nodes[len(c.nodes)-1]
}

// Add adds to what a node has counted.
func (c *PNCounter) Add(node string, delta int64) {
	s := c.share(node)
	s.version++
	s.sum += delta
}

// Value is the sum of what all nodes have counted, as far as this counter knows.
func (c *PNCounter) Value() (sum int64) {
	for _, s := range c.nodes {
		sum += s.sum
	}
	return sum
}

// Merge takes over what another counter knows.
func (c *PNCounter) Merge(o *PNCounter) {
	for _, theirs := range o.nodes {
		if mine := c.share(theirs.node); mine.version < theirs.version {
			*mine = theirs
		}
	}
}
