package consistency

// PNCounter is a counter of which each node has a copy. A node adds to its own copy, under its own
// name, and now and then sends a copy of that to others, who merge it.
type PNCounter struct {
	// What each node has added and what it has taken. Both only grow, and only the node itself makes
	// its own grow: so of two numbers under one name the greater is the newer, and there is nothing
	// to decide.
	added, taken map[string]uint64
}

// Add adds to what a node has counted.
func (c *PNCounter) Add(node string, delta int64) {
	if c.added == nil {
		c.added, c.taken = map[string]uint64{}, map[string]uint64{}
	}
	if delta >= 0 {
		c.added[node] += uint64(delta)
	} else {
		c.taken[node] -= uint64(delta) // of the least int64, too
	}
}

// Value is the sum of what all nodes have counted, as far as this counter knows.
func (c *PNCounter) Value() int64 {
	var sum uint64
	for _, n := range c.added {
		sum += n
	}
	for _, n := range c.taken {
		sum -= n
	}
	return int64(sum)
}

// Merge takes over what another counter knows.
func (c *PNCounter) Merge(o *PNCounter) {
	c.Add("", 0) // so that there are maps
	for node, n := range o.added {
		c.added[node] = max(c.added[node], n)
	}
	for node, n := range o.taken {
		c.taken[node] = max(c.taken[node], n)
	}
}
