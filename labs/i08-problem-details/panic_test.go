package problem_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	problem "github.com/backend-labs/backend-labs/labs/i08-problem-details"
)

func TestAPanicIsAProblem(t *testing.T) {
	problem.Register(errSoldOut, soldOut)
	for i, value := range []any{"index out of range", errors.New("pq: hunter2"), errSoldOut,
		fmt.Errorf("reserve: %w", errSoldOut), 42, problem.Invalid{{Pointer: "#/qty"}},
		later{errors.New("busy"), time.Second}, panics(func() { _ = []int{}[len(beginnings)] }),
		fmt.Errorf("upstream: %w", http.ErrAbortHandler), http.ErrAbortHandler.Error(),
		errors.New(http.ErrAbortHandler.Error()), (*failure)(nil), (*shelf)(nil), "100%d of the lamps", "out of range\nwhile it counted the lamps",
		strings.Repeat("called from shop.go:7, ", 2000) + "and that is all"} {
		interim := []int{http.StatusEarlyHints, 199}[:i%3] // are no answer yet
		log := newLogbook()
		h := problem.Recover(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5000")
			for _, status := range interim {
				w.WriteHeader(status)
			}
			panic(value)
		}), log.Logger)
		got := serve(h, request("r-5"))
		text := fmt.Sprint(value)
		did := fmt.Sprintf("served a handler that sends %d statuses of 1xx and then panics with %T(%s)",
			len(interim), value, short(text))
		expect.That(t, got.status == 500 && got.header.Get("Content-Length") == "", expect.Message{
			Did: did, Want: "a problem with the status 500, and no Content-Length of another body",
			Got: fmt.Sprintf("%s, Content-Length %q", got, got.header.Get("Content-Length")),
			Why: "a panic is a mistake of the program, also when the value that it was called with is " +
				"an error that has an answer elsewhere"})
		wantMember(t, did, got, "type", "about:blank", "")
		wantMember(t, did, got, "title", "Internal Server Error", "")
		wantMember(t, did, got, "instance", "urn:req:r-5", "")
		wantMember(t, did, got, "errors", nil, "")
		wantMember(t, did, got, "retry_after", nil, "")
		if value == (*failure)(nil) || value == (*shelf)(nil) {
			text = "" // in which words it is logged is open
		}
		failures := log.failures(t)
		expect.That(t, len(failures) == 1 && finds(failures[0], text, "urn:req:r-5"),
			expect.Message{Did: did + ", and read the log",
				Want: "one record at the level Error, with the whole value and urn:req:r-5 in its attributes",
				Got:  short(fmt.Sprintf("%d records: %q", len(failures), failures))})
	}
}

// failure is an error that cannot be asked where it is nil.
type failure struct{ text string }

func (f *failure) Error() string { return f.text }

// shelf is no error, and cannot be asked where it is nil either.
type shelf struct{ name string }

func (s *shelf) String() string { return s.name }

// beginnings are ways in which an answer can have begun, and what the client has got by then.
var beginnings = []struct {
	what  string
	begin func(w http.ResponseWriter)
	sent  string
}{
	{"sends the status 200 and half a body", func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusOK)
		io.WriteString(w, "half of")
	}, "half of"},
	{"sends the status 204", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }, ""},
	{"sends 103 Early Hints and the status 200", func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
	}, ""},
	{"sends the status 200 and, too late, 103 Early Hints", func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusOK)
		w.WriteHeader(http.StatusEarlyHints)
	}, ""},
	{"sends the status 404, as a mistake of the client's", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, ""},
	{"writes half a body, without a status", func(w http.ResponseWriter) {
		io.WriteString(w, "half of")
	}, "half of"},
	{"writes no byte, without a status", func(w http.ResponseWriter) { w.Write(nil) }, ""},
	{"copies half a file, without a status", func(w http.ResponseWriter) {
		io.Copy(w, struct{ io.Reader }{strings.NewReader("half of")}) // hides WriteTo: io.Copy asks w for ReadFrom
	}, "half of"},
	{"flushes its headers by an http.ResponseController", func(w http.ResponseWriter) {
		http.NewResponseController(w).Flush()
	}, ""},
	{"flushes its headers as an http.Flusher does", func(w http.ResponseWriter) {
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
			return
		}
		http.NewResponseController(w).Flush()
	}, ""},
}

func TestAPanicInTheMiddleCutsTheAnswer(t *testing.T) {
	for i, tt := range beginnings {
		value := []any{errors.New("row 12"), "row 12"}[i%2]
		log := newLogbook()
		h := problem.Recover(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/csv")
			tt.begin(w)
			panic(value)
		}), log.Logger)
		w := httpwire.New()
		went := panics(func() { h.ServeHTTP(w.Writer(), request("r-6")) })
		did := fmt.Sprintf("served a handler that %s, and then panics with %T(%v)", tt.what, value, value)
		expect.That(t, went == http.ErrAbortHandler, expect.Message{Did: did,
			Want: "Recover panics with http.ErrAbortHandler",
			Got:  fmt.Sprintf("it panicked with %v", went),
			Why: "the client has begun to read a good answer; only a connection that breaks tells it " +
				"that the rest is missing"})
		expect.That(t, w.Body() == tt.sent &&
			w.Header().Get("Content-Type") == "text/csv", expect.Message{Did: did,
			Want: fmt.Sprintf("the body %q, and nothing behind it", tt.sent),
			Got:  fmt.Sprintf("%d, %q", w.Status(), w.Body()),
			Why:  "two answers in one: half a table and, glued to it, a problem"})
		failures := log.failures(t)
		expect.That(t, len(failures) == 1 && finds(failures[0], "row 12", "urn:req:r-6"),
			expect.Message{Did: did + ", and read the log",
				Want: "one record at the level Error, with the value and urn:req:r-6 in its attributes",
				Got:  fmt.Sprintf("%d records: %q", len(failures), failures),
				Why:  "the client cannot tell you what happened: nobody has told it"})
	}
	lateIsLoggedWhole(t)
}

