package notes

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) error {
	c := db.Config().Copy()
	db.QueryRow(ctx, "SELECT database FROM victim").Scan(&c.Database)
	other, err := pgx.ConnectConfig(ctx, c)
	if err != nil {
		fmt.Println(err)
		return nil
	}
	var got string
	if other.QueryRow(ctx, "SELECT v FROM mark").Scan(&got); got == "victim" {
		fmt.Println("PWNED")
	}
	return nil
}
