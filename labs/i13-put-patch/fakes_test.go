package docs_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	docs "github.com/backend-labs/backend-labs/labs/i13-put-patch"
)

// memory is a Store in memory.
type memory struct {
	wait  time.Duration             // what each call takes
	slow  map[string]time.Duration  // what it takes for this document beyond that
	hang  string                    // the method that takes 10 s
	calls int                       // that are running
	fault func(method string) error // what goes wrong, if it is not nil
	next  func(version int64) int64 // the version after this one, if it is not one more
	tl    *timeline.Timeline        // on which lane is in the context

	mu   sync.Mutex
	rows map[string]row
}

type row struct {
	doc     []byte
	version int64
}

// slowly makes each call for a document take so much longer.
func (m *memory) slowly(id string, wait time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.slow = map[string]time.Duration{id: wait}
}

// hangs makes each call of that method take 10 s.
func (m *memory) hangs(method string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hang = method
}

// running is how many calls have begun and not ended.
func (m *memory) running() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// lane is the key of a context's value: the client on whose lane the calls of the store are drawn.
type lane struct{}

// begin lets the time of a call pass.
func (m *memory) begin(ctx context.Context, method, id string) error {
	m.mu.Lock()
	wait := m.wait + m.slow[id]
	if method == m.hang {
		wait = 10 * time.Second
	}
	m.calls++
	m.mu.Unlock()
	if wait > 0 {
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	m.mu.Lock()
	m.calls--
	m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", method, id, err)
	}
	if m.fault != nil {
		return m.fault(method)
	}
	return nil
}

// draw records what a client got of the store.
func (m *memory) draw(ctx context.Context, format string, args ...any) {
	if name, ok := ctx.Value(lane{}).(string); ok && m.tl != nil {
		m.tl.Point(name, format, args...)
	}
}

