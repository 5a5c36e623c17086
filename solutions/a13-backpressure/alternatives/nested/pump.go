package backpressure

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Row is a row of a table.
type Row string

// Pump copies rows from next to sink until next returns io.EOF, and reads ahead by so many rows, as
// the brief has it. Here it is the sink that has a goroutine of its own.
func Pump(
	ctx context.Context,
	next func(ctx context.Context) (Row, error),
	sink func(ctx context.Context, r Row) error,
	ahead int,
) error {
	both, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	rows := make(chan Row, ahead)
	written := make(chan struct{})
	go func() {
		defer close(written)
		for r := range rows {
			if both.Err() != nil {
				continue
			}
			if err := sink(both, r); err != nil {
				stop(fmt.Errorf("sink: %w", err))
			}
		}
	}()
	err := feed(both, next, rows)
	close(rows)
	<-written
	switch {
	case ctx.Err() != nil && context.Cause(both) == context.Cause(ctx): // not the sink has ended it
		return ctx.Err()
	case both.Err() != nil:
		return context.Cause(both)
	case errors.Is(err, io.EOF):
		return nil
	default:
		return err
	}
}

func feed(ctx context.Context, next func(context.Context) (Row, error), rows chan<- Row) error {
	for ctx.Err() == nil {
		r, err := next(ctx)
		if err != nil {
			return err
		}
		select {
		case rows <- r:
		case <-ctx.Done():
		}
	}
	return ctx.Err()
}
