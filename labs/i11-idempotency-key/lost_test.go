package idempotency_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	idempotency "github.com/backend-labs/backend-labs/labs/i11-idempotency-key"
)

// attempt is one POST over a connection, on the client's lane of a picture.
func attempt(
	t *testing.T, tl *timeline.Timeline, client *http.Client, patience time.Duration,
) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, "POST", memhttp.URL+"/charges",
		strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-User", "ann")
	r.Header.Set("Idempotency-Key", key)
	call := tl.Begin("client", "POST")
	res, err := client.Do(r)
	if err == nil {
		defer res.Body.Close()
		var data []byte
		if data, err = io.ReadAll(res.Body); err == nil {
			got := answer{status: res.StatusCode, header: res.Header, body: string(data)}
			got.header.Del("Date")
			got.header.Del("Content-Length")
			got.step = call.End("%s", got.brief())
			return got
		}
	}
	if ctx.Err() != nil {
		return answer{step: call.End("gives up")}
	}
	return answer{step: call.End("connection cut")}
}

const whyOnce = "the client cannot know whether the card was charged, so it asks again: this is " +
	"the one situation that the header exists for"

func TestTheClientGivesUp(t *testing.T) {
	virtual(t, func(t *testing.T) {
		tl := timeline.New("client", "handler")
		s := &shop{takes: 300 * time.Millisecond, tl: tl}
		l := memhttp.Serve(t, guard(newMemory(), s))
		attempt(t, tl, l.Client(), 100*time.Millisecond)
		time.Sleep(900 * time.Millisecond)
		got := attempt(t, tl, l.Client(), time.Minute)
		did := "sent a POST and gave up after 100 ms, while the handler, which takes 300 ms, was at " +
			"work; sent it again 1 s after the first time"
		wantRuns(t, s, 1, expect.Message{Did: did, Picture: tl, Why: whyOnce})
		wantReplay(t, got, charge(1), expect.Message{Did: did, Picture: tl, Why: whyOnce})
		for _, gone := range departures {
			got, s := gone.again(t, 201)
			did := "sent a POST, for which the handler takes 300 ms and the store 50 ms for each call; the client " +
				gone.how + "; sent it again 1 s after the first time"
			wantRuns(t, s, 1, expect.Message{Did: did, Why: whyOnce})
			wantReplay(t, got, charge(1), expect.Message{Did: did, Why: whyOnce})
		}
		expect.Show(t, "a client gives up, and gets the answer with its second attempt", tl)
	})
}

// departures are ways in which a client goes away: its request's context ends then.
var departures = []departure{
	{"goes away while the handler is at work", 200 * time.Millisecond, false},
	{"goes away while the outcome is being stored", 375 * time.Millisecond, false},
	{"has no more time while the handler is at work", 200 * time.Millisecond, true},
	{"has no more time while the outcome is being stored", 375 * time.Millisecond, true},
}

type departure struct {
	how      string
	after    time.Duration
	deadline bool // the context has one; else it is cancelled
}

// again sends a request whose client goes away, and once more a second after the first time. The
// handler answers the first with that status.
func (d departure) again(t *testing.T, status int) (answer, *shop) {
	t.Helper()
	s := &shop{takes: 300 * time.Millisecond,
		answer: func(w http.ResponseWriter, r *http.Request, n int) {
			if n == 1 && status != http.StatusCreated {
				w.WriteHeader(status)
				return
			}
			charged(w, n)
		}}
	h := guard(slow{newMemory()}, s)
	ctx, cancel := context.WithCancel(t.Context())
	if d.deadline {
		ctx, cancel = context.WithTimeout(t.Context(), d.after)
	} else {
		time.AfterFunc(d.after, cancel)
	}
	defer cancel()
	begin := time.Now()
	ask(h, post().WithContext(ctx))
	time.Sleep(time.Until(begin.Add(time.Second)))
	return ask(h, post()), s
}

// slow is a Store each of whose calls takes 50 ms, and is given up when its context ends.
type slow struct{ *memory }

func (s slow) takes(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(50 * time.Millisecond):
		return nil
	}
}

