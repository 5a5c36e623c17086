package backpressure

import "context"

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
	return nil // your code
}
