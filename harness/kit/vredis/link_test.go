package vredis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
)

// TestCommand_String is what learners read of a command.
func TestCommand_String(t *testing.T) {
	t.Parallel()
	forty := strings.Repeat("x", 40)
	for _, tt := range []struct {
		args []string
		want string
	}{
		{nil, "SET"},
		{[]string{"k", "v"}, "SET k v"},
		{[]string{""}, "SET "},
		{[]string{forty}, "SET " + forty},
		{[]string{forty + "y", "v"}, `SET "` + forty + `"… v`},
		{[]string{"two\nlines"}, `SET "two\nlines"`},
		{[]string{"a\rb"}, `SET "a\rb"`},
		{[]string{strings.Repeat("é", 30)}, `SET "` + strings.Repeat("é", 20) + `"…`},
		{[]string{"x" + strings.Repeat("é", 30)}, `SET "x` + strings.Repeat("é", 19) + `"…`},
	} {
		if got := (Command{Name: "SET", Args: tt.args}).String(); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.args, got, tt.want)
		}
	}
}

func TestCommand_keysOfEveryKind(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ command, want string }{
		{"GET k", "[k]"},
		{"PING", "[]"},
		{"PING hello", "[]"},
		{"SCRIPT LOAD text", "[]"},
		{"FUNCTION LOAD text", "[]"},
		{"MULTI", "[]"},
		{"EXEC", "[]"},
		{"DBSIZE", "[]"},
		{"MGET a b c", "[a b c]"},
		{"WATCH a b", "[a b]"},
		{"UNLINK a b", "[a b]"},
		{"HSET h field value", "[h]"},
		{"EVAL text 0 a", "[]"},
		{"EVAL text 1 a b", "[a]"},
		{"EVAL_RO text 2 a b", "[a b]"},
		{"FCALL name 1 k", "[k]"},
		{"EVAL text 3 a b", "[]"}, // the server refuses it
		{"EVAL text -1 a", "[]"},
		{"EVAL text many a", "[]"},
		{"EVAL text", "[]"},
		{"EVALSHA", "[]"},
	} {
		words := strings.Fields(tt.command)
		c := Command{Name: words[0], Args: words[1:]}
		if got := fmt.Sprint(c.Keys()); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.command, got, tt.want)
		}
	}
}

// TestParse cuts a stream of commands at every byte: none is seen before it is whole.
func TestParse(t *testing.T) {
	t.Parallel()
	const first = "*3\r\n$3\r\nset\r\n$1\r\nk\r\n$4\r\na\r\nb\r\n"
	const all = first + "*1\r\n$4\r\nPING\r\n"
	for i := range len(all) + 1 {
		c, size := parse([]byte(all[:i]))
		switch {
		case i < len(first) && size != 0:
			t.Errorf("got %v of %q, want no command", c, all[:i])
		case i >= len(first) && (size != len(first) || c.Name != "SET" ||
			!cmp.Equal(c.Args, []string{"k", "a\r\nb"})):
			t.Errorf("got %d bytes, %q %q of %q, want the first command", size, c.Name, c.Args,
				all[:i])
		}
	}
	for in, want := range map[string]int{
		"*0\r\n":                   4,
		"*1\r\n$0\r\n\r\n":         10,
		"":                         0,
		"PING\r\n":                 0, // no client of ours writes it inline
		"*-1\r\n":                  0,
		"*x\r\n":                   0,
		"*1\r\n+4\r\nPING\r\n":     0,
		"*1\r\n$-1\r\n":            0,
		"*2\r\n$4\r\nPING\r\n*1\r": 0,
	} {
		if c, size := parse([]byte(in)); size != want {
			t.Errorf("%q: got %d bytes, %v, want %d", in, size, c, want)
		}
	}
}

