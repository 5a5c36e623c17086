package idempotency_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

// thenWell answers with a status the first time, and charges after that.
func thenWell(status int) func(http.ResponseWriter, *http.Request, int) {
	return func(w http.ResponseWriter, r *http.Request, n int) {
		if n > 1 {
			charged(w, n)
			return
		}
		w.Header().Set("X-Outcome", fmt.Sprint(status))
		w.WriteHeader(status)
	}
}

func TestWhatIsDecidedIsRemembered(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for status := 200; status < 500; status++ {
			if status == 409 || status == 425 || status == 429 {
				continue
			}
			s := &shop{answer: thenWell(status)}
			h := guard(newMemory(), s)
			first := ask(h, post())
			did := fmt.Sprintf("sent a POST, to which the handler answers %d, and sent it again", status)
			wantReplay(t, ask(h, post()), first, expect.Message{Did: did,
				Why: "the handler has decided; asked again it might decide otherwise, and the " +
					"client would have two answers to one request"})
			wantRuns(t, s, 1, expect.Message{Did: did})
		}
	})
}

func TestWhatMayPassIsNotRemembered(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, status := range []int{500, 501, 502, 503, 504, 507, 511, 529, 599, 409, 425, 429} {
			s := &shop{answer: thenWell(status)}
			h := guard(newMemory(), s)
			did := fmt.Sprintf("sent a POST, to which the handler answers %d", status)
			first := ask(h, post())
			expect.That(t, first.status == status && first.header.Get("X-Outcome") != "", expect.Message{
				Did: did, Want: fmt.Sprint("this answer, with its headers: ", status), Got: first.String()})
			wantRun(t, s, ask(h, post()), 2, expect.Message{Did: did + ", and sent it again at once",
				Why: "what failed may work the next time; remembered, the failure of one second " +
					"lasts for a day"})
			wantReplay(t, ask(h, post()), charge(2), expect.Message{
				Did: did + ", sent it again, which worked, and once more"})
		}
	})
}

func TestAfterAPanicTheKeyIsFree(t *testing.T) {
	boom := errors.New("boom")
	virtual(t, func(t *testing.T) {
		for _, value := range []any{"index out of range", boom, http.ErrAbortHandler, 42,
			fmt.Errorf("boom: %w", http.ErrAbortHandler), context.Canceled} {
			for _, begun := range []bool{false, true} {
				did := fmt.Sprintf("sent a POST to a handler that panics with %v", value)
				if begun {
					did += " after it has sent a 201"
				}
				panicsOnce(t, did, value, begun)
			}
		}
	})
}

func panicsOnce(t *testing.T, did string, value any, begun bool) {
	t.Helper()
	s := &shop{answer: func(w http.ResponseWriter, r *http.Request, n int) {
		if n == 1 && begun {
			w.WriteHeader(http.StatusCreated)
		}
		if n == 1 {
			panic(value)
		}
		charged(w, n)
	}}
	h := guard(newMemory(), s)
	went := panics(func() { ask(h, post()) })
	expect.That(t, went == value, expect.Message{Did: did,
		Want: "the panic goes on to whoever called, with this value",
		Got:  fmt.Sprintf("what went on: %v", went),
		Why: "further out somebody logs it and cuts the connection; http.ErrAbortHandler is known by " +
			"its identity"})
	wantRun(t, s, ask(h, post()), 2, expect.Message{Did: did + ", and sent it again at once",
		Why: "one crash locks the client out for as long as the key stays taken"})
}

// panics is what a function panics with, or nil.
func panics(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}

func TestCookiesAndDatesAreNotReplayed(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := &shop{answer: func(w http.ResponseWriter, r *http.Request, n int) {
			w.Header().Set("Date", "Sat, 01 Jan 2000 00:00:00 GMT")
			w.Header().Add("Set-Cookie", "session=s3cr3t")
			w.Header().Add("Set-Cookie", "theme=dark")
			w.Header().Set("Set-Cookie-Policy", "lax")
			charged(w, n)
		}}
		h := guard(newMemory(), s)
		did := "sent a POST to a handler that sets a Date, two cookies and other headers"
		first := ask(h, post())
		expect.That(t, len(first.header["Set-Cookie"]) == 2 && len(first.header["Date"]) == 1,
			expect.Message{Did: did, Want: "all of them in the first answer", Got: first.String(),
				Why: "the first answer is the handler's, unchanged"})
		time.Sleep(time.Hour)
		got := ask(h, post())
		delete(first.header, "Date")
		delete(first.header, "Set-Cookie")
		wantReplay(t, got, first, expect.Message{Did: did + ", and sent it again an hour later; " +
			"Date and Set-Cookie are not looked for",
			Why: "a session of an hour ago may have ended since, and would log its user out; and " +
				"the date of an answer is when it was sent"})
	})
}

func TestAnswersShareNothing(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var kept http.Header
		buf := []byte("charged 4200")
		s := &shop{answer: func(w http.ResponseWriter, r *http.Request, n int) {
			kept = w.Header()
			kept["Link"] = []string{"</a>", "</b>"}
			kept.Set("Content-Type", "text/plain")
			w.Write(buf)
		}}
		h := guard(newMemory(), s)
		did := "sent a POST"
		first := ask(h, post())
		spoil := func(header http.Header) {
			header["Link"][0] = "</evil>"
			header.Set("Content-Type", "text/html")
			header.Set("X-Request-Id", "r-1")
		}
		spoil(kept)
		copy(buf, "refunded   ")
		did += "; when it had been answered, the handler's writer and its buffer were used for " +
			"something else"
		for range 2 {
			w := &wire{header: http.Header{}}
			h.ServeHTTP(w, post())
			w.got.body = w.body.String()
			wantReplay(t, w.got, first, expect.Message{Did: did + "; sent it again",
				Why: "what is remembered must be a copy: others go on with what they gave"})
			spoil(w.header)
			did += "; and when that had been answered, the headers of the replay were, too"
		}
	})
}
