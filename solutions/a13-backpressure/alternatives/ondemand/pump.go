package backpressure

import (
	"context"
	"io"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Row is a row of a table.
type Row string

// Pump copies rows from next to sink until next returns io.EOF, and reads ahead by so many rows, as
// the brief has it. Here the reader spends a credit for each row, and the sink gives it back, as it is
// done between machines.
func Pump(
	ctx context.Context,
	next func(ctx context.Context) (Row, error),
	sink func(ctx context.Context, r Row) error,
	ahead int,
) error {
	b := &buffer{credits: ahead + 1, news: make(chan struct{}, 1), room: make(chan struct{}, 1)}
	group, both := errgroup.WithContext(ctx)
	group.Go(func() error {
		for b.spend(both) {
			r, err := next(both)
			b.put(r, err)
			if err != nil {
				return nil // the sink will come to it, after the rows before it
			}
		}
		return nil
	})
	group.Go(func() error {
		for {
			r, err := b.take(ctx)
			if err == io.EOF {
				return nil
			}
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				err = sink(ctx, r)
			}
			if err != nil {
				return err
			}
		}
	})
	return group.Wait()
}

// buffer has the rows that were read and not yet written, and how many more may be read.
type buffer struct {
	mu         sync.Mutex
	credits    int
	rows       []Row
	err        error
	news, room chan struct{}
}

func tell(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (b *buffer) spend(ctx context.Context) bool {
	for ctx.Err() == nil {
		b.mu.Lock()
		got := b.credits > 0
		if got {
			b.credits--
		}
		b.mu.Unlock()
		if got {
			return true
		}
		select {
		case <-b.room:
		case <-ctx.Done():
		}
	}
	return false
}

func (b *buffer) put(r Row, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err = err; err == nil {
		b.rows = append(b.rows, r)
	}
	tell(b.news)
}

func (b *buffer) take(ctx context.Context) (Row, error) {
	for {
		b.mu.Lock()
		if len(b.rows) > 0 {
			defer b.mu.Unlock()
			r := b.rows[0]
			b.rows = b.rows[1:]
			b.credits++
			tell(b.room)
			return r, nil
		}
		err := b.err
		b.mu.Unlock()
		if err != nil {
			return "", err
		}
		select {
		case <-b.news:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}
