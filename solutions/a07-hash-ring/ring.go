// Package hashring spreads requests over nodes by their keys, and says how many instances a system needs.
package hashring

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"slices"
	"strconv"
	"sync"
)

// Ring says which node a key belongs to. It may be used from many goroutines at once.
type Ring struct {
	vnodes  int
	epsilon float64

	mu       sync.RWMutex
	nodes    map[string]*node
	points   []point // by place, and by name where two are in one place
	weights  int     // of all nodes
	inFlight int     // at all nodes
}

type node struct {
	name             string
	weight, inFlight int
}

// point is where a part of the ring ends that belongs to a node.
type point struct {
	place uint64
	of    *node
}

// NewRing returns a ring without nodes.
func NewRing(vnodes int, epsilon float64) *Ring {
	return &Ring{vnodes: max(1, vnodes), epsilon: epsilon, nodes: map[string]*node{}}
}

// Add puts a node on the ring. One that is there gets the new weight.
func (r *Ring) Add(name string, weight int) {
	weight = max(1, weight)
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.nodes[name]
	if n == nil {
		n = &node{name: name}
		r.nodes[name] = n
	}
	r.take(n)
	n.weight = weight
	r.weights += weight
	for i := range weight * r.vnodes {
		r.points = append(r.points, point{place(name + "#" + strconv.Itoa(i)), n})
	}
	slices.SortFunc(r.points, func(a, b point) int {
		return cmp.Or(cmp.Compare(a.place, b.place), cmp.Compare(a.of.name, b.of.name))
	})
}

// take takes the points of a node off the ring.
func (r *Ring) take(n *node) {
	r.points = slices.DeleteFunc(r.points, func(p point) bool { return p.of == n })
	r.weights -= n.weight
}

// Remove takes a node off the ring.
func (r *Ring) Remove(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := r.nodes[name]; n != nil {
		r.take(n)
		r.inFlight -= n.inFlight
		delete(r.nodes, name)
	}
}

// Owner is the node that the key belongs to, "" if there is none.
func (r *Ring) Owner(key string) string {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if len(r.points) == 0 {
		return ""
	}
	return r.points[r.from(key)].of.name
}

// from is the index of the first point at or after the key's place.
func (r *Ring) from(key string) int {
	i, _ := slices.BinarySearchFunc(r.points, place(key), func(p point, at uint64) int {
		return cmp.Compare(p.place, at)
	})
	return i % len(r.points)
}

// Acquire picks the node for a request: the key's owner, or another one if that has too much to do. The request is in
// flight there until done is called.
func (r *Ring) Acquire(key string) (name string, done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.points) == 0 {
		return "", func() {}
	}
	// Clockwise from the key. All nodes together have room for more than m, so one of them has room.
	i := r.from(key)
	for !r.hasRoom(r.points[i].of) {
		i = (i + 1) % len(r.points)
	}
	n := r.points[i].of
	n.inFlight++
	r.inFlight++
	return n.name, sync.OnceFunc(func() { r.release(n) })
}

// hasRoom says whether a node is within its bound with one request more.
func (r *Ring) hasRoom(n *node) bool {
	bound := math.Ceil((1 + r.epsilon) * float64(r.inFlight+1) * float64(n.weight) / float64(r.weights))
	return float64(n.inFlight+1) <= bound
}

func (r *Ring) release(n *node) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.nodes[n.name] == n { // else its requests have gone with it
		n.inFlight--
		r.inFlight--
	}
}

// place is a hash that is the same everywhere. FNV alone leaves names that differ in their last digit close to each
// other, so its bits are mixed.
func place(s string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, s)
	x := h.Sum64()
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// Size says how many instances each tier needs, by name, and how many requests a second the database gets.
func Size(rps float64, tiers []Tier, headroom float64, lose int) (instances map[string]int, dbRPS float64, err error) {
	if err := Validate(rps, tiers, headroom, lose); err != nil {
		return nil, 0, err
	}
	instances = map[string]int{}
	for _, t := range tiers {
		busy := rps * t.ServiceMs / 1000 // Little's law
		needed := math.Ceil(busy / (t.PerInstanceConc * (1 - headroom)))
		instances[t.Name] = max(1, int(needed)) + lose
		dbRPS = rps
		rps *= 1 - t.HitRatio
	}
	return instances, dbRPS, nil
}

// What follows is given.

// Tier is a part of a system through which requests go: a content delivery network, servers, a cache, a database.
type Tier struct {
	Name            string
	ServiceMs       float64 // how long a request keeps a place busy, in milliseconds
	HitRatio        float64 // the share of its requests that go no further, 0 to 1
	PerInstanceConc float64 // places: how many requests an instance can have in it at a time
}

// Validate says what of it makes no sense: no tiers, a name twice, a number that is negative or no number.
func Validate(rps float64, tiers []Tier, headroom float64, lose int) error {
	if !(rps >= 0) || math.IsInf(rps, 1) || lose < 0 || !(headroom >= 0 && headroom < 1) || len(tiers) == 0 {
		return fmt.Errorf("%v requests a second, %d tiers, a headroom of %v and %d that may fail make no sense",
			rps, len(tiers), headroom, lose)
	}
	names := map[string]bool{}
	for _, t := range tiers {
		if names[t.Name] {
			return fmt.Errorf("there are two tiers %q", t.Name)
		}
		names[t.Name] = true
		if !(t.HitRatio >= 0 && t.HitRatio <= 1) || !(t.PerInstanceConc > 0) || !(t.ServiceMs >= 0) {
			return fmt.Errorf("the tier %+v makes no sense", t)
		}
	}
	return nil
}
