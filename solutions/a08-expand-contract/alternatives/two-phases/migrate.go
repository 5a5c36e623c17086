// Package migrate replaces a column of a table while two versions of a service read and write it.
//
// Here the first phase fills the new columns, too, so that nobody reads what is not there yet; the
// backfill is a procedure that commits after each batch; a trigger carries over what v1 writes, and
// v2 writes both itself, while there are both.
package migrate

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Phase is one deployment step of a migration.
type Phase struct {
	Name           string
	Up, Down       func(ctx context.Context, db *pgxpool.Pool) error
	RequiresV1Gone bool
}

// Phases returns the two phases.
func Phases() []Phase {
	return []Phase{
		{Name: "both", Up: steps(addFirst, addLast, follow, procedure, `CALL fill_names()`),
			Down: steps(unfollow, dropNew)},
		{Name: "new", Up: steps(unfollow, dropOld), RequiresV1Gone: true},
	}
}

const (
	addFirst = `ALTER TABLE users ADD COLUMN IF NOT EXISTS first_name text`
	addLast  = `ALTER TABLE users ADD COLUMN IF NOT EXISTS last_name text`
	follow   = `
		CREATE OR REPLACE FUNCTION follow_v1() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			NEW.first_name := split_part(NEW.full_name, ' ', 1);
			NEW.last_name := CASE WHEN NEW.full_name ~ ' ' THEN substr(NEW.full_name, strpos(NEW.full_name, ' ') + 1)
				WHEN NEW.full_name IS NOT NULL THEN '' END;
			RETURN NEW;
		END $$;
		CREATE OR REPLACE TRIGGER follow_v1_insert BEFORE INSERT ON users FOR EACH ROW
			WHEN (NEW.first_name IS NULL) EXECUTE FUNCTION follow_v1();
		CREATE OR REPLACE TRIGGER follow_v1_update BEFORE UPDATE OF full_name ON users FOR EACH ROW
			WHEN (NEW.first_name IS NOT DISTINCT FROM OLD.first_name AND NEW.last_name IS NOT DISTINCT FROM OLD.last_name
				AND NEW.full_name IS DISTINCT FROM OLD.full_name)
			EXECUTE FUNCTION follow_v1();`
	procedure = `
		CREATE OR REPLACE PROCEDURE fill_names() LANGUAGE plpgsql AS $$
		DECLARE
			one bigint;
			n int := 0;
		BEGIN
			FOR one IN SELECT id FROM users WHERE first_name IS NULL AND full_name IS NOT NULL LOOP
				UPDATE users SET first_name = split_part(full_name, ' ', 1),
						last_name = substr(full_name, length(split_part(full_name, ' ', 1)) + 2)
					WHERE id = one AND first_name IS NULL;
				n := n + 1;
				IF n % 1000 = 0 THEN COMMIT; END IF;
			END LOOP;
		END $$`
	unfollow = `
		DROP TRIGGER IF EXISTS follow_v1_insert ON users;
		DROP TRIGGER IF EXISTS follow_v1_update ON users;
		DROP FUNCTION IF EXISTS follow_v1();
		DROP PROCEDURE IF EXISTS fill_names()`
	dropNew = `ALTER TABLE users DROP COLUMN IF EXISTS first_name, DROP COLUMN IF EXISTS last_name`
	dropOld = `ALTER TABLE users DROP COLUMN IF EXISTS full_name`
)

func steps(all ...string) func(context.Context, *pgxpool.Pool) error {
	return func(ctx context.Context, db *pgxpool.Pool) error {
		for _, sql := range all {
			if strings.HasPrefix(sql, "CALL") { // commits by itself
				if _, err := db.Exec(ctx, sql); err != nil {
					return err
				}
			} else if err := withLock(ctx, db, sql); err != nil {
				return err
			}
		}
		return nil
	}
}

// both writes both columns, or, when the old one is gone, those that are left.
func both(ctx context.Context, db *pgxpool.Pool, old, now string, args ...any) (id int64, err error) {
	full := args[0].(string)
	if last := args[1].(string); last != "" {
		full += " " + last
	}
	err = db.QueryRow(ctx, old, append(args, full)...).Scan(&id)
	var refused *pgconn.PgError
	if errors.As(err, &refused) && refused.Code == "42703" { // undefined_column
		err = db.QueryRow(ctx, now, args...).Scan(&id)
	}
	return id, err
}

// V2Create adds a user and returns its id.
func V2Create(ctx context.Context, db *pgxpool.Pool, first, last string) (int64, error) {
	return both(ctx, db, `INSERT INTO users (first_name, last_name, full_name) VALUES ($1, $2, $3) RETURNING id`,
		`INSERT INTO users (first_name, last_name) VALUES ($1, $2) RETURNING id`, first, last)
}

// V2Get returns a user's names.
func V2Get(ctx context.Context, db *pgxpool.Pool, id int64) (first, last string, err error) {
	err = db.QueryRow(ctx, `SELECT coalesce(first_name, ''), coalesce(last_name, '') FROM users WHERE id = $1`,
		id).Scan(&first, &last)
	return first, last, err
}

// V2Rename gives a user other names.
func V2Rename(ctx context.Context, db *pgxpool.Pool, id int64, first, last string) error {
	_, err := both(ctx, db,
		`UPDATE users SET first_name = $1, last_name = $2, full_name = $4 WHERE id = $3 RETURNING id`,
		`UPDATE users SET first_name = $1, last_name = $2 WHERE id = $3 RETURNING id`, first, last, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return pgx.ErrNoRows
	}
	return err
}
