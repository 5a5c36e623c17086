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
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	over := time.NewTimer(budget)
	defer over.Stop()
	had := make([]*result, len(parts))
	results := fetchAll(ctx, parts)
	late := false
	for left := len(parts); left > 0 && !late; left-- {
		select {
		case r := <-results:
			if r.err != nil && !parts[r.part].Optional {
				return nil, nil, errors.Join(errors.New(parts[r.part].Name+" failed"), r.err)
			}
			had[r.part] = &r
		case <-over.C:
			late = true
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
	page = make(map[string]any, len(parts))
	for i, part := range parts {
		switch r := had[i]; {
		case r != nil && r.err == nil:
			page[part.Name] = r.value
		case !part.Optional:
			return nil, nil, errors.New(part.Name + " is late")
		default:
			page[part.Name] = part.Fallback
			degraded = append(degraded, part.Name)
		}
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