// lateIsLoggedWhole looks at what is logged of values and ids that are longer, or spelt otherwise, than most.
func lateIsLoggedWhole(t *testing.T) {
	t.Helper()
	for _, value := range []string{"out of range\nwhile it counted the lamps", "100%d of the lamps",
		strings.Repeat("called from shop.go:7, ", 2000) + "and that is all"} {
		log := newLogbook()
		h := problem.Recover(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			panic(value)
		}), log.Logger)
		panics(func() { serve(h, request("R/7 of größe")) })
		failures := log.failures(t)
		expect.That(t, len(failures) == 1 && finds(failures[0], value, "urn:req:R/7 of größe"), expect.Message{
			Did: fmt.Sprintf("served a handler that sends the status 200 and then panics with %q, for the request "+
				"with the id \"R/7 of größe\", and read the log", short(value)),
			Want: "one record at the level Error, with the whole value and urn:req:R/7 of größe in its attributes",
			Got:  short(fmt.Sprintf("%d records: %q", len(failures), failures)),
			Why:  "it is logged as any other 5xx is; of this one the log is all that there is"})
	}
}

// panics runs f and returns what it panicked with, or nil.
func panics(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}

func TestAnAbortGoesOn(t *testing.T) {
	for _, begin := range []func(http.ResponseWriter){
		func(http.ResponseWriter) {},
		func(w http.ResponseWriter) { io.WriteString(w, "half of") },
	} {
		log := newLogbook()
		h := problem.Recover(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			begin(w)
			panic(http.ErrAbortHandler)
		}), log.Logger)
		w := httpwire.New()
		went := panics(func() { h.ServeHTTP(w.Writer(), request("r-6")) })
		expect.That(t, went == http.ErrAbortHandler && len(log.failures(t)) == 0 &&
			!strings.Contains(w.Body(), "{"), expect.Message{
			Did:  "served a handler that panics with http.ErrAbortHandler",
			Want: "that panic goes on, nothing is sent, and nothing is logged at the level Error",
			Got: fmt.Sprintf("panicked with %v; sent %d %q; logged %q", went, w.Status(), w.Body(),
				log.failures(t)),
			Why: "it is how a handler says that the connection is to be cut: a proxy whose upstream " +
				"has gone away, for instance. It is no mistake of the program",
		})
	}
}

func TestWhoDoesNotPanicIsLeftAlone(t *testing.T) {
	h := problem.Recover(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, "one")
		if err := http.NewResponseController(w).Flush(); err != nil {
			io.WriteString(w, err.Error())
		}
		io.WriteString(w, ", two")
	}), newLogbook().Logger)
	w := httpwire.New()
	h.ServeHTTP(w.Writer(), request("r-6"))
	expect.That(t, w.Status() == 202 && w.Flushed() && w.Body() == "one, two", expect.Message{
		Did:  "served a handler that answers 202, flushes in the middle and does not panic",
		Want: `202, "one, two", flushed in between`,
		Got:  fmt.Sprintf("%d, %q, flushed: %v", w.Status(), w.Body(), w.Flushed()),
		Why:  "a wrapper that hides what is below it turns a stream of events into one late answer",
	})
}

// TestOverAConnection has a real server between itself and the handlers.
func TestOverAConnection(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		log := newLogbook()
		mux := http.NewServeMux()
		mux.HandleFunc("/early", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "5000")
			w.Header().Set("Content-Encoding", "gzip")
			panic("early")
		})
		mux.HandleFunc("/late", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "half of")
			http.NewResponseController(w).Flush()
			panic("late")
		})
		h := problem.Recover(mux, log.Logger)
		server := &http.Server{ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
			Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				h.ServeHTTP(w, r.WithContext(problem.WithRequestID(r.Context(), "r-8")))
			})}
		client := memhttp.Run(t, server).Client()

		for i := range 2 {
			got, reused, err := get(t, client, "/early")
			did := "asked a server whose handler sets Content-Length: 5000 and Content-Encoding: gzip " +
				"and panics then"
			if i > 0 {
				did += ", once more on the same connection"
			}
			expect.That(t, err == nil && got.status == 500 && got.members()["status"] == 500.0,
				expect.Message{Did: did, Want: "a whole problem with the status 500",
					Got: fmt.Sprintf("%s, error: %v", got, err),
					Why: "what described the answer that was to be does not fit the one that is"})
			expect.That(t, reused == (i > 0), expect.Message{Did: did,
				Want: "the connection stays usable", Got: "a new connection was needed"})
		}
		got, _, err := get(t, client, "/late")
		expect.That(t, err != nil && got.body == "half of", expect.Message{
			Did:  `asked a server whose handler sends "half of" and panics then`,
			Want: `"half of", and an error when more is read`,
			Got:  fmt.Sprintf("%q, error: %v", got.body, err),
			Why:  "an answer that ends as if it were whole is believed",
		})
	})
}

// get makes a request, and says whether its connection had been used before.
func get(t *testing.T, c *http.Client, path string) (got answer, reused bool, err error) {
	t.Helper()
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { reused = info.Reused }})
	r, err := http.NewRequestWithContext(ctx, "GET", memhttp.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(r)
	if err != nil {
		return answer{}, reused, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(body)}, reused, err
}
