package web_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/web"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// theCourse is this repository's.
var theCourse = sync.OnceValues(func() (*course.Course,
	error) {
	return course.Load(filepath.Join("..", "..", ".."))
})

// house is a room with a server.
type house struct {
	*testing.T
	store  *room.Store
	course *course.Course
	secret string
	code   string
	web    *web.Web
	server *httptest.Server
}

// opened makes a room of a few labs and serves it.
func opened(t *testing.T, change ...func(*web.Options)) *house {
	t.Helper()
	c, err := theCourse()
	must(t, err)
	ctx := context.Background()
	store, err := room.Open(ctx, "sqlite:"+filepath.Join(t.TempDir(), "room.db"))
	must(t, err)
	t.Cleanup(func() { store.Close() })
	secret, err := store.Create(ctx, room.Room{Title: "Backends in a day", Code: "K7QF-2M",
		Labs: []string{"B01", "B03", "B10", "I04"}, Created: time.Now().UTC()})
	must(t, err)
	o := web.Options{Store: store, Course: c, Version: "test",
		Enqueue: func(context.Context, *sql.Tx, int64, int, int) error { return nil }}
	for _, f := range change {
		f(&o)
	}
	w := web.New(o)
	h := &house{T: t, store: store, course: c, secret: secret, code: "K7QF-2M", web: w}
	h.server = httptest.NewUnstartedServer(w)
	h.server.Config = web.Server(w)
	h.server.Start()
	t.Cleanup(func() { w.Shutdown(); h.server.Close() })
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) into(t *testing.T, value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(a.body), value); err != nil {
		t.Fatalf("status %d, %v: %.300s", a.status, err, a.body)
	}
}

// call asks the API; body is made JSON.
func (h *house) call(method, path, key string, body any) answer {
	h.Helper()
	text := ""
	if body != nil {
		data, err := json.Marshal(body)
		must(h.T, err)
		text = string(data)
	}
	return h.send(nil, method, path, text, func(r *http.Request) {
		r.Header.Set(wire.Header, fmt.Sprint(wire.Version))
		if key != "" {
			r.Header.Set("Authorization", "Bearer "+key)
		}
	})
}

// send sends a request as it is, and follows no redirect.
func (h *house) send(jar http.CookieJar, method, path, body string,
	change func(*http.Request)) answer {
	h.Helper()
	r, err := http.NewRequest(method, h.server.URL+path, strings.NewReader(body))
	must(h.T, err)
	if change != nil {
		change(r)
	}
	client := http.Client{Jar: jar, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	must(h.T, err)
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	must(h.T, err)
	return answer{resp.StatusCode, resp.Header, string(data)}
}

// post sends a form as a browser does.
func (h *house) post(jar http.CookieJar, path string, fields url.Values) answer {
	h.Helper()
	return h.send(jar, "POST", path, fields.Encode(), func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", h.server.URL)
	})
}

func (h *house) get(jar http.CookieJar, path string) answer {
	return h.send(jar, "GET", path, "",
		nil)
}

// browser is one without cookies yet.
func browser(t *testing.T) http.CookieJar {
	t.Helper()
	jar, err := cookiejar.New(nil)
	must(t, err)
	return jar
}

// join gives somebody a place, by the API.
func (h *house) join(name string) wire.Joined {
	h.Helper()
	var joined wire.Joined
	h.call("POST", wire.JoinPath, "", wire.Join{Code: h.code, Name: name}).into(h.T, &joined)
	if joined.Token == "" {
		h.Fatalf("%s got no token", name)
	}
	return joined
}

// instructor is a browser that has entered.
func (h *house) instructor() http.CookieJar {
	h.Helper()
	jar := browser(h.T)
	if a := h.post(jar, "/enter", url.Values{"secret": {h.secret}}); a.status != http.StatusSeeOther {
		h.Fatalf("entered with %d: %s", a.status, a.body)
	}
	return jar
}

// at is a participant's browser.
func (h *house) at(token string) http.CookieJar {
	h.Helper()
	jar := browser(h.T)
	u, err := url.Parse(h.server.URL)
	must(h.T, err)
	jar.SetCookies(u, []*http.Cookie{{Name: "labs-token", Value: token}})
	return jar
}

// submit hands a file in for B10.
func (h *house) submit(token, text string) wire.Submission {
	h.Helper()
	var sub wire.Submission
	h.call("POST", wire.SubmitPath, token, wire.Submit{Lab: "B10",
		Files: map[string][]byte{"bucket.go": []byte(text)}}).into(h.T, &sub)
	if sub.ID == 0 {
		h.Fatal("no submission")
	}
	return sub
}

// grade says what a grader would: all checks but those that fail have passed.
func (h *house) grade(sub wire.Submission, failing ...string) {
	h.Helper()
	_, err := h.store.Grade(context.Background(), room.Verdict{Submission: sub.ID,
		Result: h.result(sub.Lab, failing...),
		Worker: "w", Started: time.Now().UTC(), Done: time.Now().UTC()})
	must(h.T, err)
}

func (h *house) result(lab string, failing ...string) run.Result {
	h.Helper()
	l, err := h.course.Named(lab)
	must(h.T, err)
	r := run.Result{Schema: run.Schema, Lab: l.ID, Slug: l.Slug, Title: l.Title, Verdict: run.Passed,
		MaxPoints: l.MaxPoints(), Race: run.Race{State: run.RaceDone}}
	for _, c := range l.Checks {
		check := run.Check{Test: c.Test, Title: c.Title, Verdict: run.Passed, Points: c.Points,
			MaxPoints: c.Points}
		for _, name := range failing {
			if name == c.Test {
				check.Verdict, check.Points, r.Verdict = run.Failed, 0, run.Failed
				check.Findings = []run.Finding{{Did: "asked", Want: "yes", Got: "no"}}
			}
		}
		r.Points += check.Points
		r.Checks = append(r.Checks, check)
	}
	return r
}

func wireOf(id int64, lab string) wire.Submission { return wire.Submission{ID: id, Lab: lab} }
