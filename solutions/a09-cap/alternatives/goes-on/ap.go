package store

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// APNode is one of n nodes of which each answers for itself. It may be used from many goroutines at once. It asks the
// others for what is new to it, and tells nobody anything unasked.
type APNode struct {
	id, n int
	net   Net

	mu   sync.Mutex
	data Everything // what is in it is replaced, never changed: it may be on its way to others
}

// NewAP returns node id of n, which are numbered from 0.
func NewAP(id, n int, net Net) *APNode {
	a := &APNode{id: id, n: n, net: net, data: Everything{}}
	net.Handle(id, func(_ int, m any) any { return a.news(m.(map[string]Version)) })
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
			if answer, err := a.net.Call(ctx, a.id, to, a.heard()); err == nil {
				a.merge(answer.(Everything))
			}
		})
	}
	all.Wait()
}

// heard is which Puts this node has heard of, by key.
func (a *APNode) heard() map[string]Version {
	a.mu.Lock()
	defer a.mu.Unlock()
	heard := map[string]Version{}
	for key, k := range a.data {
		heard[key] = k.Heard
	}
	return heard
}

// news is what this node knows of those keys of which it has heard something else.
func (a *APNode) news(heard map[string]Version) Everything {
	a.mu.Lock()
	defer a.mu.Unlock()
	news := Everything{}
	for key, k := range a.data {
		if !maps.Equal(k.Heard, heard[key]) {
			news[key] = k
		}
	}
	return news
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
