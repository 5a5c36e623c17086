package vredis

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/bubble"
)

var ctx = context.Background()

func TestStart_clockIsTheBubbles(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 2)
		must(t, r.Clients[0].Set(ctx, "k", "v", 1500*time.Millisecond).Err())
		time.Sleep(1499 * time.Millisecond)
		if got, err := r.Clients[1].Get(ctx, "k").Result(); got != "v" {
			t.Errorf("after 1499 ms: got %q, %v", got, err)
		}
		if got := r.TTLs(t); len(got) != 1 || got["k"] != time.Millisecond {
			t.Errorf("after 1499 ms: got %v", got)
		}
		time.Sleep(time.Millisecond)
		if err := r.Clients[1].Get(ctx, "k").Err(); err != redis.Nil {
			t.Errorf("after 1500 ms: got %v, want redis.Nil", err)
		}
		must(t, r.Clients[0].Set(ctx, "for ever", "v", 0).Err())
		if got := r.TTLs(t); len(got) != 1 || got["for ever"] != NoExpiry {
			t.Errorf("got %v", got)
		}
		for _, get := range []func() (time.Time, error){
			r.Clients[0].Time(ctx).Result,
			func() (time.Time, error) {
				at, err := r.Clients[0].Eval(ctx, "return redis.call('TIME')[1]", nil).Int64()
				return time.Unix(at, 0), err
			},
		} {
			if got, err := get(); got.Unix() != time.Now().Unix() {
				t.Errorf("the server's time is %v, %v, want %v", got, err, time.Now())
			}
		}
	})
}

func TestRedis_setClock(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 1)
		must(t, r.Clients[0].Set(ctx, "k", "v", 1500*time.Millisecond).Err())
		for _, ahead := range []time.Duration{time.Second, 1499 * time.Millisecond, 1500 * time.Millisecond} {
			at := time.Now().Add(ahead)
			r.SetClock(at)
			if got, err := r.Clients[0].Time(ctx).Result(); !got.Equal(at) {
				t.Errorf("the server's time is %v, %v, want %v", got, err, at)
			}
			if got := r.TTLs(t)["k"]; got != 1500*time.Millisecond-ahead {
				t.Errorf("%v later the key has %v left", ahead, got)
			}
		}
	})
}

// go-redis keeps timers in a package-level pool once a connection pool has run out. A second bubble
// in the process would die of them (and a bubble after real time would stand still), unless
// connection pools never run out.
// What lies in another database no check would find.
func TestStart_hasOneDatabase(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 1)
		c := r.Clients[0]
		r.Refuse("LOADING")
		if err := c.Do(ctx, "SELECT", 0).Err(); err == nil || err.Error() != "LOADING" {
			t.Errorf("while it refuses everything: got %v", err)
		}
		r.Heal()
		must(t, c.Do(ctx, "SELECT", "0").Err())
		must(t, c.Set(ctx, "k", "v", time.Minute).Err())
		must(t, c.Eval(ctx, "redis.call('SELECT', '0'); return redis.call('SET', KEYS[1], '2')", []string{"k"}).Err())
		must(t, c.Do(ctx, "COPY", "k", "DB").Err()) // a key of that name
		for _, args := range [][]any{{"SELECT", "1"}, {"select", "07"}, {"SWAPDB", "0", "1"}, {"MOVE", "k", "1"},
			{"COPY", "k", "l", "DB", "3"}, {"EVAL", "return redis.call('SELECT', ARGV[1])", "0", "5"}} {
			if err := c.Do(ctx, args...).Err(); err == nil || !strings.Contains(err.Error(), "not allowed in cluster mode") {
				t.Errorf("%v: got %v", args, err)
			}
		}
		if got := r.TTLs(t); len(got) != 2 {
			t.Errorf("got the keys %v", got)
		}
	})
}

func TestStart_manyBubblesInOneProcess(t *testing.T) {
	for range 3 {
		bubble.Run(t, func(t *testing.T) {
			r := Start(t, 2)
			r.RTT(time.Millisecond)
			crowd(t, r, 300)
			r.Hang()
			short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			defer cancel()
			if r.Clients[0].Get(short, "k").Err() == nil {
				t.Error("a hanging server answered")
			}
		})
		if req, _ := account.Current(); req.Redis != "" {
			crowd(t, Own(t, 2), 300)
		}
	}
}

func TestLink_countsRoundTrips(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 2)
		r.RTT(10 * time.Millisecond)
		start := time.Now()
		must(t, r.Clients[0].Set(ctx, "a", "1", time.Hour).Err())
		_, err := r.Clients[1].Pipelined(ctx, func(p redis.Pipeliner) error {
			p.Incr(ctx, "b")
			p.Expire(ctx, "b", time.Second)
			return nil
		})
		must(t, err)
		if took := time.Since(start); took != 20*time.Millisecond {
			t.Errorf("two round trips of 10 ms took %v", took)
		}
		if r.Trips() != 2 || r.Links[0].Trips() != 1 {
			t.Errorf("got %d trips, %d of them client 0's, want 2 and 1", r.Trips(),
				r.Links[0].Trips())
		}
		if got, want := fmt.Sprint(r.Commands()),
			"[SET a 1 ex 3600 INCR b EXPIRE b 1]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		r.Forget()
		if r.Trips() != 0 || len(r.Commands()) != 0 {
			t.Errorf("got %d trips, %v after Forget", r.Trips(), r.Commands())
		}
	})
}