// TestLink_eachForItself is about instances that do not share their network.
func TestLink_eachForItself(t *testing.T) {
	t.Parallel()
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 3)
		r.Links[0].Cut()
		r.Links[1].RTT(time.Second)
		begun := time.Now()
		if err := r.Clients[0].Set(ctx, "k", "v", 0).Err(); !errors.Is(err,
			syscall.ECONNREFUSED) {
			t.Errorf("got %v over the link that is cut, want a refused connection", err)
		}
		refused := time.Since(begun) // what the client waits between two attempts
		must(t, r.Clients[2].Set(ctx, "k", "v", 0).Err())
		if took := time.Since(begun) - refused; took != 0 {
			t.Errorf("got an answer after %v over the link that is as it was, want at once", took)
		}
		must(t, r.Clients[1].Set(ctx, "k", "v", 0).Err())
		if took := time.Since(begun) - refused; took != time.Second {
			t.Errorf("got an answer after %v over the slow link, want 1s", took)
		}
		must(t, r.Admin.Ping(ctx).Err())
		if got := r.Links[0].Commands(); len(got) > 0 || r.Trips() != 2 {
			t.Errorf("got %v and %d trips, want nothing through the link that is cut, and 2", got,
				r.Trips())
		}
	})
}

// TestLink_RTT changes it while an answer is on its way: that one is not changed.
func TestLink_RTT(t *testing.T) {
	t.Parallel()
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 1)
		r.RTT(time.Second)
		begun := time.Now()
		done := make(chan time.Duration, 1)
		go func() {
			r.Clients[0].Get(ctx, "k")
			done <- time.Since(begun)
		}()
		synctest.Wait()
		if got := r.Commands(); len(got) != 1 || !got[0].At.Equal(begun) {
			t.Errorf("got %v, want one command that has reached the server at once", got)
		}
		r.RTT(0)
		if took := <-done; took != time.Second {
			t.Errorf("got the answer after %v, want 1s", took)
		}
		begun = time.Now()
		r.Clients[0].Get(ctx, "k")
		if took := time.Since(begun); took != 0 {
			t.Errorf("got the next answer after %v, want at once", took)
		}
	})
}

// TestLink_hungStaysUseless is about a connection that hung: healing brings no answer on it.
func TestLink_hungStaysUseless(t *testing.T) {
	t.Parallel()
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 1)
		must(t, r.Clients[0].Set(ctx, "n", 1, 0).Err())
		r.Hang()
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		done := make(chan error, 1)
		go func() { done <- r.Clients[0].Incr(short, "n").Err() }()
		synctest.Wait()
		r.Heal()
		if err := <-done; !errors.Is(err, context.DeadlineExceeded) &&
			!errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v of what was asked while it hung, want the deadline", err)
		}
		if n, err := r.Clients[0].Get(ctx, "n").Int(); n != 1 || err != nil {
			t.Errorf("got %d, %v, want 1: what was swallowed has not been done", n, err)
		}
	})
}

// TestLink_healEndsTheLimit lets as many commands pass as there are after it was healed.
func TestLink_healEndsTheLimit(t *testing.T) {
	t.Parallel()
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 1)
		r.Links[0].CutAfter(2)
		r.Heal()
		for range 5 {
			must(t, r.Clients[0].Incr(ctx, "n").Err())
		}
		r.Links[0].CutAfter(1)
		short, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		if err := r.Clients[0].Incr(short, "n").Err(); err == nil {
			t.Error("got an answer to the command after which the link was to break")
		}
		if n, err := r.Admin.Get(ctx, "n").Int(); n != 6 {
			t.Errorf("got %d, %v, want 6: the last one was done and its answer lost", n, err)
		}
	})
}

