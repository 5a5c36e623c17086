package docs_test

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	docs "github.com/backend-labs/backend-labs/labs/i17-status-2xx"
)

// store is a docs.Store in memory. It trims texts, so that what is stored is not what was sent.
type store struct {
	mu      sync.Mutex
	all     map[string]docs.Doc
	last    int
	exports int
	ended   int           // exports that were stopped before they were done
	takes   time.Duration // an export
	result  string        // of an export, or ""
	id      string        // of what is created, or ""
	fails   error         // what each method but Export says
	lost    error         // what Get says
	created bool          // what Put has said
	arrives bool          // a document arrives as soon as Get has said that it is not there
	tl      *timeline.Timeline
}

func newStore(all ...docs.Doc) *store {
	s := &store{all: map[string]docs.Doc{}, takes: 5 * time.Second}
	for _, d := range all {
		s.all[d.ID] = d
	}
	return s
}

func (s *store) Create(ctx context.Context, d docs.Doc) (docs.Doc, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return docs.Doc{}, s.fails
	}
	for _, there := range s.all {
		if there.Slug == d.Slug {
			return there, fmt.Errorf("insert: %w", docs.ErrExists)
		}
	}
	s.last++
	d.ID, d.Text = cmp.Or(s.id, fmt.Sprint("n", s.last)), strings.TrimSpace(d.Text)
	s.all[d.ID] = d
	return d, nil
}

func (s *store) Get(ctx context.Context, id string) (docs.Doc, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := cmp.Or(s.fails, s.lost); err != nil {
		return docs.Doc{}, err
	}
	d, ok := s.all[id]
	if !ok {
		if s.arrives {
			s.all[id] = docs.Doc{ID: id, Slug: "chair", Text: "it arrives"}
		}
		return d, fmt.Errorf("select: %w", docs.ErrNotFound)
	}
	return d, nil
}

func (s *store) Put(ctx context.Context, d docs.Doc) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return false, s.fails
	}
	_, there := s.all[d.ID]
	s.created = !there
	d.Text = strings.TrimSpace(d.Text)
	s.all[d.ID] = d
	return !there, nil
}

func (s *store) Delete(ctx context.Context, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return s.fails
	}
	if _, there := s.all[id]; !there {
		return fmt.Errorf("delete: %w", docs.ErrNotFound)
	}
	delete(s.all, id)
	return nil
}

func (s *store) Search(ctx context.Context, text string) (found []docs.Doc, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fails != nil {
		return nil, s.fails
	}
	for _, id := range slices.Sorted(maps.Keys(s.all)) {
		if strings.Contains(s.all[id].Text, text) {
			found = append(found, s.all[id])
		}
	}
	return found, nil
}

// Export takes 5 s, unless it is said otherwise.
func (s *store) Export(ctx context.Context) (json.RawMessage, error) {
	s.mu.Lock()
	s.exports++
	n := s.exports
	s.mu.Unlock()
	run := s.tl.Begin("export", "number %d", n)
	select {
	case <-time.After(s.takes):
		run.End("done")
		return json.RawMessage(cmp.Or(s.result, fmt.Sprintf(`[{"export":%d}]`, n))), nil
	case <-ctx.Done():
		run.End("stopped").Breaks()
		s.mu.Lock()
		s.ended++
		s.mu.Unlock()
		return nil, ctx.Err()
	}
}

func (s *store) started() (exports, ended int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exports, s.ended
}

func (s *store) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.all)
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string {
	text := fmt.Sprintf("%d %s", a.status, strings.TrimSpace(a.body))
	if strings.TrimSpace(a.body) == "" {
		text = fmt.Sprintf("%d, %d bytes of body", a.status, len(a.body))
	}
	for _, name := range []string{"Content-Type", "Content-Length", "Location", "ETag"} {
		if v := a.header.Values(name); len(v) > 0 {
			text += fmt.Sprintf(", %s: %s", name, strings.Join(v, " and "))
		}
	}
	return text
}

// wire is a connection as a handler sees it: headers count as they are when the status is given.
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

// reply calls Reply, with headers that somebody has set before.
func reply(o docs.Outcome, set ...string) answer {
	w := &wire{header: http.Header{}}
	for i := 0; i+1 < len(set); i += 2 {
		w.header.Set(set[i], set[i+1])
	}
	docs.Reply(w, httptest.NewRequest("POST", "/", nil), o)
	w.WriteHeader(http.StatusOK)
	w.got.body = w.body.String()
	return w.got
}

// ask sends a request to a handler.
func ask(h http.Handler, method, path, body string) answer {
	w := &wire{header: http.Header{}}
	h.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
	w.WriteHeader(http.StatusOK)
	w.got.body = w.body.String()
	return w.got
}

// where is the path that a Location leads to from a path, or "".
func where(t *testing.T, from string, a answer) string {
	t.Helper()
	base, err := url.Parse("http://example.com" + from)
	if err != nil {
		t.Fatal(err)
	}
	values := a.header.Values("Location")
	if len(values) != 1 || values[0] == "" {
		return ""
	}
	to, err := base.Parse(values[0])
	if err != nil {
		return ""
	}
	return to.RequestURI()
}

// sameJSON reports whether two texts are the same JSON value.
func sameJSON(a, b string) bool {
	one, err := value(a)
	two, err2 := value(b)
	return err == nil && err2 == nil && reflect.DeepEqual(one, two)
}

// value is the one JSON value of a text, with its numbers as they are written.
func value(text string) (v any, err error) {
	if !json.Valid([]byte(text)) {
		return nil, errors.New("no JSON value")
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	err = d.Decode(&v)
	return v, err
}

func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// wantJSON demands a status, a JSON body and its type.
func wantJSON(t *testing.T, got answer, status int, body string, m expect.Message) {
	t.Helper()
	m.Want = fmt.Sprintf("%d, Content-Type: application/json, and %s", status, body)
	m.Got = got.String()
	expect.That(t, got.status == status && sameJSON(got.body, body) && slices.Equal(
		got.header.Values("Content-Type"), []string{"application/json"}), m)
}

// wantNothing demands a 204 without anything.
func wantNothing(t *testing.T, got answer, m expect.Message) {
	t.Helper()
	m.Want = "204, no body, no Content-Type, no Content-Length"
	m.Got = got.String()
	expect.That(t, got.status == 204 && got.body == "" && len(got.header["Content-Type"]) == 0 &&
		len(got.header["Content-Length"]) == 0, m)
}

// wantStatus demands one of these.
func wantStatus(t *testing.T, got answer, m expect.Message, status ...int) {
	t.Helper()
	m.Want = strings.Trim(strings.ReplaceAll(fmt.Sprint(status), " ", " or "), "[]")
	m.Got = got.String()
	expect.That(t, slices.Contains(status, got.status), m)
}

// response is an answer as a client of net/http gets it. closed tells whether its body was closed.
func response(status int, body string) (res *http.Response, closed func() bool) {
	b := &closer{Reader: strings.NewReader(body)}
	return &http.Response{StatusCode: status, Body: b, Header: http.Header{},
		ContentLength: int64(len(body))}, func() bool { return b.closed }
}

type closer struct {
	io.Reader
	closed bool
}

func (c *closer) Close() error {
	c.closed = true
	return nil
}
