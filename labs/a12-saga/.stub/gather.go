package saga

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Part is something that a page is made of.
type Part struct {
	Name     string
	Optional bool
	Fetch    func(ctx context.Context) (any, error)
	Fallback any
}

// Gather fetches all parts at once, and returns them by name. Optional ones that it cannot have in
// time it replaces by their fallbacks; degraded are the names of those, in the order of parts.
func Gather(ctx context.Context, budget time.Duration, parts []Part) (
	page map[string]any, degraded []string, err error,
) {
	_ = fetchAll // your code
	return nil, nil, errors.New("not implemented")
}

// What follows is given.

// result is how the fetching of a part has ended.
type result struct {
	part  int // its index
	value any
	err   error
}

// fetchAll begins to fetch all parts, and sends how each has ended, if need be when nobody receives
// it any more.
func fetchAll(ctx context.Context, parts []Part) <-chan result {
	results := make(chan result, len(parts))
	for i, part := range parts {
		go func() {
			r := result{part: i}
			defer func() {
				if v := recover(); v != nil {
					r.err = fmt.Errorf("panic: %v", v)
				}
				results <- r
			}()
			r.value, r.err = part.Fetch(ctx)
		}()
	}
	return results
}
