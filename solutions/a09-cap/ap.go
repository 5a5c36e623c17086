package store

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// APNode is one of n nodes of which each answers for itself. It may be used from many goroutines at once.
type APNode struct {
	id, n int
	net   Net

	mu   sync.Mutex
	data Everything // what is in it is replaced, never changed: it may be on its way to others
}

// NewAP returns node id of n, which are numbered from 0.
func NewAP(id, n int, net Net) *APNode {
	a := &APNode{id: id, n: n, net: net, data: Everything{}}
	// What comes from others is merged, and answered with what this node knows: each call serves both.
	net.Handle(id, func(_ int, m any) any {
		a.merge(m.(Everything))
		return a.everything()
	})
	return a
}

// Put writes a value in the place of those that came with seen from a Get.
func (a *APNode) Put(ctx context.Context, key, val string, seen Version) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.data[key]
	// What the writer has seen this node has heard of now, too: should it come later, it is replaced already.
	heard := old.Heard.join(seen)
	heard[a.id]++
	mine := Written{val, a.id, heard[a.id]}
	a.data[key] = Known{append(without(old.Values, seen), mine), heard}
	return nil
}

// Get returns the values of a key that stand, as far as this node knows, and the Version to replace them with.
func (a *APNode) Get(ctx context.Context, key string) (vals []string, v Version, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, w := range a.data[key].Values {
		vals = append(vals, w.Val)
	}
	return vals, maps.Clone(a.data[key].Heard), nil
}

// Gossip is one round in which the node exchanges with others what they know. It is called all the time, until ctx ends
// at the latest.
func (a *APNode) Gossip(ctx context.Context) {
	var all sync.WaitGroup
	for to := range a.n {
		if to == a.id {
			continue
		}
		all.Go(func() {
			if answer, err := a.net.Call(ctx, a.id, to, a.everything()); err == nil {
				a.merge(answer.(Everything))
			}
		})
	}
	all.Wait()
}

func (a *APNode) everything() Everything {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.data)
}

func (a *APNode) merge(theirs Everything) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, t := range theirs {
		m := a.data[key]
		// A value stands if both have it, or if the one that does not has never heard of it.
		values := without(m.Values, t.Heard)
		for _, w := range t.Values {
			if slices.Contains(m.Values, w) || !m.Heard.covers(w.Node, w.Number) {
				values = append(values, w)
			}
		}
		a.data[key] = Known{values, m.Heard.join(t.Heard)}
	}
}

// without returns those that a Version does not cover, in a slice of their own.
func without(values []Written, v Version) (rest []Written) {
	for _, w := range values {
		if !v.covers(w.Node, w.Number) {
			rest = append(rest, w)
		}
	}
	return rest
}
