package web_test

import (
	"bytes"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/run"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
)

// upload hands files in as a browser's form does.
func (h *house) upload(jar http.CookieJar, lab string, files map[string]string) answer {
	h.Helper()
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	must(h.T, m.WriteField("lab", lab))
	for name, text := range files {
		f, err := m.CreateFormFile("files", name)
		must(h.T, err)
		_, err = f.Write([]byte(text))
		must(h.T, err)
	}
	must(h.T, m.Close())
	return h.send(jar, "POST", "/me/submissions", body.String(), func(r *http.Request) {
		r.Header.Set("Content-Type", m.FormDataContentType())
		r.Header.Set("Origin", h.server.URL)
	})
}

// TestForms_participant: somebody without a terminal joins, hands in, asks, loses the browser and
// comes back.
func TestForms_participant(t *testing.T) {
	t.Parallel()
	h := opened(t)
	jar := browser(t)
	a := h.post(jar, "/join", url.Values{"code": {" k7qf 2m "}, "name": {"Ada"}})
	_, rest, _ := strings.Cut(a.body, `class="code">`)
	recovery, _, _ := strings.Cut(rest, "<")
	if a.status != 200 || recovery == "" {
		t.Fatalf("joined: %d %s", a.status, a.body)
	}
	if a := h.upload(jar, "B10",
		map[string]string{"bucket.go": "package tokenbucket"}); a.header.Get("Location") != "/me/submissions/1" {
		t.Errorf("handed in: %d %s", a.status, a.body)
	}
	for name, files := range map[string]map[string]string{"none": {},
		"another":       {"x.go": "package x"},
		"too large":     {"bucket.go": strings.Repeat("x", 300<<10)},
		"far too large": {"bucket.go": strings.Repeat("x", 5<<20)}} {
		if a := h.upload(jar, "B10", files); a.status < 400 || a.status >= 500 ||
			!strings.Contains(a.body, `role="alert"`) {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	if a := h.post(jar, "/me/hands", url.Values{"text": {"Why?"}, "lab": {"B10"}}); a.status != 303 {
		t.Errorf("asked: %d %s", a.status, a.body)
	}
	if a := h.post(jar, "/leave", nil); a.status != 303 {
		t.Errorf("left: %d", a.status)
	}
	if a := h.get(jar, "/me"); a.status != 401 {
		t.Errorf("after leaving: %d", a.status)
	}
	if a := h.post(jar, "/rejoin", url.Values{"code": {h.code},
		"recovery": {recovery}}); a.status != 303 {
		t.Errorf("back: %d %s", a.status, a.body)
	}
	if a := h.get(jar, "/me"); a.status != 200 || !strings.Contains(a.body, "/me/submissions/1") {
		t.Errorf("after coming back: %d", a.status)
	}
}

// TestForms_instructor does everything that an instructor's pages offer.
func TestForms_instructor(t *testing.T) {
	t.Parallel()
	h := opened(t)
	ada := h.join("Ada")
	first := h.submit(ada.Token, "package tokenbucket\n\nvar a = 1\n")
	second := h.submit(ada.Token, "package tokenbucket\n\nvar a = 2\n")
	h.grade(first, "TestIdleTimeIsCapped")
	h.grade(second, "TestIdleTimeIsCapped")
	jar := h.instructor()
	do := func(path string, fields url.Values, want string) {
		t.Helper()
		a := h.post(jar, path, fields)
		if a.status != http.StatusSeeOther || !strings.HasPrefix(a.header.Get("Location"), want) {
			t.Errorf("%s: %d, to %q: %s", path, a.status, a.header.Get("Location"), a.body)
		}
	}
	see := func(path, want string) {
		t.Helper()
		if a := h.get(jar, path); a.status != 200 || !strings.Contains(a.body, want) {
			t.Errorf("%s: %d, no %q", path, a.status, want)
		}
	}
	must(t, h.store.Raise(t.Context(), hand(ada.ID, "Why?")))
	see("/room", "Why?")
	do("/room/hands/1", nil, "/room?done=answered")
	do("/room/messages", url.Values{"text": {"Hello"}}, "/room?done=said")
	do("/room", url.Values{"title": {"Another"}, "closes": {"2099-01-02T03:04"}},
		"/room?done=changed")
	see("/room", "Another")
	do("/room/labs/B10", url.Values{"open": {"1"}, "deadline": {"2099-01-02T03:04"},
		"late_cost": {"20"}, "hints": {"2"},
		"per_hour": {"9"}, "answer": {"1"}}, "/room/labs/B10")
	see("/room/labs/B10", `value="2099-01-02T03:04"`)
	see("/room/submissions/2", "&#43;var a = 2")
	see("/room/submissions/1", "since the stub")
	see("/room/submissions/1", "-// Allow is AllowN(1).")
	see("/room/participants/1", "&#43;var a = 2")
	see("/room/participants/1", "since the stub")
	do("/room/submissions/2/override", url.Values{"points": {"7"}, "reason": {"the clock"}},
		"/room/submissions/2")
	see("/room/participants/1", "the clock")
	do("/room/submissions/2/override", url.Values{"back": {"1"}}, "/room/submissions/2")
	do("/room/regrades", url.Values{"lab": {"B10"}, "reason": {"a check was wrong"}},
		"/room/regrades/1")
	see("/room/regrades/1", "0 of 1")
	if a := h.post(jar, "/room/regrades/1", nil); a.status != http.StatusConflict {
		t.Errorf("applied before it is done: %d", a.status)
	}
	_, err := h.store.Grade(t.Context(), room.Verdict{Submission: second.ID, Epoch: 1,
		Result: h.result("B10"), Worker: "w"})
	must(t, err)
	see("/room/regrades/1", "passed, 20 points")
	see("/room/regrades/1/part", "passed, 20 points")
	do("/room/regrades/1", nil, "/room/regrades/1?done=applied")
	if s, err := h.store.Submission(t.Context(), second.ID); err != nil ||
		s.Graded.Result.Verdict != run.Passed {
		t.Errorf("after the regrade: %+v %v", s.Graded, err)
	}
	do("/room/regrades", url.Values{"submission": {"1"}, "reason": {"once more"}, "all": {"1"}},
		"/room/regrades/2")
	do("/room/regrades/2", url.Values{"drop": {"1"}}, "/room/regrades/2?done=dropped")
	see("/room/audit", "a check was wrong")
	do("/room/participants/1/remove", nil, "/room?done=removed")
	if a := h.call("GET", "/api/v1/me", ada.Token, nil); a.status != 401 {
		t.Errorf("the token of who was removed: %d", a.status)
	}
	if a := h.post(jar, "/room/end", nil); a.status != http.StatusBadRequest {
		t.Errorf("ended without being sure: %d", a.status)
	}
	do("/room/end", url.Values{"sure": {"1"}}, "/room?done=ended")
	see("/room", "has ended")
}

// TestForms_nonsense: what a form cannot mean is said in a line.
func TestForms_nonsense(t *testing.T) {
	t.Parallel()
	h := opened(t)
	jar := h.instructor()
	for name, c := range map[string]struct {
		path   string
		fields url.Values
	}{
		"no time":   {"/room/labs/B10", url.Values{"deadline": {"tomorrow"}}},
		"no number": {"/room/labs/B10", url.Values{"hints": {"many"}}},
		"too much":  {"/room/labs/B10", url.Values{"late_cost": {"101"}}},
		"no text":   {"/room/messages", url.Values{"text": {" "}}},
		"no title":  {"/room", url.Values{"title": {""}}},
		"too long":  {"/room/messages", url.Values{"text": {strings.Repeat("x", 3000)}}},
		"no reason": {"/room/regrades", url.Values{}},
		"closed before it opens": {"/room", url.Values{"title": {"x"}, "opens": {"2026-03-01T17:00"},
			"closes": {"2026-03-01T09:00"}}},
		"no such lab": {"/room/labs/A01", url.Values{}},
	} {
		if a := h.post(jar, c.path, c.fields); a.status < 400 || a.status >= 500 ||
			!strings.Contains(a.body, `role="alert"`) {
			t.Errorf("%s: %d", name, a.status)
		}
	}
	if a := h.post(jar, "/room/messages", url.Values{"text": {strings.Repeat("x",
		20<<10)}}); a.status != 413 {
		t.Errorf("a large form: %d", a.status)
	}
}
