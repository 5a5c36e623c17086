package versions_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	versions "github.com/backend-labs/backend-labs/labs/a14-api-versions"
)

// The versions of the shop, oldest first.
const y2024, y2025, y2026 = "2024-01-01", "2025-06-01", "2026-03-01"

var all = []string{y2024, y2025, y2026}

// reply is what a core answers with: 200 and application/json where nothing else is said.
type reply struct {
	status int
	media  string // "-" for none
	body   string
	header []string // names and values
}

// heard is a request as the core got it.
type heard struct {
	method, path string
	query, host  string
	who          any // what somebody in front of the gateway has put into the context
	header       http.Header
	body         string
	length       int64
}

// whoKey is under what somebody in front of the gateway puts into the context of a request who it is from.
type whoKey struct{}

// fake is a core that answers as it is told, and remembers what it was asked.
type fake struct {
	reply reply

	mu    sync.Mutex
	asked []heard
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	f.mu.Lock()
	f.asked = append(f.asked,
		heard{r.Method, r.URL.Path, r.URL.RawQuery, r.Host, r.Context().Value(whoKey{}), r.Header.Clone(),
			string(body), r.ContentLength})
	f.mu.Unlock()
	f.reply.send(w)
}

func (a reply) send(w http.ResponseWriter) {
	if a.media == "" {
		a.media = "application/json"
	}
	if a.media != "-" {
		w.Header().Set("Content-Type", a.media)
	}
	for i := 0; i+1 < len(a.header); i += 2 {
		w.Header().Add(a.header[i], a.header[i+1])
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	io.WriteString(w, a.body)
}

// take returns the last request, and forgets all.
func (f *fake) take() (last heard, n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n = len(f.asked); n > 0 {
		last = f.asked[n-1]
	}
	f.asked = nil
	return last, n
}

// nobody has been pinned to anything.
func nobody(*http.Request) string { return "" }

// byAccount pins by a header, which stands for whatever a real one looks up.
func byAccount(r *http.Request) string { return r.Header.Get("Account-Pinned-To") }

// shop is a gateway with the learner's changes, over a core that says this.
func shop(says reply) (*fake, http.Handler) {
	core := &fake{reply: says}
	return core, versions.NewGateway(core, all, versions.Changes(), nil, byAccount)
}

// rename is a change of one member's name, in whatever is an object.
func rename(version, route, older, newer string) versions.Change {
	move := func(from, to string) func(any) (any, error) {
		return func(body any) (any, error) {
			if o, ok := body.(map[string]any); ok {
				if v, there := o[from]; there {
					delete(o, from)
					o[to] = v
				}
			}
			return body, nil
		}
	}
	return versions.Change{Version: version, Route: route, Up: move(older, newer),
		Down: move(newer, older)}
}

// letters are changes by which the member of an object tells in which version it is: a, b or c.
func letters() []versions.Change {
	return []versions.Change{rename(y2025, "", "a", "b"), rename(y2026, "", "b", "c")}
}

var letterOf = map[string]string{y2024: "a", y2025: "b", y2026: "c"}

// alphabet is a gateway with those, over a core that says {"c":1}.
func alphabet(life map[string]versions.Lifecycle) (*fake, http.Handler) {
	core := &fake{reply: reply{body: `{"c":1}`}}
	return core, versions.NewGateway(core, all, letters(), life, byAccount)
}

// answer is what a client got.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string {
	return fmt.Sprintf("%d, %s: %s", a.status, a.header.Get("Content-Type"), short(a.body))
}

// short is the body for a message.
func short(body string) string {
	body = strings.TrimSpace(body)
	if len(body) > 300 {
		body = body[:300] + "…"
	}
	if body == "" {
		return "no body"
	}
	return body
}

// send sends a request, whose body is application/json unless the header says otherwise. An empty
// value is a header that is not sent.
func send(h http.Handler, method, path, body string, header ...string) answer {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Del(header[i])
		if header[i+1] != "" {
			r.Header.Set(header[i], header[i+1])
		}
	}
	w := httpwire.New()
	h.ServeHTTP(w.Writer(), r)
	got := answer{w.Status(), http.Header{}, w.Body()}
	for name, values := range w.Header() {
		for _, v := range values { // under the name that it has once it was sent
			got.header.Add(name, v)
		}
	}
	return got
}

// in is the header of a request in that version.
func in(version string) []string { return []string{"API-Version", version} }