func (s slow) Begin(
	ctx context.Context, key string, fp []byte, ttl time.Duration,
) (*idempotency.Record, error) {
	if err := s.takes(ctx); err != nil {
		return nil, err
	}
	return s.memory.Begin(ctx, key, fp, ttl)
}

func (s slow) Complete(
	ctx context.Context, key string, rec idempotency.Record, ttl time.Duration,
) error {
	if err := s.takes(ctx); err != nil {
		return err
	}
	return s.memory.Complete(ctx, key, rec, ttl)
}

func (s slow) Release(ctx context.Context, key string) error {
	if err := s.takes(ctx); err != nil {
		return err
	}
	return s.memory.Release(ctx, key)
}

func TestTheConnectionIsCut(t *testing.T) {
	large := strings.Repeat("0123456789abcdef", 1<<14)
	virtual(t, func(t *testing.T) {
		for _, tt := range []struct {
			what string
			body string
			read int
		}{
			{"before the first byte of the answer", `{"charge":1}`, 0},
			{"in the middle of an answer of 256 KiB, at which the handler stops writing", large, 10000},
		} {
			tl := timeline.New("client", "handler")
			s := &shop{takes: 100 * time.Millisecond, tl: tl,
				answer: func(w http.ResponseWriter, r *http.Request, n int) {
					w.Header().Set("Content-Type", "application/json")
					w.WriteHeader(http.StatusCreated)
					for rest := tt.body; rest != ""; {
						part := rest[:min(len(rest), 1000)]
						if _, err := io.WriteString(w, part); err != nil {
							return // as most handlers do
						}
						rest = rest[len(part):]
					}
				}}
			l := memhttp.Serve(t, guard(newMemory(), s))
			attempt(t, tl, l.Client(memhttp.CutAfter(tt.read)), time.Minute)
			time.Sleep(900 * time.Millisecond)
			got := attempt(t, tl, l.Client(), time.Minute)
			did := "sent a POST over a connection that is cut " + tt.what + "; sent it again 1 s later"
			wantRuns(t, s, 1, expect.Message{Did: did, Picture: tl, Why: whyOnce})
			wantReplay(t, got, answer{status: 201,
				header: http.Header{"Content-Type": {"application/json"}}, body: tt.body},
				expect.Message{Did: did, Picture: tl, Why: whyOnce})
			if tt.read == 0 {
				expect.Show(t, "an answer gets lost, and the second attempt gets it", tl)
			}
		}
	})
}

func TestAFailureThatNobodyWaitsFor(t *testing.T) {
	virtual(t, func(t *testing.T) {
		for _, gone := range departures {
			got, s := gone.again(t, 503)
			wantRun(t, s, got, 2, expect.Message{
				Did: "sent a POST, to which the handler answers 503 after 300 ms; the client " + gone.how +
					"; sent it again 1 s after the first time",
				Why: "nothing has been charged, and nobody is at work: with the key still taken, all " +
					"attempts fail for a minute"})
		}
		for _, status := range []int{503, 409, 0} {
			tl := timeline.New("client", "handler")
			s := &shop{takes: 300 * time.Millisecond, tl: tl,
				answer: func(w http.ResponseWriter, r *http.Request, n int) {
					switch {
					case n > 1:
						charged(w, n)
					case status == 0:
						panic(http.ErrAbortHandler)
					default:
						w.WriteHeader(status)
					}
				}}
			l := memhttp.Serve(t, guard(newMemory(), s))
			attempt(t, tl, l.Client(), 100*time.Millisecond)
			time.Sleep(900 * time.Millisecond)
			got := attempt(t, tl, l.Client(), time.Minute)
			outcome := fmt.Sprintf("answers %d", status)
			if status == 0 {
				outcome = "panics"
			}
			wantRun(t, s, got, 2, expect.Message{
				Did: "sent a POST and gave up after 100 ms; the handler " + outcome + " after 300 ms; " +
					"sent it again 1 s after the first time",
				Why: "nothing has been charged, and nobody is at work: with the key still taken, all " +
					"attempts fail for a minute", Picture: tl})
		}
	})
}
