package idempotency_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	idempotency "github.com/backend-labs/backend-labs/labs/i11-idempotency-key"
)

// memory is a Store in memory: it keeps and returns the very values that it is given.
type memory struct {
	mu      sync.Mutex
	entries map[string]entry
}

type entry struct {
	rec   *idempotency.Record
	until time.Time
}

func newMemory() *memory { return &memory{entries: map[string]entry{}} }

func (m *memory) Begin(
	ctx context.Context, key string, fp []byte, ttl time.Duration,
) (*idempotency.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	runtime.Gosched() // others come at the same moment
	defer runtime.Gosched()
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.entries[key]; ok && time.Now().Before(e.until) {
		return e.rec, nil
	}
	m.entries[key] = entry{&idempotency.Record{Fingerprint: fp}, time.Now().Add(ttl)}
	return nil, nil
}

func (m *memory) Complete(
	ctx context.Context, key string, rec idempotency.Record, ttl time.Duration,
) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries[key] = entry{&rec, time.Now().Add(ttl)}
	return nil
}

func (m *memory) Release(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, key)
	return nil
}

// flaky is a Store some of whose methods may fail: nothing arrives then.
type flaky struct {
	idempotency.Store
	begin, complete, release error
	hangs                    bool // Begin does, until its context ends or an hour is over
}

var errStore = errors.New("dial tcp 10.1.2.3:6379: connection refused")

func (f *flaky) Begin(
	ctx context.Context, key string, fp []byte, ttl time.Duration,
) (*idempotency.Record, error) {
	if f.hangs {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Hour):
			return nil, errStore
		}
	}
	if f.begin != nil {
		return nil, f.begin
	}
	return f.Store.Begin(ctx, key, fp, ttl)
}

func (f *flaky) Complete(
	ctx context.Context, key string, rec idempotency.Record, ttl time.Duration,
) error {
	if f.complete != nil {
		return f.complete
	}
	return f.Store.Complete(ctx, key, rec, ttl)
}

func (f *flaky) Release(ctx context.Context, key string) error {
	if f.release != nil {
		return f.release
	}
	return f.Store.Release(ctx, key)
}

// shop is a handler that counts how often it has charged a card, and draws it.
type shop struct {
	takes  time.Duration
	answer func(w http.ResponseWriter, r *http.Request, n int) // nil: charged
	tl     *timeline.Timeline                                  // may be nil

	mu   sync.Mutex
	runs []timeline.Recorded
}

func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n := len(s.runs) + 1
	run := s.tl.Begin("handler", "charge %d", n)
	s.runs = append(s.runs, run)
	s.mu.Unlock()
	time.Sleep(s.takes)
	defer run.End("")
	if s.answer != nil {
		s.answer(w, r, n)
		return
	}
	charged(w, n)
}

// charged answers with the n-th charge.
func charged(w http.ResponseWriter, n int) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Location", fmt.Sprint("/charges/", n))
	w.WriteHeader(http.StatusCreated)
	io.WriteString(w, fmt.Sprintf(`{"charge":%d}`, n))
}

func (s *shop) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.runs)
}

// marks marks the run that should not have been, if there is one: the first after so many.
func (s *shop) marks(allowed int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.runs) > allowed {
		s.runs[allowed].Breaks()
	}
}

// user says who asks.
func user(r *http.Request) string { return r.Header.Get("X-User") }

// guard is the middleware of one instance round a handler, with required keys.
func guard(s idempotency.Store, h http.Handler) http.Handler {
	return idempotency.Idempotent(s, user, true)(h)
}

// request is ann's, to /charges; without a key where that is "".
func request(method, key, body string) *http.Request {
	r := httptest.NewRequest(method, "/charges", strings.NewReader(body))
	r.Header.Set("X-User", "ann")
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	return r
}

const (
	key  = "8e03978e-40d5"
	body = `{"cents":4200}`
)

func post() *http.Request { return request("POST", key, body) }

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
	step   timeline.Recorded // when it came, in a picture
}

func (a answer) String() string {
	if a.status == 0 {
		return "no answer"
	}
	text := fmt.Sprintf("%d %s", a.status, shorten(a.body))
	for _, name := range slices.Sorted(maps.Keys(a.header)) {
		if name != "Content-Length" {
			text += fmt.Sprintf(", %s: %s", name, strings.Join(a.header[name], " and "))
		}
	}
	return text
}

func shorten(s string) string {
	if s = strings.TrimSpace(s); len(s) > 60 {
		return fmt.Sprintf("%.40s… (%d bytes)", s, len(s))
	}
	return s
}

// wire is a connection as a handler sees it: headers count as they are at the first final status.
type wire struct {
	header http.Header
	got    answer
	body   bytes.Buffer
}

func (w *wire) Header() http.Header { return w.header }

func (w *wire) WriteHeader(status int) {
	if w.got.status == 0 && status >= 200 {
		w.got.status, w.got.header = status, w.header.Clone()
	}
}

func (w *wire) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

// ask lets a handler answer a request. Where its client has gone meanwhile, there is no answer.
func ask(h http.Handler, r *http.Request) answer {
	w := &wire{header: http.Header{}}
	h.ServeHTTP(w, r)
	if w.got.status == 0 && r.Context().Err() != nil {
		return answer{}
	}
	w.WriteHeader(http.StatusOK)
	w.got.body = w.body.String()
	return w.got
}

// asks is ask for a client with little patience, on its lane of a picture.
func asks(
	tl *timeline.Timeline, lane string, h http.Handler, r *http.Request, patience time.Duration,
) answer {
	ctx, cancel := context.WithTimeout(r.Context(), patience)
	defer cancel()
	call := tl.Begin(lane, "%s", r.Method)
	got := ask(h, r.WithContext(ctx))
	if got.status == 0 {
		got.step = call.End("gives up")
	} else {
		got.step = call.End("%s", got.brief())
	}
	return got
}

// brief is an answer for a picture.
func (a answer) brief() string {
	if a.status == 0 {
		return "nothing"
	}
	if a.header.Get("Idempotency-Replayed") != "" {
		return fmt.Sprint(a.status, " replayed")
	}
	return fmt.Sprint(a.status)
}

// virtual runs a check in virtual time.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.Run(t, f)
}

// read is all that is in a reader, for handlers.
func read(r io.Reader) string {
	data, err := io.ReadAll(r)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
