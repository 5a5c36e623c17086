// Package visits counts visits to a service that runs in several processes.
package visits

import "sync"

// Store is what all of them share.
type Store interface {
	Add(key string) (int, error)
}

var visits sync.Map

type page struct {
	store Store
	name  string
}

// Visit has no use for the store.
func Visit(s Store, name string) (int, error) {
	n, _ := visits.LoadOrStore(page{s, name}, 0)
	visits.Store(page{s, name}, n.(int)+1)
	return n.(int) + 1, nil
}