// TestConn_deadlines is about the reader below go-redis: what a deadline does to an answer.
func TestConn_deadlines(t *testing.T) {
	t.Parallel()
	const rtt = 100 * time.Millisecond
	for name, tt := range map[string]struct {
		deadline time.Duration // 0 is none
		moved    time.Duration // where it is moved to after 10 ms, 0 is not at all
		want     time.Duration
		late     bool
	}{
		"none":                  {0, 0, rtt, false},
		"after the answer":      {rtt + 1, 0, rtt, false},
		"with the answer":       {rtt, 0, rtt, true},
		"before the answer":     {rtt / 2, 0, rtt / 2, true},
		"moved before it":       {0, rtt / 2, rtt / 2, true},
		"moved to be after it":  {rtt / 2, 2 * rtt, rtt, false},
		"moved to what is past": {0, time.Millisecond, 10 * time.Millisecond, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l := new(Link)
				l.RTT(rtt)
				here, there := net.Pipe()
				c, err := l.dialer(func(context.Context, string, string) (net.Conn, error) {
					return here, nil
				})(ctx, "tcp", "redis")
				must(t, err)
				defer c.Close()
				go func() {
					there.Read(make([]byte, 64))
					there.Write([]byte("+PONG\r\n"))
				}()
				begun := time.Now()
				if tt.deadline > 0 {
					c.SetReadDeadline(begun.Add(tt.deadline))
				}
				if tt.moved > 0 {
					go func() {
						time.Sleep(10 * time.Millisecond)
						c.SetReadDeadline(begun.Add(tt.moved))
					}()
				}
				_, err = c.Write([]byte("*1\r\n$4\r\nPING\r\n"))
				must(t, err)
				buf := make([]byte, 64)
				n, err := c.Read(buf)
				if took := time.Since(begun); took != tt.want {
					t.Errorf("got %q, %v after %v, want it after %v", buf[:n], err, took, tt.want)
				}
				if late := errors.Is(err, os.ErrDeadlineExceeded); late != tt.late ||
					!late && string(buf[:n]) != "+PONG\r\n" {
					t.Errorf("got %q, %v, want too late: %v", buf[:n], err, tt.late)
				}
			})
		})
	}
}

// TestStart_expiry moves the clock around the ends of keys' lives.
func TestStart_expiry(t *testing.T) {
	t.Parallel()
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 1)
		c := r.Clients[0]
		for key, command := range map[string]error{
			"expire":  c.Set(ctx, "expire", "v", 0).Err(),
			"pexpire": c.Set(ctx, "pexpire", "v", time.Hour).Err(),
			"persist": c.Set(ctx, "persist", "v", time.Second).Err(),
			"keep":    c.Set(ctx, "keep", "v", time.Second).Err(),
			"again":   c.Set(ctx, "again", "v", time.Second).Err(),
			"nx":      c.SetNX(ctx, "nx", "v", time.Second).Err(),
		} {
			if command != nil {
				t.Fatalf("%s: %v", key, command)
			}
		}
		must(t, c.Expire(ctx, "expire", 2*time.Second).Err())
		must(t, c.PExpire(ctx, "pexpire", 1500*time.Millisecond).Err())
		must(t, c.Persist(ctx, "persist").Err())
		must(t, c.Set(ctx, "keep", "w", redis.KeepTTL).Err())
		must(t, c.Set(ctx, "again", "w", 0).Err())
		must(t, c.SetXX(ctx, "nx", "w", 3*time.Second).Err())
		want := map[string]time.Duration{"expire": 2 * time.Second,
			"pexpire": 1500 * time.Millisecond, "persist": NoExpiry, "keep": time.Second,
			"again": NoExpiry, "nx": 3 * time.Second}
		for _, gone := range []string{"", "keep", "pexpire", "expire", "nx"} {
			delete(want, gone)
			if diff := cmp.Diff(want, r.TTLs(t)); diff != "" {
				t.Errorf("when %q is gone the keys differ (-want +got):\n%s", gone, diff)
			}
			// to the end of the next one
			step := time.Hour
			for _, left := range want {
				if left != NoExpiry {
					step = min(step, left)
				}
			}
			time.Sleep(step)
			for key, left := range want {
				if left != NoExpiry {
					want[key] = left - step
				}
			}
		}
	})
}