// A pipeline does not fit into the buffers of an in-memory connection: neither end may wait for the
// other to read.
func TestStart_bigPipeline(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 1)
		_, err := r.Clients[0].Pipelined(ctx, func(p redis.Pipeliner) error {
			for i := range 5000 {
				p.Set(ctx, fmt.Sprint("key-", i), "v", time.Minute)
			}
			return nil
		})
		must(t, err)
		if n, trips := len(r.TTLs(t)), r.Trips(); n != 5000 || trips != 1 {
			t.Errorf("got %d keys in %d trips, want 5000 in 1", n, trips)
		}
	})
}

func TestLink_slowAnswerMissesTheDeadline(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 1)
		r.RTT(time.Second)
		short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := r.Clients[0].Set(short, "a", "1", 0).Err()
		if took := time.Since(start); err == nil || took != 50*time.Millisecond {
			t.Errorf("got %v after %v, want an error after 50ms", err, took)
		}
	})
}

func TestRedis_faults(t *testing.T) {
	for _, f := range []struct {
		name  string
		start func(*Redis)
		// real drivers differ in how they fail, but none waits past the deadline
		min time.Duration
	}{
		{"hang", (*Redis).Hang, 50 * time.Millisecond},
		{"cut", (*Redis).Cut, 0},
		{"refuse", func(r *Redis) { r.Refuse("ERR no") }, 0},
	} {
		t.Run(f.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				r := Start(t, 1)
				must(t, r.Clients[0].Ping(ctx).Err()) // so there is a connection that breaks
				f.start(r)
				short, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
				start := time.Now()
				err := r.Clients[0].Ping(short).Err()
				if took := time.Since(start); err == nil || took < f.min ||
					took > 50*time.Millisecond {
					t.Errorf("got %v after %v, want an error after %v to 50ms", err, took, f.min)
				}
				r.Heal()
				must(t, r.Clients[0].Ping(ctx).Err())
			})
		})
	}
}

func TestLink_cutAfter(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 2)
		for k := range 4 {
			r.Links[0].CutAfter(k)
			_, err := r.Clients[0].Pipelined(ctx, func(p redis.Pipeliner) error {
				p.Incr(ctx, "n")
				p.Incr(ctx, "n")
				p.Incr(ctx, "n")
				return nil
			})
			if err == nil {
				t.Errorf("k = %d: the answer arrived", k)
			}
			synctest.Wait()
			n, err := r.Clients[1].Get(ctx, "n").Int()
			if n != k || k > 0 && err != nil {
				t.Errorf("k = %d: %d commands were executed, %v", k, n, err)
			}
			r.Heal()
			r.Admin.FlushAll(ctx)
		}
	})
}

func TestOwn_recordsToo(t *testing.T) {
	if req, _ := account.Current(); req.Redis == "" {
		t.Skip("no Redis: set LABS_REDIS_URL")
	}
	r := Own(t, 1)
	must(t, r.Clients[0].Set(ctx, "k", "v", time.Minute).Err())
	if got := r.TTLs(t); len(got) != 1 || got["k"] < 59*time.Second {
		t.Errorf("got %v", got)
	}
	if r.Trips() != 1 || fmt.Sprint(r.Commands()) != "[SET k v ex 60]" {
		t.Errorf("got %d trips, %v", r.Trips(), r.Commands())
	}
}

// crowd makes n calls at once for each client.
func crowd(t *testing.T, r *Redis, n int) {
	t.Helper()
	must(t, r.Admin.Del(ctx, "crowd").Err())
	var wg sync.WaitGroup
	for _, c := range r.Clients {
		for range n {
			wg.Go(func() {
				if err := c.Incr(ctx, "crowd").Err(); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if got, _ := r.Admin.Get(ctx, "crowd").Int(); got != n*len(r.Clients) {
		t.Errorf("got %d, want %d", got, n*len(r.Clients))
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The vectors are those of the Redis Cluster specification.
func TestSlot(t *testing.T) {
	if got := Slot("123456789"); got != 0x31C3 {
		t.Errorf("Slot(123456789) = %#x, want 0x31c3", got)
	}
	for _, same := range [][2]string{
		{"{user1000}.following", "user1000"},
		{"foo{{bar}}zap", "{bar"},
		{"foo{bar}{zap}", "bar"},
	} {
		if Slot(same[0]) != Slot(same[1]) {
			t.Errorf("%q and %q have different slots", same[0], same[1])
		}
	}
	if Slot("foo{}{bar}") == Slot("bar") {
		t.Error("an empty hash tag is none, and so is a second one")
	}
}

func TestCommand_keys(t *testing.T) {
	for want, c := range map[string]Command{
		"[a b]": {Name: "EVALSHA", Args: []string{"f00", "2", "a", "b", "c"}},
		"[k]":   {Name: "SET", Args: []string{"k", "v"}},
		"[x y]": {Name: "DEL", Args: []string{"x", "y"}},
		"[]":    {Name: "TIME"},
	} {
		if got := fmt.Sprint(c.Keys()); got != want {
			t.Errorf("%v: got %s, want %s", c, got, want)
		}
	}
}
