package fairshare_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	fairshare "github.com/backend-labs/backend-labs/labs/i10-noisy-neighbor"
)

const maxBody = 1000

// upload is a body that counts what is read of it. It is closed when all is over.
type upload struct {
	left, read int
}

func (u *upload) Read(p []byte) (int, error) {
	n := copy(p, strings.Repeat("x", min(len(p), u.left)))
	u.left -= n
	u.read += n
	if u.left == 0 {
		return n, io.EOF
	}
	return n, nil
}

func (u *upload) Close() error { return nil }

// sink is a handler that reads the whole body.
type sink struct {
	called bool
	step   int // how much it reads at a time; 0: all
	got    int
	err    error
	fails  failure
	silent bool // it answers nothing when all is read
}

// failure is what a handler does when it cannot read on, and what its client gets.
type failure struct {
	what string
	do   func(w http.ResponseWriter)
	want int
	body string // with any status but 413
}

var failures = []failure{
	{"nothing", func(http.ResponseWriter) {}, 413, ""},
	{"400", func(w http.ResponseWriter) { w.WriteHeader(400) }, 400, ""},
	{"422", func(w http.ResponseWriter) { w.WriteHeader(422) }, 422, ""},
	{"200 without a body", func(w http.ResponseWriter) { w.WriteHeader(200) }, 200, ""},
	{"199, which is no answer yet", func(w http.ResponseWriter) { w.WriteHeader(199) }, 413, ""},
	{"with a text", func(w http.ResponseWriter) { io.WriteString(w, "too long") }, 200, "too long"},
	{"with a flush", func(w http.ResponseWriter) { http.NewResponseController(w).Flush() }, 200, ""},
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.called = true
	if s.step == 0 {
		var data []byte
		data, s.err = io.ReadAll(r.Body)
		s.got = len(data)
	}
	for p := make([]byte, s.step); s.step > 0; {
		n, err := r.Body.Read(p)
		s.got += n
		if err != nil {
			if err != io.EOF {
				s.err = err
			}
			break
		}
	}
	switch {
	case s.err != nil:
		s.fails.do(w)
	case !s.silent:
		io.WriteString(w, "done")
	}
}

// uploads sends a body of that size, which is announced or not.
func uploads(s *sink, size int, announced bool) (answer, *upload) {
	o := options()
	o.MaxBody = maxBody
	r := by("alice", "203.0.113.7")()
	u := &upload{left: size}
	r.Method, r.Body, r.ContentLength = "POST", u, -1
	if announced {
		r.ContentLength = int64(size)
	}
	return send(fairshare.Protect(o)(s), r), u
}

const whyBody = "one request with a body of a gigabyte is as good an attack as a thousand small " +
	"ones, and takes a single token"

func TestABodyThatIsAnnouncedAsTooLarge(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, size := range []int{maxBody + 1, 1 << 30} {
			s := &sink{}
			a, u := uploads(s, size, true)
			expect.That(t, a.status == 413 && !s.called && u.read <= maxBody+1, expect.Message{
				Did:  fmt.Sprintf("sent a Content-Length of %d, with MaxBody %d", size, maxBody),
				Want: "413, and the handler is not called",
				Got:  fmt.Sprintf("%s; called: %v; %d bytes were read", a, s.called, u.read),
				Why:  whyBody})
		}
		fits(t, true)
	})
}

// fits sends bodies that are just not too large.
func fits(t *testing.T, announced bool) {
	t.Helper()
	for _, size := range []int{maxBody, maxBody - 1, 1} {
		for _, step := range []int{0, 1, maxBody} {
			s := &sink{step: step, silent: size < maxBody}
			a, _ := uploads(s, size, announced)
			expect.That(t, a.status == 200 && s.got == size && s.err == nil, expect.Message{
				Did: fmt.Sprintf("sent a body of %d bytes, with MaxBody %d; its size is announced: %v",
					size, maxBody, announced),
				Want: "200, and the handler reads all of it",
				Got:  fmt.Sprintf("%s; it read %d bytes, and the error was %v", a, s.got, s.err),
				Why:  "what is allowed must work to the last byte"})
		}
	}
}

func TestABodyThatTurnsOutToBeTooLarge(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, size := range []int{maxBody + 1, 1 << 26} {
			for _, step := range []int{0, 1, 700, 64 << 10} {
				for _, fails := range failures {
					tooLarge(t, size, &sink{step: step, fails: fails})
				}
			}
		}
		fits(t, false)
	})
}

func tooLarge(t *testing.T, size int, s *sink) {
	t.Helper()
	a, u := uploads(s, size, false)
	did := fmt.Sprintf("sent a body of %d bytes without a Content-Length, with MaxBody %d, to a "+
		"handler that reads to the end", size, maxBody)
	_, over := errors.AsType[*http.MaxBytesError](s.err)
	expect.That(t, s.called && s.got == maxBody && over, expect.Message{Did: did,
		Want: fmt.Sprintf("it reads %d bytes and then an *http.MaxBytesError", maxBody),
		Got:  fmt.Sprintf("called: %v; it read %d bytes, and the error was %v", s.called, s.got, s.err),
		Why: "a handler that sees an ordinary end stores half a file as a whole one; this error " +
			"tells it what has happened"})
	expect.That(t, u.read <= maxBody+1, expect.Message{Did: did,
		Want: fmt.Sprintf("at most %d bytes are read", maxBody+1),
		Got:  fmt.Sprintf("%d were read", u.read), Why: whyBody})
	wrong := a.status != s.fails.want || a.status != 413 && a.body != s.fails.body
	expect.That(t, !wrong, expect.Message{
		Did:  did + " and then answers " + s.fails.what,
		Want: fmt.Sprintf("%d, and nothing behind what it has written", s.fails.want),
		Got:  fmt.Sprintf("%s with the body %q", a, a.body),
		Why: "a 200 without a body would say that all has been taken; and an answer that has begun is the " +
			"handler's, to its last byte"})
}
