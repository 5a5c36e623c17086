package health_test

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	health "github.com/backend-labs/backend-labs/labs/b14-health-endpoint"
)

func critical(name string, err error) health.Check {
	return health.Check{Name: name, Critical: true, Timeout: ample,
		Func: func(context.Context) error { return err }}
}

func optional(name string, err error) health.Check {
	return health.Check{Name: name, Timeout: ample,
		Func: func(context.Context) error { return err }}
}

// hang returns a check that ignores its context and does not return before the end of the test.
func hang(t *testing.T) func(context.Context) error {
	end := make(chan struct{})
	t.Cleanup(func() { close(end) })
	return func(context.Context) error { <-end; return nil }
}

// answer is what a prober got.
type answer struct {
	code   int
	header http.Header
	body   string
	took   time.Duration
	broken string // no answer at all: why
}

func (a answer) String() string {
	if a.broken != "" {
		return "no answer: " + a.broken
	}
	return fmt.Sprintf("%d %s with the body %s", a.code, http.StatusText(a.code),
		strings.TrimSpace(a.body))
}

// patience is how long a prober waits.
const patience = 10 * time.Second

// probe asks once, without a network.
func probe(t *testing.T, h http.Handler, method string) answer {
	t.Helper()
	got := make(chan answer, 1)
	go func() { got <- serve(t, h, httptest.NewRequest(method, "/healthz", nil)) }()
	return receive(t, got)
}

func receive(t *testing.T, from <-chan answer) answer {
	t.Helper()
	select {
	case a := <-from:
		return a
	case <-time.After(patience):
		return answer{broken: fmt.Sprintf("the prober gave up after %v", patience), took: patience}
	}
}

func serve(t *testing.T, h http.Handler, r *http.Request) (a answer) {
	if h == nil {
		return answer{broken: "NewHealth returned nil"}
	}
	w := httpwire.New()
	begin := time.Now()
	defer func() {
		a = answer{code: w.Status(), header: w.Header(), body: w.Body(), took: time.Since(begin)}
		if p := recover(); p != nil {
			a = answer{broken: fmt.Sprintf("the handler panicked: %v", p)}
		}
	}()
	h.ServeHTTP(w.Writer(), r)
	return a
}

// wantAnswer demands this code, and JSON with this status and these checks.
func wantAnswer(t *testing.T, did string, a answer, code int, status string,
	checks map[string]string, why string) {
	t.Helper()
	names, _ := json.Marshal(checks)
	m := expect.Message{
		Did:  did,
		Want: fmt.Sprintf("%d, the status %q, and for the checks %s", code, status, names),
		Got:  a.String(),
		Why:  why,
	}
	if len(checks) == 0 {
		m.Want = fmt.Sprintf("%d and the status %q", code, status)
	}
	expect.That(t, a.broken == "" && a.code == code, m)
	cached := strings.ToLower(strings.Join(a.header.Values("Cache-Control"), ","))
	expect.That(t, strings.Contains(cached, "no-store"), expect.Message{
		Did:  did,
		Want: "the header Cache-Control: no-store",
		Got:  fmt.Sprintf("Cache-Control: %q", cached),
		Why: "a proxy on the way may keep the answer, and go on saying that an instance is well " +
			"when it has long been dead",
	})

	var body map[string]any
	err := json.Unmarshal([]byte(a.body), &body)
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	expect.That(t, err == nil && kind == "application/json", expect.Message{
		Did:  did,
		Want: "a JSON object with the Content-Type application/json",
		Got:  fmt.Sprintf("%s with the Content-Type %q", a, a.header.Get("Content-Type")),
		Why:  "people and dashboards read the body to find out what is broken",
	})
	expect.That(t, body["status"] == status, m)
	all, _ := body["checks"].(map[string]any)
	for name, want := range checks {
		one, _ := all[name].(map[string]any)
		expect.That(t, one["status"] == want, m)
	}
	expect.That(t, len(all) == len(checks), m)
}
