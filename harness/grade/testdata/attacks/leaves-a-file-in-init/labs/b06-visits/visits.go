// Package visits counts visits to a service that runs in several processes.
package visits

import "os"

// Store is what all of them share.
type Store interface {
	Add(key string) (int, error)
}

func init() {
	f, err := os.CreateTemp("", "mine")
	if err == nil {
		f.Close()
	}
}

// Visit counts in the store.
func Visit(s Store, page string) (int, error) { return s.Add(page) }
