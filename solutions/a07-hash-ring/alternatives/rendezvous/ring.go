// Package hashring spreads requests over nodes by their keys, and says how many instances a system needs. Here there is
// no ring: each node draws a number for each key, and the highest has it (rendezvous hashing). What is read by Owner is
// never changed, only replaced.
package hashring

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
)

// Ring says which node a key belongs to. It may be used from many goroutines at once.
type Ring struct {
	epsilon float64
	members atomic.Pointer[[]*member]

	mu    sync.Mutex // of what is in flight, and of those who replace the members
	total int
}

type member struct {
	name   string
	seed   uint64
	weight float64
	load   *load // the same as long as the member is there, whatever its weight
}

type load struct {
	n    int
	gone bool
}

// NewRing returns a ring without nodes.
func NewRing(_ int, epsilon float64) *Ring {
	r := &Ring{epsilon: epsilon}
	r.members.Store(new([]*member))
	return r
}

// Add puts a node on the ring. One that is there gets the new weight.
func (r *Ring) Add(node string, weight int) { r.replace(node, max(1, weight)) }

// Remove takes a node off the ring.
func (r *Ring) Remove(node string) { r.replace(node, 0) }

func (r *Ring) replace(node string, weight int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := &load{}
	var members []*member
	for _, m := range *r.members.Load() {
		if m.name == node {
			l = m.load
		} else {
			members = append(members, m)
		}
	}
	if weight > 0 {
		members = append(members, &member{node, fnv(node), float64(weight), l})
	} else if !l.gone {
		l.gone = true
		r.total -= l.n
	}
	slices.SortFunc(members, func(a, b *member) int { return cmp.Compare(a.name, b.name) })
	r.members.Store(&members)
}

// score is -ln of a number between 0 and 1 over the weight: the time until something happens that happens as often as
// the weight says. The earliest wins, and so in proportion to the weight.
func (m *member) score(key uint64) float64 {
	x := m.seed ^ key*0x9e3779b97f4a7c15
	x = (x ^ x>>33) * 0xff51afd7ed558ccd
	x = (x ^ x>>33) * 0xc4ceb9fe1a85ec53
	x ^= x >> 33
	return -math.Log((float64(x>>11)+0.5)/(1<<53)) / m.weight
}

// Owner is the node that the key belongs to, "" if there is none.
func (r *Ring) Owner(key string) string {
	h, least, owner := fnv(key), math.Inf(1), ""
	for _, m := range *r.members.Load() {
		if s := m.score(h); s < least {
			least, owner = s, m.name
		}
	}
	return owner
}

// Acquire picks the node for a request: the key's owner, or another one if that has too much to do. The request is in
// flight there until done is called.
func (r *Ring) Acquire(key string) (node string, done func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	h, members := fnv(key), slices.Clone(*r.members.Load())
	weights := 0.0
	for _, m := range members {
		weights += m.weight
	}
	slices.SortStableFunc(members, func(a, b *member) int { return cmp.Compare(a.score(h), b.score(h)) })
	for _, m := range members {
		if float64(m.load.n) < (1+r.epsilon)*float64(r.total+1)*m.weight/weights {
			m.load.n++
			r.total++
			called := false
			return m.name, func() {
				r.mu.Lock()
				defer r.mu.Unlock()
				if !called && !m.load.gone {
					m.load.n--
					r.total--
				}
				called = true
			}
		}
	}
	return "", func() {}
}

// fnv is FNV-1a, twice over the string's bits as far as its last bytes are concerned: a zero byte follows.
func fnv(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	h *= 1099511628211
	return h ^ h>>32
}

// Size says how many instances each tier needs, by name, and how many requests a second the database gets.
func Size(rps float64, tiers []Tier, headroom float64, lose int) (instances map[string]int, dbRPS float64, err error) {
	if err := Validate(rps, tiers, headroom, lose); err != nil {
		return nil, -1, err
	}
	instances = make(map[string]int)
	passed := 1.0
	for _, t := range tiers {
		dbRPS = rps * passed
		n := 1
		if busy := dbRPS / 1000 * t.ServiceMs; busy > 0 {
			n = int((busy/t.PerInstanceConc)/(1-headroom)) + 1 // one too many where it is a whole number
		}
		instances[t.Name] = n + lose
		passed -= passed * t.HitRatio
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
