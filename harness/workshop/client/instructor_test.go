package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/client"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// asked notes what a server is asked: busy at first, and then with an answer.
type asked struct {
	mu    sync.Mutex
	calls []string
}

func (a *asked) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.calls = append(a.calls, strings.TrimSpace(fmt.Sprintf("%s %s %s", r.Method, r.URL.EscapedPath(), body)))
	if len(a.calls) == 1 {
		answer(w, http.StatusServiceUnavailable, wire.Error{Text: "busy", Code: "busy", RetryAfter: 1})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// only is the error of what gives more.
func only[T any](_ T, err error) error { return err }

// TestClient_instructor asks for each thing at its own place, a second time only where that does no harm.
func TestClient_instructor(t *testing.T) {
	t.Parallel()
	type C = client.Client
	ctx := t.Context()
	title, open := "Tuesday", true
	for _, tt := range []struct {
		want  string
		again bool
		ask   func(*C) error
	}{
		{"GET /api/v1/hello", true, func(c *C) error { return only(c.Hello(ctx)) }},
		{`POST /api/v1/rejoin {"code":"CODE","recovery":"word"}`, false,
			func(c *C) error { return only(c.Rejoin(ctx, "CODE", "word")) }},
		{"GET /api/v1/room", true, func(c *C) error { return only(c.Room(ctx)) }},
		{`PATCH /api/v1/room {"title":"Tuesday"}`, true,
			func(c *C) error { return only(c.ChangeRoom(ctx, wire.RoomChange{Title: &title})) }},
		{`PATCH /api/v1/room/labs/b01%2Fx {"open":true}`, true,
			func(c *C) error { return only(c.ChangeLab(ctx, "b01/x", wire.LabChange{Open: &open})) }},
		{`POST /api/v1/room/messages {"text":"lunch"}`, false, func(c *C) error { return c.Say(ctx, "lunch") }},
		{"DELETE /api/v1/room/hands/7", false, func(c *C) error { return c.Answered(ctx, 7) }},
		{"DELETE /api/v1/room/participants/7", false, func(c *C) error { return c.Remove(ctx, 7) }},
		{`PUT /api/v1/room/submissions/7/override {"points":2,"reason":"late"}`, true,
			func(c *C) error { return c.Override(ctx, 7, &wire.Override{Points: 2, Reason: "late"}) }},
		{"DELETE /api/v1/room/submissions/7/override", false, func(c *C) error { return c.Override(ctx, 7, nil) }},
		{`POST /api/v1/room/regrades {"lab":"B01","reason":"mended"}`, false,
			func(c *C) error { return only(c.Regrade(ctx, wire.Regrade{Lab: "B01", Reason: "mended"})) }},
		{"GET /api/v1/room/regrades/7", true, func(c *C) error { return only(c.RegradeOf(ctx, 7)) }},
		{"POST /api/v1/room/regrades/7/apply", false, func(c *C) error { return c.Decide(ctx, 7, true) }},
		{"POST /api/v1/room/regrades/7/drop", false, func(c *C) error { return c.Decide(ctx, 7, false) }},
		{"POST /api/v1/room/end", false, func(c *C) error { return c.End(ctx) }},
		{"GET /api/v1/room/audit", true, func(c *C) error { return only(c.Audit(ctx)) }},
		{"GET /api/v1/room/standings", true, func(c *C) error { return only(c.Standings(ctx)) }},
		{"GET /api/v1/room/archive", false, func(c *C) error { return c.Archive(ctx, io.Discard) }},
		{"GET /api/v1/room/export/canvas", false, func(c *C) error { return c.Export(ctx, "canvas", io.Discard) }},
	} {
		t.Run(tt.want, func(t *testing.T) {
			t.Parallel()
			var a asked
			err := tt.ask(serve(t, a.ServeHTTP))
			want := []string{tt.want}
			if tt.again {
				want = append(want, tt.want)
			}
			if !slices.Equal(a.calls, want) {
				t.Errorf("got the calls %q, want %q", a.calls, want)
			}
			if (err == nil) != tt.again {
				t.Errorf("got the error %v, want one unless it is asked again", err)
			}
		})
	}
}

// TestClient_Export writes what the server has, and says so where that breaks off.
func TestClient_Export(t *testing.T) {
	t.Parallel()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/archive") {
			w.Header().Set("Content-Length", "100")
		}
		fmt.Fprint(w, "name,points\n")
	})
	var out strings.Builder
	if err := c.Export(t.Context(), "csv", &out); err != nil || out.String() != "name,points\n" {
		t.Errorf("got %q and the error %v, want what the server has", &out, err)
	}
	err := c.Archive(t.Context(), io.Discard)
	gone, ok := errors.AsType[*client.Unreachable](err)
	if !ok || gone.Base != c.Base() || gone.Reason != "unexpected EOF" || gone.Hint() == "" {
		t.Errorf("got the error %v, want that the answer has broken off", err)
	}
}