// request is one for a message.
func request(method, path, body, version string) string {
	did := method + " " + path
	if body != "" {
		did += " " + short(body)
	}
	if version != "" {
		did += ", API-Version: " + version
	}
	return did
}

// wantAnswer demands the status and the JSON of an answer, and that its length is right.
func wantAnswer(t *testing.T, did string, got answer, status int, body, why string) {
	t.Helper()
	if got.status != status || !same(got.body, body) {
		expect.Fatal(t, expect.Message{Did: did, Want: fmt.Sprintf("%d: %s", status, short(body)),
			Got: got.String() + differ(body, got.body), Why: why})
	}
	wantLength(t, did, got)
}

// wantLength demands that Content-Length, where it is there, is that of the body.
func wantLength(t *testing.T, did string, got answer) {
	t.Helper()
	length := got.header.Values("Content-Length")
	expect.That(t, len(length) == 0 || slices.Equal(length, []string{strconv.Itoa(len(got.body))}),
		expect.Message{Did: did,
			Want: fmt.Sprintf("a Content-Length of %d, or none", len(got.body)),
			Got:  fmt.Sprintf("Content-Length: %q", length),
			Why: "the core has counted its own body; the client of a translated one waits for bytes " +
				"that never come, or misses the last ones"})
}

// wantProblem demands a problem with that status.
func wantProblem(t *testing.T, did string, got answer, status int, why string) {
	t.Helper()
	members, _ := value(got.body).(map[string]any)
	expect.That(t, got.status == status && got.header.Get("Content-Type") == "application/problem+json" &&
		fmt.Sprint(members["status"]) == fmt.Sprint(status), expect.Message{Did: did,
		Want: fmt.Sprintf("a %d problem", status), Got: got.String(), Why: why})
	wantLength(t, did, got)
}

// wantHeard demands what the core was asked, and that it was asked once.
func wantHeard(t *testing.T, did string, core *fake, body, why string) {
	t.Helper()
	h, n := core.take()
	if n != 1 || !same(h.body, body) {
		got := fmt.Sprintf("it was asked %d times", n)
		if n == 1 {
			got = short(h.body) + differ(body, h.body)
		}
		expect.Fatal(t, expect.Message{Did: did, Want: "the core is asked once, with " + short(body),
			Got: got, Why: why})
	}
	expect.That(t, h.length == int64(len(h.body)) || h.length == -1, expect.Message{Did: did,
		Want: fmt.Sprintf("the core's request has the ContentLength %d, or -1", len(h.body)),
		Got:  fmt.Sprint(h.length),
		Why: "the body has another length than the client has told; a core behind a proxy would be " +
			"sent half of it, or wait for the rest"})
}

// wantNotAsked demands that the core was not asked.
func wantNotAsked(t *testing.T, did string, core *fake, why string) {
	t.Helper()
	h, n := core.take()
	expect.That(t, n == 0, expect.Message{Did: did, Want: "the core is not asked",
		Got: fmt.Sprintf("it was asked %d times, with %s", n, short(h.body)), Why: why})
}

// value is the one JSON value that a text is, with numbers as they are written, or an error.
func value(text string) any {
	var v any
	d := json.NewDecoder(bytes.NewReader([]byte(text)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("something follows the value")
	}
	return v
}

// same reports whether two texts are the same bytes or the same JSON, numbers by their value.
func same(a, b string) bool {
	if a == b {
		return true
	}
	x, y := value(a), value(b)
	_, bad := x.(error)
	return !bad && equal(x, y)
}

func equal(x, y any) bool {
	switch x := x.(type) {
	case json.Number:
		y, ok := y.(json.Number)
		return ok && (x == y || sameNumber(string(x), string(y)))
	case []any:
		y, ok := y.([]any)
		return ok && slices.EqualFunc(x, y, equal)
	case map[string]any:
		y, ok := y.(map[string]any)
		return ok && maps.EqualFunc(x, y, equal)
	}
	return reflect.DeepEqual(x, y)
}

func sameNumber(a, b string) bool {
	x, ok := new(big.Rat).SetString(a)
	y, ok2 := new(big.Rat).SetString(b)
	return ok && ok2 && x.Cmp(y) == 0
}

// differ is in which lines two texts differ, where that is not easily seen.
func differ(want, got string) string {
	if len(want) < 60 || want == got {
		return ""
	}
	return "\nthat is (- wanted, + got):\n" + diff(pretty(want), pretty(got))
}

// text is a value as JSON.
func text(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(data)
}
