package store

import (
	"context"
	"maps"
	"sync"
	"time"
)

// APNode keeps every Put that it has heard of, for ever, with what each has seen: what stands follows from that. A
// Version is here the set of the Puts that were seen, not of each node those up to a number.
type APNode struct {
	id, n int
	net   Net

	mu    sync.Mutex
	count int
	round int
	puts  map[string]map[int]aPut // by key and name
}

// aPut is never changed.
type aPut struct {
	val  string
	seen map[int]uint64
}

// NewAP returns node id of n, which are numbered from 0.
func NewAP(id, n int, net Net) *APNode {
	a := &APNode{id: id, n: n, net: net, puts: map[string]map[int]aPut{}}
	net.Handle(id, func(_ int, m any) any {
		if m, ok := m.(map[string]map[int]aPut); ok {
			a.learn(m)
			return nil
		}
		return a.all()
	})
	return a
}

// Put writes a value in the place of those that came with seen from a Get.
func (a *APNode) Put(ctx context.Context, key, val string, seen Version) error {
	a.mu.Lock()
	a.count++
	news := map[string]map[int]aPut{key: {a.count*a.n + a.id: {val, maps.Clone(seen)}}}
	a.mu.Unlock()
	a.learn(news)
	// The others need not wait for the next round.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	var all sync.WaitGroup
	for to := range a.n {
		if to != a.id {
			all.Go(func() { a.net.Call(ctx, a.id, to, news) })
		}
	}
	go func() {
		all.Wait()
		cancel()
	}()
	return nil
}

// Get returns the values of a key that stand, as far as this node knows, and the Version to replace them with.
func (a *APNode) Get(ctx context.Context, key string) (vals []string, v Version, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	replaced := map[int]uint64{}
	for _, p := range a.puts[key] {
		maps.Copy(replaced, p.seen)
	}
	v = Version{}
	for name, p := range a.puts[key] {
		if replaced[name] == 0 {
			vals = append(vals, p.val)
			v[name] = 1
		}
	}
	return vals, v, nil
}

// Gossip asks one other node, the next one in each round, for what it knows.
func (a *APNode) Gossip(ctx context.Context) {
	a.mu.Lock()
	a.round++
	to := (a.id + 1 + a.round%max(a.n-1, 1)) % a.n
	a.mu.Unlock()
	if to == a.id {
		return
	}
	if answer, err := a.net.Call(ctx, a.id, to, "what do you know?"); err == nil {
		a.learn(answer.(map[string]map[int]aPut))
	}
}

func (a *APNode) learn(news map[string]map[int]aPut) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for key, puts := range news {
		if a.puts[key] == nil {
			a.puts[key] = map[int]aPut{}
		}
		maps.Copy(a.puts[key], puts)
	}
}

func (a *APNode) all() map[string]map[int]aPut {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := map[string]map[int]aPut{}
	for key, puts := range a.puts {
		all[key] = maps.Clone(puts)
	}
	return all
}
