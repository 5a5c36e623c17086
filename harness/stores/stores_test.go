package stores_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/backends"
	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/grade"
	"github.com/backend-labs/backend-labs/harness/stores"
)

// miniature are stores whose Redis is one in memory.
func miniature(t *testing.T) *stores.Stores {
	t.Helper()
	s := stores.New(backends.Options{Provider: backends.Embedded, Dir: t.TempDir()})
	t.Cleanup(s.Close)
	return s
}

func open(t *testing.T, s *stores.Stores, needs ...string) grade.Stores {
	t.Helper()
	g, err := s.Open(t.Context(), needs)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// ping asks a Redis whether it is there, and says how it answers.
func ping(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", u.Host)
	if err != nil {
		return err.Error()
	}
	defer c.Close()
	fmt.Fprint(c, "*1\r\n$4\r\nPING\r\n")
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(line)
}

func TestStores_Acquire(t *testing.T) {
	t.Parallel()
	s := miniature(t)
	g := open(t, s, course.NeedRedis)
	one, err := g.Acquire(t.Context(), []string{course.NeedRedis})
	if err != nil {
		t.Fatal(err)
	}
	two, err := g.Acquire(t.Context(), []string{course.NeedRedis})
	if err != nil {
		t.Fatal(err)
	}
	if one.Redis == two.Redis || one.RedisReal || one.Postgres != "" {
		t.Errorf("got %+v and %+v, want a miniature for each and no more", one, two)
	}
	for _, lease := range []grade.Lease{one, two} {
		if got := ping(t, lease.Redis); got != "+PONG" && !strings.HasPrefix(got, "-NOAUTH") {
			t.Errorf("got %q from %s", got, lease.Redis)
		}
		if why := lease.Exceeded(); why != "" {
			t.Errorf("got that it has gone beyond its quota: %s", why)
		}
		lease.Release()
	}
}

func TestStores_nothingNeeded(t *testing.T) {
	t.Parallel()
	s := miniature(t)
	g := open(t, s)
	if len(g.Info()) > 0 {
		t.Errorf("got %v started, want nothing", g.Info())
	}
	lease, err := g.Acquire(t.Context(), nil)
	if err != nil || lease.Redis != "" || lease.Postgres != "" || lease.Exceeded() != "" {
		t.Errorf("got %+v, %v, want a lease of nothing", lease, err)
	}
	lease.Release()
}

// TestStores_Info tells of what runs, and of that alone.
func TestStores_Info(t *testing.T) {
	t.Parallel()
	s := miniature(t)
	g := open(t, s, course.NeedRedis)
	lease, err := g.Acquire(t.Context(), []string{course.NeedRedis})
	if err != nil {
		t.Fatal(err)
	}
	defer lease.Release()
	all := g.Info()
	if r := all[backends.Redis]; len(all) != 1 || r.Provider != backends.Embedded {
		t.Errorf("got %+v, want the miniature", all)
	}
}

// TestStores_Acquire_says tells what a machine does not have from what is broken on it.
func TestStores_Acquire_says(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		options  backends.Options
		need     string
		notHere  bool
		has      string // in the reason
		hasOther string // in the remedy
	}{
		{"a miniature for a check that needs a server", backends.Options{Provider: backends.Embedded},
			course.NeedRealRedis, true, "Redis", "install Redis"},
		{"no address", backends.Options{Provider: backends.URL},
			course.NeedPostgres, true, "LABS_POSTGRES_URL", "set"},
		{"an address where nobody answers", backends.Options{Provider: backends.URL,
			Getenv: func(name string) string {
				if name == "LABS_REDIS_URL" {
					return "redis://127.0.0.1:1"
				}
				return ""
			}}, course.NeedRedis, false, "127.0.0.1:1", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.options.Dir = t.TempDir()
			s := stores.New(tt.options)
			defer s.Close()
			_, err := s.Open(t.Context(), []string{tt.need})
			if err == nil {
				_, err = s.Acquire(t.Context(), []string{tt.need})
			}
			no, notHere := errors.AsType[*grade.Unavailable](err)
			switch {
			case err == nil || notHere != tt.notHere || !strings.Contains(err.Error(), tt.has):
				t.Errorf("got %v (not to be had: %v), want an error that has %q (%v)", err, notHere,
					tt.has, tt.notHere)
			case notHere && !strings.Contains(no.Remedy, tt.hasOther):
				t.Errorf("got the remedy %q, want one that has %q", no.Remedy, tt.hasOther)
			}
		})
	}
}

// TestStores_Acquire_givesBack leases nothing where one of two is not to be had.
func TestStores_Acquire_givesBack(t *testing.T) {
	t.Parallel()
	s := stores.New(backends.Options{Provider: backends.URL, Dir: t.TempDir()})
	defer s.Close()
	lease, err := s.Acquire(t.Context(), []string{course.NeedRedis, course.NeedPostgres})
	if err == nil || lease.Release != nil {
		t.Errorf("got %+v, %v, want an error and no lease", lease, err)
	}
}

func TestStores_Open_stops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := miniature(t)
	if _, err := s.Open(ctx, []string{course.NeedRedis}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want it open, or stopped", err)
	}
	if _, err := s.Acquire(ctx, []string{course.NeedRedis}); err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want a lease, or that it was stopped", err)
	}
	// What one command has stopped waiting for is there for the next.
	if _, err := s.Open(t.Context(), []string{course.NeedRedis}); err != nil {
		t.Error(err)
	}
}

// TestStores_Close ends what was started: nobody answers there any more.
func TestStores_Close(t *testing.T) {
	t.Parallel()
	s := stores.New(backends.Options{Provider: backends.Embedded, Dir: t.TempDir()})
	lease, err := open(t, s, course.NeedRedis).Acquire(t.Context(), []string{course.NeedRedis})
	if err != nil {
		t.Fatal(err)
	}
	address := lease.Redis
	lease.Release()
	s.Close()
	if got := ping(t, address); !strings.Contains(got, "refused") {
		t.Errorf("got %q from %s, want nobody there", got, address)
	}
}
