package backends

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisClient makes a client that does what it is told: no retries, no more than one connection at
// a time by itself, the context's deadline respected.
func redisClient(o redis.Options) *redis.Client {
	quietRedis()
	o.Protocol, o.DisableIdentity = 2, true
	o.MaxRetries, o.DialerRetries, o.PoolSize = -1, 1, 2
	o.ContextTimeoutEnabled = true
	if o.DialTimeout == 0 {
		o.DialTimeout = 3 * time.Second
	}
	return redis.NewClient(&o)
}

// quietRedis keeps go-redis from printing what its callers are told anyway. It can only be told so
// for the process.
var quietRedis = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}

// redisInfo reads one field of one section of INFO.
func redisInfo(ctx context.Context, c redis.Cmdable, section, field string) (string, error) {
	text, err := c.Info(ctx, section).Result()
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(text) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), field+":"); ok {
			return v, nil
		}
	}
	return "", fmt.Errorf("INFO %s has no %s", section, field)
}

// dialling tries to connect to addr until somebody listens there, ctx is done or gaveUp is closed.
func dialling(ctx context.Context, addr string, gaveUp <-chan struct{}) error {
	var d net.Dialer
	for {
		conn, err := d.DialContext(ctx, "tcp", addr)
		if err == nil {
			conn.Close()
			return nil
		}
		if closed(gaveUp) {
			return errGaveUp
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-gaveUp:
			return errGaveUp
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// until is ctx, done when gaveUp is closed.
func until(ctx context.Context, gaveUp <-chan struct{}) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		select {
		case <-gaveUp:
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

var errGaveUp = errors.New("the server has ended")
