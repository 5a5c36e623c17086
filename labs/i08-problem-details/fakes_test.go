package problem_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	problem "github.com/backend-labs/backend-labs/labs/i08-problem-details"
)

// logbook keeps what is logged.
type logbook struct {
	*slog.Logger
	mu  sync.Mutex
	buf bytes.Buffer
}

func newLogbook() *logbook {
	b := &logbook{}
	b.Logger = slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
	return b
}

func (b *logbook) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

// failures are the records at the level Error, each as the values of its attributes, and those at another level above
// Info and Warn as the name of that level.
func (b *logbook) failures(t *testing.T) (all [][]string) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for line := range bytes.Lines(b.buf.Bytes()) {
		var record map[string]any
		if err := json.Unmarshal(line, &record); err != nil {
			t.Fatal(err)
		}
		level := fmt.Sprint(record["level"])
		if name, _, _ := strings.Cut(level, "+"); name == "DEBUG" || name == "INFO" || name == "WARN" {
			continue
		}
		if level != "ERROR" {
			all = append(all, []string{"at the level " + level})
			continue
		}
		for _, key := range []string{"time", "level", "msg"} {
			delete(record, key)
		}
		all = append(all, values(record))
	}
	return all
}

// values are those of a record, in groups, too, in the order of their keys.
func values(record map[string]any) (all []string) {
	for _, key := range slices.Sorted(maps.Keys(record)) {
		if group, ok := record[key].(map[string]any); ok {
			all = append(all, values(group)...)
		} else {
			all = append(all, fmt.Sprint(record[key]))
		}
	}
	return all
}

// finds reports whether a record has each of these texts in one of its values.
func finds(record []string, texts ...string) bool {
	for _, text := range texts {
		if !slices.ContainsFunc(record, func(v string) bool { return strings.Contains(v, text) }) {
			return false
		}
	}
	return true
}

// request is one with an id.
func request(id string) *http.Request {
	r := httptest.NewRequest("POST", "/orders", nil)
	return r.WithContext(problem.WithRequestID(r.Context(), id))
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string {
	return fmt.Sprintf("%d, %s: %s", a.status, a.header.Get("Content-Type"), strings.TrimSpace(a.body))
}

// members are those of the body, if that is one JSON object.
func (a answer) members() map[string]any {
	var m map[string]any
	if json.Unmarshal([]byte(a.body), &m) != nil {
		return nil
	}
	return m
}

// write calls Write for the request with that id, into headers that may be set before, each as often as it is named.
func write(err error, id string, log *logbook, set ...string) answer {
	w := httpwire.New()
	for i := 0; i+1 < len(set); i += 2 {
		w.Writer().Header().Add(set[i], set[i+1])
	}
	problem.Write(w.Writer(), request(id), err, log.Logger)
	return answer{w.Status(), w.Header(), w.Body()}
}

// wantMember demands a member of an answer, or that it is absent.
func wantMember(t *testing.T, did string, got answer, name string, want any, why string) {
	t.Helper()
	value, there := got.members()[name]
	text := "no member " + name
	if want != nil {
		text = fmt.Sprintf("a member %s: %s", name, asJSON(want))
	}
	expect.That(t, there == (want != nil) && asJSON(value) == asJSON(want), expect.Message{
		Did: did, Want: text, Got: got.String(), Why: why})
}

// asJSON is a value as JSON, with the members of objects in the order of their names.
func asJSON(v any) string {
	data, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(data, &v)
	}
	if err == nil {
		data, err = json.Marshal(v)
	}
	if err != nil {
		return err.Error()
	}
	return string(data)
}

// serve lets a handler answer a request.
func serve(h http.Handler, r *http.Request) answer {
	w := httpwire.New()
	h.ServeHTTP(w.Writer(), r)
	return answer{w.Status(), w.Header(), w.Body()}
}
