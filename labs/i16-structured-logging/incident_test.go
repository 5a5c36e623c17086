package jsonlog_test

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	jsonlog "github.com/backend-labs/backend-labs/labs/i16-structured-logging"
)

// TestAnIncident writes two thousand lines and asks them what a person on duty would ask. It knows
// no more than what stands in them.
func TestAnIncident(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		const requests, bad = 500, 377
		o := &out{}
		l := slog.New(jsonlog.NewHandler(o, jsonlog.Options{Redact: []string{"card"}}))
		h := jsonlog.Middleware(l)(shop{l, bad})
		var wg sync.WaitGroup
		for i := range requests {
			wg.Go(func() {
				r := request(fmt.Sprintf("r-%04d", i*7919%10_000), fmt.Sprintf("/pay?n=%d", i))
				h.ServeHTTP(&quiet{header: http.Header{}}, r)
			})
		}
		wg.Wait()
		lines, err := read(o.text())
		expect.NoError(t, err, expect.Message{Did: "read the log of 500 requests", Want: "lines of JSON"})
		investigate(t, lines, fmt.Sprintf("r-%04d", bad*7919%10_000), fmt.Sprint("user-", bad))
	})
}

// shop is a handler that writes three lines for each request. One fails.
type shop struct {
	log *slog.Logger
	bad int
}

func (s shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := 0
	fmt.Sscan(r.URL.Query().Get("n"), &n)
	log := s.log.With("user", fmt.Sprint("user-", n))
	log.InfoContext(r.Context(), "begin", "form", map[string]any{"card": "4711", "n": n})
	time.Sleep(time.Duration(50+n%100) * time.Millisecond)
	if n == s.bad {
		time.Sleep(10 * time.Second)
		log.ErrorContext(r.Context(), "charge", "error", errors.New("the bank\ndoes not answer"))
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	log.InfoContext(r.Context(), "charge")
	log.InfoContext(r.Context(), "end")
	io.WriteString(w, "paid")
}

// investigate finds the request that failed, its user, and how slow the others were.
func investigate(t *testing.T, lines []line, id, user string) {
	t.Helper()
	failed, users := map[any]bool{}, map[any]bool{}
	var took []float64
	for _, l := range lines {
		status := number(l.at("status"))
		switch {
		case status >= 500:
			failed[l.at("request_id")] = true
		case status > 0:
			took = append(took, number(l.at("dur_ms")))
		}
	}
	for _, l := range lines {
		if failed[l.at("request_id")] && l.at("user") != nil {
			users[l.at("user")] = true
		}
	}
	slices.Sort(took)
	did := fmt.Sprintf("asked a log of %d lines, of 500 requests at the same time", len(lines))
	expect.That(t, len(failed) == 1 && failed[id], expect.Message{Did: did + ", which request failed",
		Want: id, Got: fmt.Sprint(failed), Why: "status and request_id of the line of each request say so"})
	expect.That(t, len(users) == 1 && users[user], expect.Message{
		Did: did + ", whose request it was that failed", Want: user, Got: fmt.Sprint(users),
		Why: "the user stands in the lines of the handler; what joins them to that of the request is the id"})
	expect.That(t, len(took) == 499 && took[249] > 98 && took[249] < 101, expect.Message{
		Did:  did + ", how long the others took: the median",
		Want: "about 99 ms of 499 requests", Got: fmt.Sprintf("of %d requests: %v", len(took), took),
		Why: "if the others are as fast as ever, it is not the service that is sick"})
}

// number is a value as a number, or 0.
func number(v any) (f float64) {
	fmt.Sscan(fmt.Sprint(v), &f)
	return f
}
