package client_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/client"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

func serve(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL+"/", "the-token")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func TestNew(t *testing.T) {
	for _, bad := range []string{"", "10.0.0.7:8080", "ftp://x", "http://", "room"} {
		if _, err := client.New(bad, ""); err == nil || !strings.Contains(err.Error(), "no address of a workshop") {
			t.Errorf("%q: got %v", bad, err)
		}
	}
	if c, err := client.New(" https://labs.example.org/room/ ", ""); err != nil || c.Base() != "https://labs.example.org/room" {
		t.Errorf("got %v, %v", c, err)
	}
}

func TestClient_asks(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer the-token" || r.Header.Get(wire.Header) != "1" {
			t.Errorf("%s %s has the headers %v", r.Method, r.URL, r.Header)
		}
		answer(w, http.StatusOK, wire.Me{Name: "Ada"})
	})
	if me, err := c.Me(t.Context()); err != nil || me.Name != "Ada" {
		t.Errorf("got %+v, %v", me, err)
	}
}

func TestClient_isRefused(t *testing.T) {
	var calls atomic.Int32
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		answer(w, http.StatusConflict, wire.Error{Text: "it is closed", Hint: "ask", Code: "closed"})
	})
	_, err := c.Submit(t.Context(), wire.Submit{Lab: "B01"})
	refused, ok := errors.AsType[*client.Refused](err)
	if !ok || err.Error() != "it is closed" || refused.Hint() != "ask" || refused.Said.Code != "closed" || calls.Load() != 1 {
		t.Errorf("got %v after %d calls", err, calls.Load())
	}
}

func TestClient_triesAgain(t *testing.T) {
	var calls atomic.Int32
	h := func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) < 3 {
			answer(w, http.StatusServiceUnavailable, wire.Error{Text: "busy", Code: "busy", RetryAfter: 1})
			return
		}
		answer(w, http.StatusOK, wire.Submission{ID: 7})
	}
	c := serve(t, h)
	if sub, err := c.Submit(t.Context(), wire.Submit{}); err != nil || sub.ID != 7 || calls.Load() != 3 {
		t.Errorf("got %+v, %v after %d calls", sub, err, calls.Load())
	}
	calls.Store(0)
	if _, err := c.Join(t.Context(), "CODE", "Ada"); !err.(*client.Refused).Broken() {
		t.Errorf("a busy server is somebody's fault: %v", err)
	}
	calls.Store(0)
	if err := c.Ask(t.Context(), wire.Ask{}); err == nil || calls.Load() != 1 {
		t.Errorf("what is not to be sent twice was sent %d times: %v", calls.Load(), err)
	}
}

func TestClient_isNotAnswered(t *testing.T) {
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	c, err := client.New(gone.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	strange := func(kind, body string) *client.Client {
		return serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			fmt.Fprint(w, body)
		})
	}
	for name, tt := range map[string]struct {
		c    *client.Client
		want string
	}{
		"nobody is there": {c, "refused"},
		"a page":          {strange("text/html", "<html>log in first"), "is it something else, or is there a proxy in between"},
		"half an answer":  {strange("application/json", `{"name":`), "answers as no workshop does: 200 OK"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := tt.c.Join(t.Context(), "CODE", "Ada")
			silent, ok := errors.AsType[*client.Unreachable](err)
			if !ok || !strings.Contains(err.Error(), tt.want) || !strings.Contains(silent.Hint(), "nothing of yours is lost") {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Hello(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
}

// TestClient_Follow loses the stream after the first event: the place is asked for, and the stream begun again.
func TestClient_Follow(t *testing.T) {
	graded := wire.Submission{ID: 7, State: wire.Graded, Result: &run.Result{Verdict: run.Passed,
		Output: strings.Repeat("long ", 100_000)}}
	var streams atomic.Int32
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Accept") != "text/event-stream" {
			answer(w, http.StatusOK, wire.Submission{ID: 7, State: wire.Grading})
			return
		}
		event := graded
		if streams.Add(1) == 1 {
			event = wire.Submission{ID: 7, State: wire.Waiting, Place: 2}
		}
		data, _ := json.Marshal(event)
		fmt.Fprintf(w, "retry: 2000\n\n: still here\n\nevent: submission\ndata: %s\n\n", data)
	})
	var seen []wire.State
	last, err := c.Follow(t.Context(), 7, func(s wire.Submission) { seen = append(seen, s.State) }, func() {})
	if err != nil || last.Result == nil || len(last.Result.Output) != 500_000 ||
		fmt.Sprint(seen) != "[waiting grading graded]" {
		t.Errorf("got %v, %v", seen, err)
	}
}

// TestClient_Follow_restart has a server that answers nobody for as many calls as one asking takes, and then goes on.
func TestClient_Follow_restart(t *testing.T) {
	t.Parallel()
	var calls atomic.Int32
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) <= 6 {
			panic(http.ErrAbortHandler)
		}
		answer(w, http.StatusOK, wire.Submission{ID: 7, State: wire.Graded})
	})
	waited := 0
	last, err := c.Follow(t.Context(), 7, func(wire.Submission) {}, func() { waited++ })
	if err != nil || last.State != wire.Graded || waited == 0 {
		t.Errorf("got %+v, %v, silent %d times", last, err, waited)
	}
}

