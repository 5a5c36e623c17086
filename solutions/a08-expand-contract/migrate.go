// Package migrate replaces a column of a table while two versions of a service read and write it.
package migrate

import (
	"context"
	"math"
	"strings"

	"github.com/jackc/pgx/v5"
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
	return []Phase{
		{Name: "expand", Up: locked(expand), Down: locked(expandBack)},
		{Name: "backfill", Up: backfill, Down: nothing}, // what it has written is still right
		{Name: "contract", Up: locked(contract), Down: nothing, RequiresV1Gone: true},
	}
}

func locked(sql string) func(context.Context, *pgxpool.Pool) error {
	return func(ctx context.Context, db *pgxpool.Pool) error { return withLock(ctx, db, sql) }
}

func nothing(context.Context, *pgxpool.Pool) error { return nil }

const (
	// expand adds the columns, without a default or a constraint that v1 knows nothing of, and a
	// trigger that carries over what either version writes. That the new columns have no names yet,
	// or the old one has changed, tells it that v1 has written, or the backfill has come by. All of
	// it can be done twice.
	expand = `
		ALTER TABLE users ADD COLUMN IF NOT EXISTS first_name text, ADD COLUMN IF NOT EXISTS last_name text;
		CREATE OR REPLACE FUNCTION users_names() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF NEW.first_name IS NULL OR TG_OP = 'UPDATE' AND NEW.full_name IS DISTINCT FROM OLD.full_name THEN
				NEW.first_name := split_part(NEW.full_name, ' ', 1);
				NEW.last_name := substr(NEW.full_name, length(NEW.first_name) + 2);
			ELSIF TG_OP = 'INSERT' OR (NEW.first_name, NEW.last_name) IS DISTINCT FROM (OLD.first_name, OLD.last_name) THEN
				NEW.full_name := NEW.first_name || CASE NEW.last_name WHEN '' THEN '' ELSE ' ' || NEW.last_name END;
			END IF;
			RETURN NEW;
		END $$;
		CREATE OR REPLACE TRIGGER users_names BEFORE INSERT OR UPDATE ON users
			FOR EACH ROW EXECUTE FUNCTION users_names();`

	expandBack = `
		DROP TRIGGER IF EXISTS users_names ON users;
		DROP FUNCTION IF EXISTS users_names();
		ALTER TABLE users DROP COLUMN IF EXISTS first_name, DROP COLUMN IF EXISTS last_name;`

	contract = `
		DROP TRIGGER IF EXISTS users_names ON users;
		DROP FUNCTION IF EXISTS users_names();
		ALTER TABLE users DROP COLUMN IF EXISTS full_name;`
)

const batch = 2000

// backfill has the trigger split the names that were there before it. Each batch is a transaction of
// its own, and passes over what is split already: so it can begin again at any time, and what
// somebody has written meanwhile stays.
func backfill(ctx context.Context, db *pgxpool.Pool) error {
	for done := int64(math.MinInt64); ; {
		var last *int64
		err := db.QueryRow(ctx, `SELECT max(id) FROM (SELECT id FROM users WHERE id > $1 ORDER BY id LIMIT $2) AS batch`,
			done, batch).Scan(&last)
		if err != nil || last == nil {
			return err
		}
		_, err = db.Exec(ctx, `UPDATE users SET full_name = full_name
			WHERE id > $1 AND id <= $2 AND first_name IS NULL AND full_name IS NOT NULL`, done, *last)
		if err != nil {
			return err
		}
		done = *last
	}
}

// V2Create adds a user and returns its id.
func V2Create(ctx context.Context, db *pgxpool.Pool, first, last string) (id int64, err error) {
	err = db.QueryRow(ctx, `INSERT INTO users (first_name, last_name) VALUES ($1, $2) RETURNING id`,
		first, last).Scan(&id)
	return id, err
}

// V2Get returns a user's names.
func V2Get(ctx context.Context, db *pgxpool.Pool, id int64) (first, last string, err error) {
	// Until the backfill has been there, the old column has what the new ones do not. By its name
	// it could not be asked for once it is gone.
	var f, l, full *string
	err = db.QueryRow(ctx, `SELECT first_name, last_name, to_jsonb(u) ->> 'full_name' FROM users u WHERE id = $1`,
		id).Scan(&f, &l, &full)
	switch {
	case f != nil && l != nil:
		return *f, *l, err
	case full != nil:
		first, last, _ = strings.Cut(*full, " ")
	}
	return first, last, err
}

// V2Rename gives a user other names.
func V2Rename(ctx context.Context, db *pgxpool.Pool, id int64, first, last string) error {
	tag, err := db.Exec(ctx, `UPDATE users SET first_name = $2, last_name = $3 WHERE id = $1`, id, first, last)
	if err == nil && tag.RowsAffected() == 0 {
		return pgx.ErrNoRows
	}
	return err
}
