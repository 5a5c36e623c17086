package saga

import (
	"context"
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
	within, cancel := context.WithTimeout(ctx, budget)
	defer cancel() // whoever is still fetching need not go on
	page = map[string]any{}
	results := fetchAll(within, parts)
	for range parts {
		select {
		case r := <-results:
			switch part := parts[r.part]; {
			case r.err == nil:
				page[part.Name] = r.value
			case !part.Optional:
				return nil, nil, fmt.Errorf("%s: %w", part.Name, r.err)
			}
			continue
		case <-within.Done():
		}
		break
	}
	if ctx.Err() != nil {
		return nil, nil, ctx.Err()
	}
	for _, part := range parts {
		if _, ok := page[part.Name]; ok {
			continue
		}
		if !part.Optional {
			return nil, nil, fmt.Errorf("%s: %w", part.Name, within.Err())
		}
		page[part.Name] = part.Fallback
		degraded = append(degraded, part.Name)
	}
	return page, degraded, nil
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
