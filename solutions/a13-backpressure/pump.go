package backpressure

import (
	"context"
	"io"
)

// Row is a row of a table.
type Row string

// Pump copies rows from next to sink until next returns io.EOF, and reads ahead by so many rows, as
// the brief has it.
func Pump(
	ctx context.Context,
	next func(ctx context.Context) (Row, error),
	sink func(ctx context.Context, r Row) error,
	ahead int,
) error {
	reading, stop := context.WithCancel(ctx)
	defer stop()
	rows := make(chan Row, ahead) // one more is in the reader's hand
	var readErr error
	go func() {
		defer close(rows)
		readErr = read(reading, next, rows)
	}()
	var sinkErr error
	for r := range rows {
		if sinkErr = ctx.Err(); sinkErr != nil { // the rows that are left will not be delivered
			break
		}
		if sinkErr = sink(ctx, r); sinkErr != nil {
			break
		}
	}
	stop()
	for range rows { // until the reader has ended
	}
	switch {
	case sinkErr != nil:
		return sinkErr
	case readErr == io.EOF:
		return nil
	default:
		return readErr
	}
}

// read is the only one that calls next, and waits where nobody takes the rows.
func read(ctx context.Context, next func(context.Context) (Row, error), rows chan<- Row) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		r, err := next(ctx)
		if err != nil {
			return err
		}
		select {
		case rows <- r:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
