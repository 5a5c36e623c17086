package memhttp_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
)

func TestServe_RequestsTakeVirtualTime(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := memhttp.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			select {
			case <-time.After(5 * time.Second):
				io.WriteString(w, r.RemoteAddr)
			case <-r.Context().Done():
			}
		}))
		c := l.Client()
		start := time.Now()
		first, second := get(t, c), get(t, c)
		if took := time.Since(start); took != 10*time.Second {
			t.Errorf("two requests of 5 s took %v", took)
		}
		if first != second || !strings.HasPrefix(first, "198.51.100.1:") {
			t.Errorf("got addresses %q and %q, want one connection of 198.51.100.1 used twice",
				first, second)
		}
		if other := get(t, l.Client()); other == first {
			t.Errorf("two clients share the connection from %s", other)
		}

		c.Timeout = time.Second
		start = time.Now()
		_, err := c.Get(memhttp.URL)
		if took := time.Since(start); err == nil || took != time.Second {
			t.Errorf("with a timeout of 1 s got error %v after %v", err, took)
		}
	})
}

func TestRun_ServersDeadlinesAreVirtual(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := memhttp.Run(t, &http.Server{ReadHeaderTimeout: 3 * time.Second})
		start := time.Now()
		got := l.Raw(t, "GET / HTTP/1.1\r\n", time.Minute) // never says the rest
		if took := time.Since(start); took != 3*time.Second || got != "" {
			t.Errorf("got %q after %v, want the connection closed after 3 s", got, took)
		}
	})
}

func TestRaw(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := memhttp.Serve(t, http.HandlerFunc(func(w http.ResponseWriter,
			r *http.Request) {
			io.WriteString(w, r.URL.Path)
		}))
		start := time.Now()
		got := l.Raw(t, "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n",
			time.Second)
		if !strings.Contains(got, "\r\n\r\n/aHTTP/1.1 200") ||
			!strings.HasSuffix(got, "\r\n\r\n/b") {
			t.Errorf("two pipelined requests were answered with %q", got)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("Raw returned after %v, want 1 s of silence", took)
		}
		if got := l.Raw(t, "nonsense\r\n\r\n", time.Second); !strings.HasPrefix(got,
			"HTTP/1.1 400") {
			t.Errorf("nonsense was answered with %q", got)
		}
	})
}

func TestDial_AfterClose(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := memhttp.Listen(t)
		waiting, err := l.Dial(t.Context()) // nobody accepts it
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if _, err := waiting.Read(make([]byte, 1)); err == nil {
			t.Error("a connection that was never accepted is still open")
		}
		if _, err := l.Dial(t.Context()); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("Dial after Close: %v, want connection refused", err)
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after Close: %v, want net.ErrClosed", err)
		}
		if err := l.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v, want net.ErrClosed", err)
		}
	})
}

func TestLatency(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := memhttp.Serve(t, answer("hello"))
		start := time.Now()
		get(t, l.Client(memhttp.Latency(80*time.Millisecond)))
		if took := time.Since(start); took != 80*time.Millisecond {
			t.Errorf("a request took %v, want 80 ms", took)
		}
	})
}

func TestCutAfter(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		served := 0
		l := memhttp.Serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			served++
			io.WriteString(w, strings.Repeat("x", 10_000))
		}))
		_, err := l.Client(memhttp.CutAfter(0)).Get(memhttp.URL)
		if !errors.Is(err, syscall.ECONNRESET) || served != 1 {
			t.Errorf("cut after 0 bytes: error %v, %d served, want a reset and 1", err, served)
		}
		res, err := l.Client(memhttp.CutAfter(3000)).Get(memhttp.URL)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if !errors.Is(err, syscall.ECONNRESET) || len(body) == 0 || len(body) >= 3000 {
			t.Errorf("cut after 3000 bytes: read %d of the body, error %v", len(body), err)
		}
	})
}

func TestHang(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		l := memhttp.Serve(t, http.HandlerFunc(func(http.ResponseWriter,
			*http.Request) {
			t.Error("the request came through")
		}))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		req, _ := http.NewRequestWithContext(ctx, "GET", memhttp.URL, nil)
		_, err := l.Client(memhttp.Hang()).Do(req)
		if took := time.Since(start); !errors.Is(err, context.DeadlineExceeded) ||
			took != time.Minute {
			t.Errorf("got error %v after %v, want the deadline of 1 min", err, took)
		}
		go l.Client(memhttp.Hang()).Get(memhttp.URL) // must not outlive the check
	})
}

func TestServe_AlsoInRealTime(t *testing.T) {
	if got := get(t, memhttp.Serve(t, answer("hello")).Client()); got != "hello" {
		t.Errorf("got %q", got)
	}
}

func answer(text string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
		io.WriteString(w, text)
	})
}

func get(t *testing.T, c *http.Client) string {
	t.Helper()
	res, err := c.Get(memhttp.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}
