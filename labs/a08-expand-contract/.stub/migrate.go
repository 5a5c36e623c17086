// Package migrate replaces a column of a table while two versions of a service read and write it.
package migrate

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Phase is one deployment step of a migration.
type Phase struct {
	Name string

	// Up does the step, and Down takes it back.
	Up, Down func(ctx context.Context, db *pgxpool.Pool) error

	// RequiresV1Gone has the runner wait, before Up, until no instance of v1 is left.
	RequiresV1Gone bool
}

// Phases returns the migration of users from full_name to first_name and last_name, in the order in
// which it is done.
func Phases() []Phase {
	_ = withLock // is given, in lock.go
	return nil   // your code
}

// V2Create adds a user and returns its id.
func V2Create(ctx context.Context, db *pgxpool.Pool, first, last string) (int64, error) {
	return 0, errors.New("not implemented") // your code
}

// V2Get returns a user's names.
func V2Get(ctx context.Context, db *pgxpool.Pool, id int64) (first, last string, err error) {
	return "", "", errors.New("not implemented") // your code
}

// V2Rename gives a user other names.
func V2Rename(ctx context.Context, db *pgxpool.Pool, id int64, first, last string) error {
	return errors.New("not implemented") // your code
}
