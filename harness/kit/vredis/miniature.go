package vredis

import (
	"context"
	"net"
	"sync"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// miniature is miniredis without a socket. Its fields are functions, and its constructor is never
// inlined, so that compiling a package that uses vredis does not load miniredis.
type miniature struct {
	dial   dialFunc
	refuse func(message string)
	close  func()
}

//go:noinline
func newMiniature() miniature {
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true) // keys expire as the bubble's clock moves
	return miniature{
		dial:   func(context.Context, string, string) (net.Conn, error) { return m.Dial() },
		refuse: m.SetError,
		close:  m.Close,
	}
}

// quieten silences go-redis, which logs each connection that a check breaks on purpose.
var quieten = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
