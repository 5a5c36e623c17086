// Package hashring spreads requests over nodes by their keys, and says how many instances a system needs.
package hashring

import (
	"fmt"
	"math"
)

// Ring says which node a key belongs to. It may be used from many goroutines at once.
type Ring struct {
	// Your fields.
}

// NewRing returns a ring without nodes.
func NewRing(vnodes int, epsilon float64) *Ring {
	return &Ring{}
}

// Add puts a node on the ring. One that is there gets the new weight.
func (r *Ring) Add(node string, weight int) {
	// your code
}

// Remove takes a node off the ring.
func (r *Ring) Remove(node string) {
	// your code
}

// Owner is the node that the key belongs to, "" if there is none.
func (r *Ring) Owner(key string) string {
	return "" // your code
}

// Acquire picks the node for a request: the key's owner, or another one if that has too much to do. The request is in
// flight there until done is called.
func (r *Ring) Acquire(key string) (node string, done func()) {
	return "", func() {} // your code
}

// Size says how many instances each tier needs, by name, and how many requests a second the database gets.
func Size(rps float64, tiers []Tier, headroom float64, lose int) (instances map[string]int, dbRPS float64, err error) {
	return nil, 0, nil // your code
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
