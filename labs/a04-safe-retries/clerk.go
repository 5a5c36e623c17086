package retries

import "context"

// Clerk is one client of a server. Its calls do not overlap.
type Clerk struct {
	// your fields
}

// NewClerk returns a clerk with a name that no other has, or will have.
func NewClerk(id string, n Net, budget float64) *Clerk {
	return &Clerk{} // your code
}

// Add adds to a counter. It returns nil when the server has done so, ErrDefinite or ErrMaybe.
func (c *Clerk) Add(ctx context.Context, key string, delta int) error {
	return ErrMaybe // your code
}

// Get returns the value of a counter, or one of the errors that Add returns.
func (c *Clerk) Get(ctx context.Context, key string) (int, error) {
	return 0, ErrMaybe // your code
}