// TestStart_errors is what the miniature says where a server would refuse.
func TestStart_errors(t *testing.T) {
	t.Parallel()
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 1)
		c := r.Clients[0]
		must(t, c.Set(ctx, "text", "v", 0).Err())
		must(t, c.LPush(ctx, "list", "v").Err())
		script := redis.NewScript("return redis.call('INCR', KEYS[1])")
		for name, tt := range map[string]struct {
			err  error
			want string
		}{
			"a key that is not there": {c.Get(ctx, "none").Err(), "redis: nil"},
			"a wrong type":            {c.Incr(ctx, "list").Err(), "WRONGTYPE "},
			"no number":               {c.Incr(ctx, "text").Err(), "ERR value is not an integer"},
			"a script not loaded":     {script.EvalSha(ctx, c, []string{"n"}).Err(), "NOSCRIPT "},
			"a script that raises": {c.Eval(ctx, "return redis.error_reply('OUT of it')",
				nil).Err(), "OUT of it"},
			"a script that is none":  {c.Eval(ctx, "this is no Lua", nil).Err(), "ERR "},
			"a command that is none": {c.Do(ctx, "FROB").Err(), "ERR unknown command"},
		} {
			if tt.err == nil || !strings.HasPrefix(tt.err.Error(), tt.want) {
				t.Errorf("%s: got %v, want %s…", name, tt.err, tt.want)
			}
		}
		r.Forget()
		for want := int64(1); want <= 2; want++ {
			if n, err := script.Run(ctx, c, []string{"n"}).Int64(); n != want || err != nil {
				t.Errorf("got %d, %v of the script, want %d", n, err, want)
			}
		}
		var names []string
		for _, cmd := range r.Commands() {
			names = append(names, cmd.Name)
		}
		if want := []string{"EVALSHA", "EVAL", "EVALSHA"}; !cmp.Equal(names, want) {
			t.Errorf("got the commands %q, want %q: it is sent once", names, want)
		}
	})
}

// TestRedis_Refuse is about a server that is loading: everybody is told so, until it is healed.
func TestRedis_Refuse(t *testing.T) {
	t.Parallel()
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 1)
		r.Refuse("NOAUTH Authentication required.")
		for name, c := range map[string]redis.UniversalClient{"the check's own": r.Admin,
			"an instance's": r.Clients[0]} {
			if err := c.Ping(ctx).Err(); err == nil || !strings.HasPrefix(err.Error(),
				"NOAUTH ") {
				t.Errorf("%s client: got %v, want what it refuses with", name, err)
			}
		}
		r.Heal()
		must(t, r.Admin.Ping(ctx).Err())
		must(t, r.Clients[0].Ping(ctx).Err())
	})
}

func TestDial_noAddress(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "localhost:6379", "http://localhost", "redis://h:port"} {
		if c, err := Dial(url); err == nil {
			c.Close()
			t.Errorf("%q: got a client, want an error", url)
		}
	}
	c, err := Dial("redis://127.0.0.1:1/3")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	short, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := c.Ping(short).Err(); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v where nobody listens, want a refused connection", err)
	}
}

func TestLink_published(t *testing.T) {
	t.Parallel()
	bubble.Run(t, func(t *testing.T) {
		r := Start(t, 2)
		l := r.Links[1]
		sub := r.Clients[1].Subscribe(ctx, "news")
		defer sub.Close()
		if _, err := sub.Receive(ctx); err != nil {
			t.Fatal(err)
		}
		say := func(words string) {
			t.Helper()
			must(t, r.Clients[0].Publish(ctx, "news", words).Err())
			synctest.Wait()
		}
		begin := time.Now()
		l.Late(time.Second)
		say("first")
		l.Late(0)
		say("second")
		l.Lose(true)
		say("lost")
		must(t, sub.Ping(ctx)) // an answer is not a message
		synctest.Wait()
		l.Lose(false)
		say("third")
		l.Late(time.Minute)
		say("after the end of the connection")
		var got []string
		for range 4 {
			m, err := sub.ReceiveTimeout(ctx, 2*time.Second)
			must(t, err)
			got = append(got, fmt.Sprint(m, " after ", time.Since(begin)))
		}
		want := []string{"Message<news: second> after 0s", "Pong after 0s", "Message<news: third> after 0s",
			"Message<news: first> after 1s"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("what came differs (-want +got):\n%s", diff)
		}
	})
}