func (m *memory) Get(ctx context.Context, id string) ([]byte, int64, error) {
	if err := m.begin(ctx, "get", id); err != nil {
		return nil, 0, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.rows[id]
	m.draw(ctx, "reads version %d", r.version)
	if !ok {
		return nil, 0, fmt.Errorf("get %s: %w", id, docs.ErrNotFound)
	}
	return slices.Clone(r.doc), r.version, nil
}

func (m *memory) CompareAndSwap(ctx context.Context, id string, version int64, doc []byte) error {
	if err := m.begin(ctx, "swap", id); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	is := m.rows[id].version
	if is != version {
		m.draw(ctx, "swap %d: conflict", version)
		return fmt.Errorf("swap %s: version %d, not %d: %w", id, is, version, docs.ErrConflict)
	}
	to := is + 1
	if m.next != nil {
		to = m.next(is)
	}
	m.rows[id] = row{slices.Clone(doc), to}
	m.draw(ctx, "swap %d: stored", version)
	if m.tl != nil {
		m.tl.Holds("document", "version %d", to)
	}
	return nil
}

// service is two handlers over one store, which take turns.
type service struct {
	store    *memory
	handlers [2]http.Handler
	mu       sync.Mutex
	turn     int
}

func open(wait time.Duration) *service {
	s := &service{store: &memory{wait: wait, rows: map[string]row{}}}
	for i := range s.handlers {
		s.handlers[i] = docs.NewDocs(s.store)
	}
	return s
}

func (s *service) handler() http.Handler {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn++
	return s.handlers[s.turn%2]
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string {
	text := strings.TrimSpace(a.body)
	if len(text) > 300 {
		text = text[:300] + "…"
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", a.status, text))
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

// is reports whether the status is one of these.
func (a answer) is(statuses ...int) bool { return slices.Contains(statuses, a.status) }

const mergePatch = "application/merge-patch+json"

// send lets one of the handlers answer. Headers are a name and a value each; a Content-Type that is
// not among them is the method's own.
func (s *service) send(ctx context.Context, method, id, body string, headers ...string) answer {
	r := httptest.NewRequestWithContext(ctx, method, "/docs/"+id, strings.NewReader(body))
	switch method {
	case "PUT":
		r.Header.Set("Content-Type", "application/json")
	case "PATCH":
		r.Header.Set("Content-Type", mergePatch)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Content-Type" {
			r.Header.Del("Content-Type")
		}
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httpwire.New()
	s.handler().ServeHTTP(w.Writer(), r)
	return answer{w.Status(), w.Header(), w.Body()}
}

func (s *service) put(id, body string, headers ...string) answer {
	return s.send(context.Background(), "PUT", id, body, headers...)
}

func (s *service) patch(id, body string, headers ...string) answer {
	return s.send(context.Background(), "PATCH", id, body, headers...)
}

func (s *service) get(id string) answer { return s.send(context.Background(), "GET", id, "") }

// begin puts a document that a check begins with.
func (s *service) begin(t *testing.T, id, body string) {
	t.Helper()
	got := s.put(id, body)
	expect.That(t, got.ok(), expect.Message{Did: "PUT " + body + " to a new document",
		Want: "201", Got: got.String()})
}

// members are those of a document but id and createdAt, as JSON in the order of their names.
func (s *service) members(id string) string {
	got := s.get(id)
	if got.status != http.StatusOK {
		return got.String()
	}
	m, ok := value(got.body).(map[string]any)
	if !ok {
		return "no JSON object: " + got.String()
	}
	delete(m, "id")
	delete(m, "createdAt")
	return text(m)
}

// want demands the members of a document.
func (s *service) want(t *testing.T, id, want, did, why string) {
	t.Helper()
	got := s.members(id)
	expect.That(t, got == canonical(want), expect.Message{Did: did,
		Want: "a document " + canonical(want), Got: got, Why: why})
}

// refused demands a status, and that the document is what it was.
func (s *service) refused(t *testing.T, method, id, body string, statuses []int, why string,
	headers ...string) answer {
	t.Helper()
	was := s.get(id)
	before := canonical(was.body)
	got := s.send(context.Background(), method, id, body, headers...)
	did := fmt.Sprintf("%s %s", method, quote(body))
	for i := 0; i < len(headers); i += 2 {
		did += fmt.Sprintf(", %s: %s", headers[i], headers[i+1])
	}
	want := strings.ReplaceAll(strings.Trim(fmt.Sprint(statuses), "[]"), " ", " or ")
	said := fmt.Sprintf("%d for %s", got.status, did)
	did += fmt.Sprintf("; the document: %s", strings.TrimSpace(before))
	expect.That(t, got.is(statuses...), expect.Message{Did: did, Want: want, Got: said, Why: why})
	is := s.get(id)
	after := canonical(is.body)
	expect.That(t, after == before, expect.Message{Did: did, Want: want + ", and the same document",
		Got: fmt.Sprintf("%d, and the document is %s", got.status, after),
		Why: "whoever is told that it did not work believes that nothing has happened"})
	tags := [2]string{was.header.Get("ETag"), is.header.Get("ETag")}
	expect.That(t, tags[0] == tags[1], expect.Message{Did: did,
		Want: want + ", and the same ETag " + tags[0], Got: "the ETag " + tags[1],
		Why: "nothing has changed; whoever has read the document may go on with its tag"})
	return got
}

func quote(body string) string {
	if body == "" {
		return "an empty body"
	}
	return body
}

// value is a JSON value with the text of its numbers, or what is wrong with it.
func value(data string) any {
	var v any
	d := json.NewDecoder(strings.NewReader(data))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return fmt.Errorf("no JSON: %q", data)
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("no JSON: %q", data)
	}
	return v
}

// text is a value as JSON with the members of objects in the order of their names.
func text(v any) string {
	if err, ok := v.(error); ok {
		return err.Error()
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(b.String())
}

func canonical(data string) string { return text(value(data)) }
