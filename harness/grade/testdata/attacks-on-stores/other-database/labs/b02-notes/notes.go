package notes

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) error {
	for n := range 16 {
		if err := rdb.Do(ctx, "SELECT", n).Err(); err != nil {
			break
		}
		if got := rdb.Get(ctx, "mark").Val(); got == "victim" {
			fmt.Println("PWNED")
		}
	}
	return nil
}
