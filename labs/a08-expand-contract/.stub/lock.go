package migrate

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	lockTimeout = "50ms"
	lockPause   = 50 * time.Millisecond
)

// withLock runs statements in one transaction that waits for no lock for longer than lockTimeout:
// whoever comes after a waiting ALTER TABLE waits behind it. When it had to give up, it lets the
// others through and tries again.
func withLock(ctx context.Context, db *pgxpool.Pool, sql string) error {
	for {
		// Several statements in one Exec are one transaction.
		_, err := db.Exec(ctx, "SET LOCAL lock_timeout = '"+lockTimeout+"';"+sql)
		var refused *pgconn.PgError
		if !errors.As(err, &refused) || refused.Code != "55P03" { // lock_not_available
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPause):
		}
	}
}