func TestClient_Follow_refused(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusUnauthorized, wire.Error{Text: "nobody in this room has that token", Code: "token"})
	})
	if _, err := c.Follow(t.Context(), 7, func(wire.Submission) {}, func() {}); err == nil || !strings.Contains(err.Error(), "token") {
		t.Errorf("got %v", err)
	}
}

// place is one at a server.
func place(t *testing.T, url string) (*client.Place, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), ".labs")
	if err := (client.Place{URL: url, Name: "Ada", Token: "the-token"}).Keep(dir); err != nil {
		t.Fatal(err)
	}
	p, err := client.Kept(dir)
	if err != nil {
		t.Fatal(err)
	}
	return p, dir
}

func TestPlace(t *testing.T) {
	if _, err := client.Kept(t.TempDir()); !errors.Is(err, client.ErrNoPlace) {
		t.Errorf("got %v", err)
	}
	p, dir := place(t, "http://127.0.0.1:1")
	if p.Name != "Ada" || p.Token != "the-token" {
		t.Errorf("got %+v", p)
	}
	file := filepath.Join(dir, "workshop.json")
	if st, err := os.Stat(file); err != nil || st.Mode().Perm()&0o077 != 0 {
		t.Errorf("others may read it: %v, %v", st.Mode(), err)
	}
	if err := os.WriteFile(file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Kept(dir); err == nil || !strings.Contains(err.Error(), "join again") {
		t.Errorf("a broken one: %v", err)
	}
}

func TestPlace_Send(t *testing.T) {
	var got []wire.Report
	status := http.StatusServiceUnavailable
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if status != http.StatusNoContent {
			answer(w, status, wire.Error{Text: "busy", Code: "busy", RetryAfter: map[bool]float64{true: 1}[status == http.StatusServiceUnavailable]})
			return
		}
		var sent wire.Reports
		json.NewDecoder(r.Body).Decode(&sent)
		got = append(got, sent.Reports...)
		w.WriteHeader(status)
	}))
	defer s.Close()
	p, dir := place(t, s.URL)
	now := time.Now()
	failed := run.Result{Lab: "B01", Verdict: run.Failed, Points: 1, MaxPoints: 3, Likely: &run.Likely{Mutant: "m.patch"},
		Checks: []run.Check{{Test: "TestA", Verdict: run.Failed}, {Test: "TestB", Verdict: run.Passed}, {Test: "TestC", Verdict: run.NotJudged}}}
	for i, r := range []run.Result{failed, {Lab: "B01", Verdict: run.Passed}} {
		if err := p.Note(r, now.Add(time.Duration(i)*time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := p.Send(t.Context(), now); left != 2 || err == nil {
		t.Errorf("while the server is busy: %d left, %v", left, err)
	}
	status = http.StatusNoContent
	if left, err := p.Send(t.Context(), now.Add(10*time.Minute)); left != 0 || err != nil {
		t.Errorf("%d left, %v", left, err)
	}
	if len(got) != 2 || got[0].AgeMS != 600_000 || got[1].AgeMS != 540_000 || got[0].Key == got[1].Key ||
		fmt.Sprint(got[0].Failing) != "[TestA]" || got[0].Mutant != "m.patch" || got[1].Verdict != run.Passed {
		t.Errorf("sent were %+v", got)
	}
	if left, err := p.Send(t.Context(), now); left != 0 || err != nil || len(got) != 2 {
		t.Errorf("sent again: %d left, %v, %d sent", left, err, len(got))
	}

	// What is never taken does not wait for ever, and neither does more than there is room for.
	status = http.StatusUnauthorized
	p.Note(failed, now)
	if left, err := p.Send(t.Context(), now); left != 0 || err == nil {
		t.Errorf("what the server refuses: %d left, %v", left, err)
	}
	for i := range 510 {
		p.Note(failed, now.Add(time.Duration(i)*time.Second))
	}
	status = http.StatusServiceUnavailable
	if left, _ := p.Send(t.Context(), now); left != 500 {
		t.Errorf("%d wait, want 500", left)
	}
	if entries, _ := os.ReadDir(filepath.Join(dir, "reports")); len(entries) != 500 {
		t.Errorf("%d files", len(entries))
	}
}

func TestDesk(t *testing.T) {
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	t.Setenv("HOME", t.TempDir())
	if _, err := client.KeptDesk(); !errors.Is(err, client.ErrNoDesk) {
		t.Errorf("got %v", err)
	}
	for _, url := range []string{"http://a", "http://b"} {
		if err := (client.Desk{URL: url, Secret: "s"}).Keep(); err != nil {
			t.Fatal(err)
		}
	}
	if d, err := client.KeptDesk(); err != nil || d.URL != "http://b" || d.Secret != "s" {
		t.Errorf("got %+v, %v", d, err)
	}
}

// TestPlace_Hear wants each message once, the oldest first, whoever asks.
func TestPlace_Hear(t *testing.T) {
	said := []wire.Message{{ID: 2, Text: "second"}, {ID: 1, Text: "first"}}
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, wire.Me{Messages: said}) })
	dir := t.TempDir()
	if err := (client.Place{URL: c.Base(), Token: "the-token"}).Keep(dir); err != nil {
		t.Fatal(err)
	}
	hear := func(want ...string) {
		t.Helper()
		p, err := client.Kept(dir)
		if err != nil {
			t.Fatal(err)
		}
		heard, err := p.Hear(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range heard {
			got = append(got, m.Text)
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	hear("first", "second")
	hear()
	said = append(said, wire.Message{ID: 3, Text: "third"})
	hear("third")
}
