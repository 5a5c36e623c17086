package shop_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

const (
	maxBody = 1 << 20
	slack   = 4 << 10
)

// uploads are the requests with a body, each one that is accepted.
var uploads = []struct{ who, line, body string }{
	{"ann", "PATCH /me", `{"name":"Anna"}`},
	{"ann", "PUT /orders/2", `{"note":"ring twice"}`},
	{"ann", "POST /webhooks", `{"url":"https://hooks.example/"}`},
	{"", "POST /login", `{"email":"ann@shop.example","password":"ann-secret"}`},
}

// measured counts what is read of a body.
type measured struct {
	io.Reader
	n int
}

func (m *measured) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.n += n
	return n, err
}

// padding is white space without end.
type padding struct{}

var spaces = bytes.Repeat([]byte(" "), 64<<10)

func (padding) Read(p []byte) (int, error) {
	return copy(p, spaces), nil
}

// padded is a body of so many bytes: with spaces behind it, which JSON allows, or in front.
func padded(body string, size int, front bool) io.Reader {
	spaces := io.LimitReader(padding{}, int64(size-len(body)))
	if front {
		return io.MultiReader(spaces, strings.NewReader(body))
	}
	return io.MultiReader(strings.NewReader(body), spaces)
}

func TestBodiesAreBounded(t *testing.T) {
	s := open(t)
	for i, up := range uploads {
		told := []int64{-1, maxBody + 1}[i%2]
		wantTooLarge(t, s, up.who, up.line, up.body, maxBody+1, told)
	}
	wantTooLarge(t, s, "ann", "PATCH /me", uploads[0].body, 10<<20, -1)
	wantUntouched(t, s, "sent bodies of more than 1 MiB")
	for _, up := range []int{0, 3} {
		up, told := uploads[up], []int64{-1, maxBody}[up%2]
		r := request(up.who, up.line, padded(up.body, maxBody, told < 0))
		r.ContentLength = told
		got := s.serve(r)
		expect.That(t, got.status/100 == 2, expect.Message{
			Did: fmt.Sprintf("sent %s with a body of exactly 1 MiB (Content-Length: %d)", up.line,
				told),
			Want: "2xx: that is not more than 1 MiB",
			Got:  got.String(),
			Why:  "secure and useless: a bound is a promise to those below it",
		})
	}
}

func wantTooLarge(t *testing.T, s *site, who, line, body string, size int, told int64) {
	t.Helper()
	m := &measured{Reader: padded(body, size, false)}
	r := request(who, line, m)
	r.ContentLength = told
	got := s.serve(r)
	expect.That(t, got.status == 413 && m.n <= maxBody+slack, expect.Message{
		Did: fmt.Sprintf("sent %s with a body of %d bytes, 1 MiB and %d more (Content-Length: "+
			"%d; -1 is none)", line, size, size-maxBody, told),
		Want: fmt.Sprintf("413, and at most %d bytes read, 1 MiB and 4 KiB", maxBody+slack),
		Got:  fmt.Sprintf("%s, and %d bytes read", got, m.n),
		Why: "a limit that is looked at when all is there limits nothing: the memory has been " +
			"used, and a hundred such requests at once end the process",
	})
}

// stalled is a body whose first half has come and whose second does not.
type stalled struct {
	io.Reader
	come chan struct{}
	read *atomic.Int64 // how many bodies are being waited for
	once atomic.Bool
}

func (b *stalled) Read(p []byte) (int, error) {
	if n, err := b.Reader.Read(p); n > 0 || err != io.EOF {
		return n, err
	}
	if !b.once.Swap(true) {
		b.read.Add(1)
	}
	<-b.come
	return 0, io.ErrUnexpectedEOF
}

func TestASlowBodyHoldsNothing(t *testing.T) {
	tl := timeline.New("50 slow clients", "ann", "the shop")
	s := openDrawn(t, tl)
	for _, up := range uploads {
		tl.Clear()
		crowd(t, s, up.who, up.line, up.body, func() {
			slow := fmt.Sprintf("sent %s 50 times, with bodies whose second half does not come; "+
				"the shop has 4 connections to its database. Then ", up.line)
			for _, next := range append(uploads[:len(uploads):len(uploads)],
				struct{ who, line, body string }{"ann", "GET /me", ""},
				struct{ who, line, body string }{"ann", "GET /orders", ""}) {
				sent := tl.Send("ann", "the shop", "%s", next.line)
				sent.Came()
				wantInTime(t, s, slow, next.who, next.line, next.body)
				tl.Point("the shop", "answers")
			}
		})
	}
}

// crowd sends 50 requests whose bodies stall, calls f, and ends them.
func crowd(t *testing.T, s *site, who, line, body string, f func()) {
	t.Helper()
	const clients = 50
	var reading atomic.Int64
	come, done := make(chan struct{}), make(chan struct{}, clients)
	s.tl.Begin("50 slow clients", "%s", line)
	for range clients {
		half := strings.NewReader(body[:len(body)/2])
		go func() {
			defer func() { done <- struct{}{} }()
			r := request(who, line, &stalled{Reader: half, come: come, read: &reading})
			s.handler.ServeHTTP(httpwire.New().Writer(), r.WithContext(t.Context()))
		}()
	}
	for end := time.Now().Add(time.Second); reading.Load() < clients && time.Now().Before(end); {
		time.Sleep(time.Millisecond) // those that hold nothing are soon all reading
	}
	defer func() {
		close(come)
		for range clients {
			<-done
		}
	}()
	f()
}

// wantInTime demands an answer while others are slow.
func wantInTime(t *testing.T, s *site, slow, who, line, body string) {
	t.Helper()
	answered := make(chan answer, 1)
	go func() {
		w := httpwire.New()
		var b io.Reader
		if body != "" {
			b = strings.NewReader(body)
		}
		s.handler.ServeHTTP(w.Writer(), request(who, line, b).WithContext(t.Context()))
		answered <- answer{status: w.Status(), body: w.Body()}
	}()
	message := expect.Message{
		Did:  slow + "sent " + line + with(body),
		Want: "2xx within 5 s",
		Got:  "no answer",
		Why: "a client that sends a byte a minute costs its sender nothing. If each of them " +
			"holds a connection or a lock, a handful is enough, and nobody else is served",
		Picture: s.tl,
	}
	select {
	case got := <-answered:
		message.Got = got.String()
		expect.That(t, got.status/100 == 2, message)
	case <-time.After(5 * time.Second):
		s.tl.Point("the shop", "no answer for 5 s").Breaks()
		expect.Fatal(t, message)
	}
}
