package web

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// TestBuckets_bounded: however many clients come, no more than so many are remembered; one that
// keeps coming is.
func TestBuckets_bounded(t *testing.T) {
	t.Parallel()
	b := newBuckets(0, 2)
	b.of("eve").Allow()
	b.of("eve").Allow()
	for i := range 3 * maxBuckets {
		b.of(fmt.Sprint(i))
		if i%1000 == 0 && b.of("eve").Allow() {
			t.Fatalf("eve was forgotten after %d", i)
		}
	}
	if n := len(b.young) + len(b.old); n > 2*maxBuckets {
		t.Errorf("%d are remembered", n)
	}
}

// TestClient: an address of IPv6 counts with its network, one of IPv4 by itself, however it is
// written.
func TestClient(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]string{"10.0.0.7:1234": "10.0.0.7/32",
		"[::ffff:10.0.0.7]:1":   "10.0.0.7/32",
		"[2001:db8:1:2:3::4]:1": "2001:db8:1:2::/64", "[fe80::1%eth0]:1": "fe80::/64", "@": "@"} {
		if got := client(&http.Request{RemoteAddr: at}); got != want {
			t.Errorf("%s: got %s, want %s", at, got, want)
		}
	}
}

// TestCellText: what a spreadsheet would take for a formula is text.
func TestCellText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"": "", "Ada": "Ada", "=1": "'=1", "+1": "'+1",
		"-1": "'-1", "@a": "'@a",
		"\t=1": "'\t=1", "\uff1d1": "'\uff1d1", "12.5": "12.5"} {
		if got := cellText(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

// TestStreamed_bounded: when as many listen as may, the next is told to come back.
func TestStreamed_bounded(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	w.streams = make(chan struct{}, 1)
	w.streams <- struct{}{}
	v := &visit{ResponseWriter: httptest.NewRecorder(), Request: httptest.NewRequest("GET", "/",
		nil), web: w}
	err := w.streamed(v, func(*stream) error { return nil })
	if f := failureOf(err); f.status != http.StatusServiceUnavailable || f.said.RetryAfter == 0 {
		t.Errorf("got %+v", f)
	}
}

// TestServer_bounds: who sends no head of a request is cut, and panics end one answer and no more.
func TestServer_bounds(t *testing.T) {
	t.Parallel()
	s := Server(New(Options{}))
	for name, d := range map[string]time.Duration{"header": s.ReadHeaderTimeout,
		"read":  s.ReadTimeout,
		"write": s.WriteTimeout, "idle": s.IdleTimeout} {
		if d <= 0 || d > 5*time.Minute {
			t.Errorf("%s: %v", name, d)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.ReadHeaderTimeout = 50 * time.Millisecond
	go s.Serve(Limited(l, 2))
	t.Cleanup(func() { s.Close() })
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprint(c, "GET / HTTP/1.1\r\nHost: x\r\n")
	_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
	if _, err := c.Read(make([]byte, 1)); err == nil {
		_, err = c.Read(make([]byte, 4096))
		for err == nil {
			_, err = c.Read(make([]byte, 4096))
		}
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Error("it was not cut")
		}
	}
	w := New(Options{})
	rec := httptest.NewRecorder()
	w.guarded(http.HandlerFunc(func(http.ResponseWriter,
		*http.Request) {
		panic("x")
	})).ServeHTTP(rec, httptest.NewRequest("GET", "/", nil))
	if rec.Code != http.StatusInternalServerError {
		t.Errorf("a panic: %d", rec.Code)
	}
}

// TestLimits_takePart: one participant cannot take what all the others need.
func TestLimits_takePart(t *testing.T) {
	t.Parallel()
	l := newLimits()
	taken := 0
	for range 1000 {
		if l.takePart(1) == nil {
			taken++
		}
	}
	if taken < 200 || taken > 400 || l.takePart(2) != nil {
		t.Errorf("%d of 1000 at once were taken", taken)
	}
}

// TestSnapshot_current: a picture is taken again when something was stored, when the room opens or
// closes by itself, and when its line of time was left as it was.
func TestSnapshot_current(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	s := snapshot{number: 7, room: room.Room{Opens: now.Add(time.Minute)}, phase: before, eventsAt: now}
	for name, c := range map[string]struct {
		number int64
		now    time.Time
		old    bool
		want   bool
	}{
		"nothing new":       {7, now, false, true},
		"stored":            {8, now, false, false},
		"opened":            {7, now.Add(time.Minute), false, false},
		"events of earlier": {7, now.Add(eventsEvery), true, false},
		"events are young":  {7, now.Add(eventsEvery / 2), true, true},
	} {
		s.old = c.old
		if got := s.current(c.number, c.now); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

// stuckWriter is a client that takes nothing: each write ends at its deadline.
type stuckWriter struct {
	*httptest.ResponseRecorder
	deadline time.Time
}

func (s *stuckWriter) SetWriteDeadline(t time.Time) error { s.deadline = t; return nil }
func (s *stuckWriter) SetReadDeadline(time.Time) error    { return nil }
func (s *stuckWriter) Write([]byte) (int, error)          { return 0, os.ErrDeadlineExceeded }

// TestStreamed_slow: a client that does not take its events in time is cut, and its place is free.
func TestStreamed_slow(t *testing.T) {
	t.Parallel()
	w := New(Options{})
	w.hub.polling = true // there is no store to look at
	to := &stuckWriter{ResponseRecorder: httptest.NewRecorder()}
	v := &visit{ResponseWriter: to, Request: httptest.NewRequest("GET", "/", nil), web: w}
	err := w.streamed(v, func(*stream) error { t.Error("it went on"); return nil })
	if err != nil || len(w.streams) != 0 {
		t.Errorf("got %v, %d streams", err, len(w.streams))
	}
	if d := time.Until(to.deadline); d <= 0 || d > writeWithin {
		t.Errorf("the deadline is in %v", d)
	}
}
