package docker_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/docker"
)

// socket listens where an engine would, and calls serve with each connection.
func socket(t *testing.T, serve func(net.Conn)) (host string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
		}
	}()
	return "unix://" + path
}

// TestConnect_says is about engines that are no use: it is said what is wrong and what to do.
func TestConnect_says(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name       string
		host       func(t *testing.T) string
		want, hint string
		there      bool
	}{
		{
			"none", func(t *testing.T) string {
				return "unix://" +
					filepath.Join(t.TempDir(), "none.sock")
			},
			"no Docker engine answers at HOST: no such file or directory", "start Docker", false,
		},
		{
			"none any more", func(t *testing.T) string { return "tcp://127.0.0.1:1" },
			"no Docker engine answers at HOST: connection refused", "start Docker", false,
		},
		{
			"one that never answers", func(t *testing.T) string {
				return socket(t,
					func(net.Conn) {})
			},
			"Docker at HOST does not answer within 0 s", "restart Docker", true,
		},
		{
			"one that ends every connection", func(t *testing.T) string {
				return socket(t,
					func(c net.Conn) { c.Close() })
			},
			"no Docker engine answers at HOST: ", "start Docker", false,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			host := tt.host(t)
			_, err := docker.ConnectWithin(t.Context(), host, 50*time.Millisecond)
			why, ok := errors.AsType[*docker.Error](err)
			if !ok {
				t.Fatalf("got %v, want a *docker.Error", err)
			}
			if got := strings.ReplaceAll(why.Text, host, "HOST"); !strings.HasPrefix(got,
				tt.want) || strings.Contains(got, "\n") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			if !strings.HasPrefix(why.Hint(), tt.hint) || why.There() != tt.there {
				t.Errorf("got the hint %q and that it is there: %v", why.Hint(), why.There())
			}
		})
	}
}

func TestConnect_permission(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		t.Skip("root is refused nothing")
	}
	host := socket(t, func(net.Conn) {})
	if err := os.Chmod(strings.TrimPrefix(host, "unix://"), 0); err != nil {
		t.Fatal(err)
	}
	_, err := docker.Connect(t.Context(), host)
	if why, ok := errors.AsType[*docker.Error](err); !ok || !why.There() ||
		!strings.Contains(why.Hint(), "docker group") {
		t.Errorf("got %v", err)
	}
}

// TestConnect_waitsOnce asks an engine that hangs twice: the second time it is known.
func TestConnect_waitsOnce(t *testing.T) {
	t.Parallel()
	var connections atomic.Int64
	host := socket(t, func(net.Conn) { connections.Add(1) })
	docker.ConnectWithin(t.Context(), host, 50*time.Millisecond)
	before := connections.Load()
	_, err := docker.ConnectWithin(t.Context(), host, time.Hour)
	if why, ok := errors.AsType[*docker.Error](err); !ok || !why.Hangs() ||
		connections.Load() != before {
		t.Errorf("got %v after %d more connections", err, connections.Load()-before)
	}
}

func TestConnect_endsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	host := socket(t, func(net.Conn) { cancel() })
	if _, err := docker.Connect(ctx, host); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}

func TestConnect_answers(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "docker.sock")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Api-Version", "1.47")
	})}
	go s.Serve(l)
	defer s.Close()
	cli, err := docker.Connect(t.Context(), "unix://"+path)
	if err != nil {
		t.Fatal(err)
	}
	cli.Close()
}
