package visits

// Store is what all processes share.
type Store interface {
	Add(key string) (int, error)
}

// Visit counts in the store.
func Visit(s Store, page string) (int, error) { return s.Add(page) }
