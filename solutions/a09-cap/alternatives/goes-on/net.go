// Package store keeps values on several nodes with a network between them that may be cut in two. It does so twice:
// nodes of the one kind then say no rather than something wrong, nodes of the other always answer.
package store

//lint:file-ignore U1000 what is given waits to be used

import (
	"context"
	"errors"
	"maps"
)

// Net is the network between the nodes: given, as is all of this file, and not to be changed.
type Net interface {
	// Call sends a message to a node and returns what its handler answers. The message, or the answer, may be late, come
	// twice, or never: Call returns when an answer is there or ctx ends, and knows nothing of a loss. A message to oneself
	// arrives at once. Messages are handed over as they are, not copied.
	Call(ctx context.Context, from, to int, m any) (any, error)
	// Handle has h answer the messages for node id, each in a goroutine of its own. h may wait.
	Handle(id int, h func(from int, m any) any)
}

// ErrUnavailable is what a CPNode says instead of something that may be wrong.
var ErrUnavailable = errors.New("no majority can be reached")

// Version stands for the Puts that somebody has seen, which are of each node those up to a number.
type Version map[int]uint64

// covers reports whether the Put with this number at a node is among them.
func (v Version) covers(node int, number uint64) bool { return number <= v[node] }

// join returns what is in v, in w or in both, and changes neither.
func (v Version) join(w Version) Version {
	joined := Version{}
	maps.Copy(joined, v)
	for node, number := range w {
		joined[node] = max(joined[node], number)
	}
	return joined
}

// Written is a value of an APNode with the name of its Put, which no other has, made of the node that took it and a
// number there, which begins at 1.
type Written struct {
	Val    string
	Node   int
	Number uint64
}

// Known is what an APNode knows of a key, the values that stand, and all Puts that it has heard of, whether they stand
// or have been replaced.
type Known struct {
	Values []Written
	Heard  Version
}

// Everything is what an APNode knows, by key, and a message for Gossip.
type Everything map[string]Known
