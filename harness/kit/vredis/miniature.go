package vredis

import (
	"context"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	"github.com/redis/go-redis/v9"
)

// miniature is miniredis without a socket. Its fields are functions, and its constructor is never
// inlined, so that compiling a package that uses vredis does not load miniredis.
type miniature struct {
	dial   dialFunc
	refuse func(message string)
	clock  func(t time.Time)
	close  func()
}

//go:noinline
func newMiniature() miniature {
	m := miniredis.NewMiniRedis()
	m.ClockTTL(true) // keys expire as the bubble's clock moves
	var refused atomic.Pointer[string]
	// A client dials in the background, also when nobody waits for it any more.
	var mu sync.Mutex
	closed := false
	return miniature{
		dial: func(context.Context, string, string) (net.Conn, error) {
			mu.Lock()
			defer mu.Unlock()
			if closed {
				return nil, net.ErrClosed
			}
			conn, err := m.Dial() // which makes the server
			if err == nil {
				m.Server().SetPreHook(func(c *server.Peer, cmd string, args ...string) bool {
					message := elsewhere(cmd, args)
					if r := refused.Load(); r != nil && *r != "" {
						message = *r
					}
					if message != "" {
						c.WriteError(message)
					}
					return message != ""
				})
			}
			return conn, err
		},
		refuse: func(message string) { refused.Store(&message) },
		clock:  m.SetTime,
		close: func() {
			mu.Lock()
			closed = true
			mu.Unlock()
			m.Close()
		},
	}
}

// elsewhere is what the miniature says to a command, also of a script, that leads to another of its
// databases, where no check would find what is kept. A cluster has one database, and says the same.
func elsewhere(cmd string, args []string) string {
	other := func(db string) bool { return strings.TrimLeft(db, "+-0") != "" || db == "" }
	switch {
	case cmd == "SELECT" && len(args) == 1 && other(args[0]), cmd == "SWAPDB", cmd == "MOVE":
		return "ERR " + cmd + " is not allowed in cluster mode"
	case cmd == "COPY":
		for i, arg := range args[:max(0, len(args)-1)] {
			if i >= 2 && strings.EqualFold(arg, "DB") && other(args[i+1]) {
				return "ERR Copying to another database is not allowed in cluster mode"
			}
		}
	}
	return ""
}

// quieten silences go-redis, which logs each connection that a check breaks on purpose.
var quieten = sync.OnceFunc(func() { redis.SetLogger(silence{}) })

type silence struct{}

func (silence) Printf(context.Context, string, ...any) {}
