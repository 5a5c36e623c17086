package backends

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// shelf is a stock of numbers, and what has become of each.
type shelf struct {
	*stock[int]

	mu        sync.Mutex
	made      int
	fails     int // so many makings fail, from now on
	destroyed []int
}

var errMaking = errors.New("cannot be made")

// newShelf has n things ready, of which the first is number 1. Destroying one takes a second.
func newShelf(n, fails int) *shelf {
	s := &shelf{made: 1, fails: fails}
	s.stock = newStock(n, 1, s.makeOne, func(thing int) {
		time.Sleep(time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.destroyed = append(s.destroyed, thing)
	})
	return s
}

func (s *shelf) makeOne(context.Context) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails > 0 {
		s.fails--
		return 0, errMaking
	}
	s.made++
	return s.made, nil
}

// gone are the things that are destroyed, in order.
func (s *shelf) gone() []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(slices.Values(s.destroyed))
}

// TestStock_close wants each thing, ready, out or given back, to be destroyed once by the time that
// the stock is closed, and nobody to get another.
func TestStock_close(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newShelf(3, 0)
		synctest.Wait()
		if s.made != 3 {
			t.Errorf("%d are made ahead, want 3", s.made)
		}
		var out []int
		for range 2 {
			thing, err := s.take(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, thing)
		}
		synctest.Wait()
		if s.made != 5 {
			t.Errorf("%d are made when two are out, want 5: as many ready as before", s.made)
		}
		s.giveBack(out[0])
		s.giveBack(out[0])
		if got := s.gone(); len(got) > 0 {
			t.Errorf("%v are destroyed before giveBack returns", got)
		}
		s.close()
		if got, want := s.gone(), []int{1, 2, 3, 4, 5}; !slices.Equal(got, want) {
			t.Errorf("%v are destroyed at the end, want %v", got, want)
		}
		s.giveBack(out[1])
		if _, err := s.take(t.Context()); !errors.Is(err, errClosed) {
			t.Errorf("taken from a closed stock: got %v, want %v", err, errClosed)
		}
		synctest.Wait()
		if got := s.gone(); len(got) != 5 {
			t.Errorf("%v are destroyed, one of them twice", got)
		}
	})
}

// TestStock_oldError has a maker that failed some time ago: that says nothing about now.
func TestStock_oldError(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		fails int
		want  error
	}{
		"it would work again":   {1, nil},
		"it does not work, too": {2, errMaking},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := newShelf(1, tt.fails)
				defer s.close()
				if first, err := s.take(t.Context()); first != 1 || err != nil {
					t.Fatalf("got %d, %v, want the first one", first, err)
				}
				synctest.Wait() // and the maker has failed
				second, err := s.take(t.Context())
				if !errors.Is(err, tt.want) || tt.want == nil && second != 2 {
					t.Errorf("got %d, %v, want %v", second, err, tt.want)
				}
			})
		})
	}
}

// TestStock_waiting wants who waits to be let go: by a context of their own, and by the end of the
// stock.
func TestStock_waiting(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		never := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
		s := newStock(1, 1, never, func(int) {})
		if _, err := s.take(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := s.take(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want the end of the context", err)
		}
		waits := make(chan error)
		go func() { _, err := s.take(t.Context()); waits <- err }()
		synctest.Wait()
		s.close()
		if err := <-waits; !errors.Is(err, errClosed) {
			t.Errorf("got %v, want %v", err, errClosed)
		}
	})
}