// TestClient_strange says which answers are no workshop's.
func TestClient_strange(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status     int
		kind, body string
		want       string
	}{
		"no words":       {http.StatusBadGateway, "application/json", "{}", "as no workshop does: 502 Bad Gateway"},
		"a page":         {http.StatusForbidden, "text/html; charset=utf-8", "<p>", "or is there a proxy in between?"},
		"something else": {http.StatusOK, "application/json", "[1]", "cannot unmarshal array"},
		"nothing at all": {http.StatusOK, "application/json", "", "200 OK, EOF"},
		"somewhere else": {http.StatusNotModified, "", "", "304 Not Modified"},
		"another server": {http.StatusNotFound, "text/plain", "404 page not found", "404 Not Found"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", tt.kind)
				w.WriteHeader(tt.status)
				fmt.Fprint(w, tt.body)
			})
			_, err := c.Join(t.Context(), "CODE", "Ada")
			if _, ok := errors.AsType[*client.Unreachable](err); !ok || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got the error %v, want one that has %q", err, tt.want)
			}
		})
	}
}

// TestClient_cancelled asks nothing again of which nobody wants to know any more.
func TestClient_cancelled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls++
		cancel()
		answer(w, http.StatusServiceUnavailable, wire.Error{Text: "busy", Code: "busy", RetryAfter: 1})
	})
	if _, err := c.Me(ctx); err == nil || calls != 1 {
		t.Errorf("got the error %v after %d calls, want one call", err, calls)
	}
	if _, err := c.Follow(ctx, 7, nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got the error %v of what is followed, want that of the context", err)
	}
}

// TestPlace_Waiting counts what is to be sent; what cannot be read goes with the others, and what is from the future
// has no age.
func TestPlace_Waiting(t *testing.T) {
	t.Parallel()
	p, dir := place(t, serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Count(string(body), `"lab":"B01"`) != 1 || !strings.Contains(string(body), `"age_ms":0`) {
			t.Errorf("got %s, want one report of B01 without an age", body)
		}
		w.WriteHeader(http.StatusNoContent)
	}).Base())
	if n := p.Waiting(); n != 0 {
		t.Errorf("got %d reports of a place that is new, want none", n)
	}
	now := time.Now()
	if err := p.Note(run.Result{Lab: "B01"}, now.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"0-broken.json", "other.txt"} {
		if err := os.WriteFile(filepath.Join(dir, "reports", name), []byte("{"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if n := p.Waiting(); n != 2 {
		t.Errorf("got %d reports, want the one and the broken one", n)
	}
	if left, err := p.Send(t.Context(), now); left != 0 || err != nil || p.Waiting() != 0 {
		t.Errorf("got %d left, %d waiting and the error %v, want none", left, p.Waiting(), err)
	}
	if _, err := os.Stat(filepath.Join(dir, "reports", "other.txt")); err != nil {
		t.Errorf("got %v, want that what is no report stays", err)
	}
}

// TestPlace_Send_nowhere keeps what waits where there is no server, or no address of one.
func TestPlace_Send_nowhere(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"http://127.0.0.1:1", "nowhere"} {
		p, _ := place(t, url)
		if err := p.Note(run.Result{Lab: "B01"}, time.Now()); err != nil {
			t.Fatal(err)
		}
		if left, err := p.Send(t.Context(), time.Now()); left != 1 || err == nil || p.Waiting() != 1 {
			t.Errorf("%s: got %d left and the error %v, want that it waits", url, left, err)
		}
	}
}

// TestKeptDesk_broken names the file that cannot be read.
func TestKeptDesk_broken(t *testing.T) {
	config := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", config)
	if err := (client.Desk{}).Keep(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(config, "backend-labs", "workshop.json")
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Fatalf("got %v and the error %v, want a file for its owner alone", st, err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := client.KeptDesk(); err == nil || !strings.HasPrefix(err.Error(), "read "+file+": ") {
		t.Errorf("got the error %v, want one that names the file", err)
	}
}
