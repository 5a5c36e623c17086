package web_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/backend-labs/backend-labs/harness/workshop/web"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// everything has all that may be served.
func everything(o *web.Options) {
	o.Bundle = "web_test.go"
	o.Metrics = prometheus.NewRegistry()
	o.Queue = http.HandlerFunc(func(rw http.ResponseWriter,
		_ *http.Request) {
		rw.WriteHeader(http.StatusOK)
	})
}

// TestRoutes_whoMay walks all routes as nobody, as somebody else and as the instructor. Nobody gets
// past what is somebody's; somebody else does not see what is Ada's; the instructor's is the
// instructor's.
func TestRoutes_whoMay(t *testing.T) {
	t.Parallel()
	h := opened(t, everything)
	ada, bob := h.join("Ada"), h.join("Bob")
	sub := h.submit(ada.Token, "package tokenbucket // Ada's")
	h.grade(sub)
	instructor := h.instructor()
	for _, r := range h.web.Routes() {
		t.Run(r.Pattern, func(t *testing.T) {
			method, path, ok := strings.Cut(r.Pattern, " ")
			if !ok {
				method, path = "GET", r.Pattern
			}
			path = strings.NewReplacer("{id}", "1", "{lab}", "B10", "{format}", "csv", "{name}",
				"x", "{$}", "").Replace(path)
			ask := func(who string) answer {
				switch {
				case r.API:
					return h.call(method, path, map[string]string{"bob": bob.Token,
						"instructor": h.secret}[who], struct{}{})
				case who == "bob":
					return h.post2(h.at(bob.Token), method, path)
				case who == "instructor":
					return h.post2(instructor, method, path)
				}
				return h.post2(browser(h.T), method, path)
			}
			if strings.HasSuffix(path, "/live") { // would not end: its refusal is enough
				if a := ask("nobody"); r.Who != "anybody" && a.status != 401 {
					t.Errorf("nobody got %d", a.status)
				}
				return
			}
			got := map[string]int{}
			for _, who := range []string{"nobody", "bob"} {
				a := ask(who)
				got[who] = a.status
				if strings.Contains(a.body, "Ada") && r.Who != "visitor" {
					t.Errorf("%s reads Ada's name", who)
				}
			}
			refused := func(who string) bool { return got[who] == 401 || got[who] == 403 }
			switch r.Who {
			case "instructor":
				if !refused("nobody") || !refused("bob") {
					t.Errorf("got in: %v", got)
				}
			case "participant", "visitor":
				if !refused("nobody") {
					t.Errorf("got in: %v", got)
				}
				if strings.Contains(path, "submissions/1") && got["bob"] != 404 {
					t.Errorf("somebody else's submission: %d", got["bob"])
				}
			}
			if r.Who == "instructor" && !strings.Contains(path, "end") && !strings.Contains(path,
				"emove") &&
				!(method == "DELETE") {
				if a := ask("instructor"); a.status == 401 || a.status >= 500 {
					t.Errorf("the instructor got %d", a.status)
				}
			}
		})
	}
}

// post2 is a request of a browser's page with any method.
func (h *house) post2(jar http.CookieJar, method, path string) answer {
	if method == "POST" {
		return h.post(jar, path, url.Values{})
	}
	return h.send(jar, method, path, "", nil)
}

// TestRoutes_keysAreNotMixed: the API takes no cookie, a page takes no header, and neither takes
// the other's key.
func TestRoutes_keysAreNotMixed(t *testing.T) {
	t.Parallel()
	h := opened(t)
	ada := h.join("Ada")
	if a := h.get(h.at(ada.Token), wire.MePath); a.status != 401 {
		t.Errorf("the API with a cookie: %d", a.status)
	}
	if a := h.call("GET", "/me", ada.Token, nil); a.status != 401 {
		t.Errorf("a page with a header: %d", a.status)
	}
	if a := h.call("GET", wire.MePath, h.secret, nil); a.status != 401 {
		t.Errorf("a participant's route with the instructor's secret: %d", a.status)
	}
}

// TestRoutes_otherSites: what another site's page sends is not taken, whatever cookies come with
// it.
func TestRoutes_otherSites(t *testing.T) {
	t.Parallel()
	h := opened(t)
	jar := h.instructor()
	for name, value := range map[string]string{"Origin": "https://evil.example",
		"Sec-Fetch-Site": "cross-site"} {
		a := h.send(jar, "POST", "/room/messages", "text=hello", func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set(name, value)
		})
		if a.status != http.StatusForbidden {
			t.Errorf("%s %s: %d", name, value, a.status)
		}
	}
	if a := h.post(jar, "/room/messages",
		url.Values{"text": {"hello"}}); a.status != http.StatusSeeOther {
		t.Errorf("its own page: %d %s", a.status, a.body)
	}
}

// TestRoutes_headers: every answer bounds what a page can do, and keeps nothing.
func TestRoutes_headers(t *testing.T) {
	t.Parallel()
	h := opened(t)
	for _, path := range []string{"/", "/wall", "/me", "/enter", "/none", wire.HelloPath} {
		a := h.get(nil, path)
		policy := a.header.Get("Content-Security-Policy")
		for _, part := range []string{"default-src 'none'", "script-src 'self'",
			"frame-ancestors 'none'"} {
			if !strings.Contains(policy, part) {
				t.Errorf("%s: %q is missing in %q", path, part, policy)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: %s", path, policy)
		}
		for name, want := range map[string]string{"Referrer-Policy": "same-origin",
			"X-Content-Type-Options": "nosniff",
			"Cache-Control":          "no-store"} {
			if got := a.header.Get(name); got != want {
				t.Errorf("%s: %s is %q", path, name, got)
			}
		}
		for _, sign := range []string{"<style", " style=", " onclick=", "<script>"} {
			if strings.Contains(a.body, sign) {
				t.Errorf("%s has %s", path, sign)
			}
		}
	}
}

// TestRoutes_log: the log has what was asked for, and no secret.
func TestRoutes_log(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	h := opened(t, func(o *web.Options) {
		o.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	ada := h.join("Ada")
	h.call("POST", wire.RejoinPath, "", wire.Rejoin{Code: h.code, Recovery: ada.Recovery})
	h.get(h.instructor(), "/room")
	h.get(h.at(ada.Token), "/me")
	h.call("GET", wire.RoomPath, h.secret, nil)
	h.post(nil, "/enter", url.Values{"secret": {"not " + h.secret}})
	text := log.String()
	if !strings.Contains(text, `"path":"/room"`) || !strings.Contains(text, `"status":401`) {
		t.Errorf("the log: %s", text)
	}
	for name, secret := range map[string]string{"token": ada.Token, "recovery": ada.Recovery,
		"secret": h.secret, "code": h.code} {
		if strings.Contains(text, secret) {
			t.Errorf("the %s is in the log", name)
		}
	}
}

// lockedBuffer is written by several requests at once.
type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestRoutes_cookies: no script reads them, no other site's request brings them, and with TLS
// nothing else carries them.
func TestRoutes_cookies(t *testing.T) {
	t.Parallel()
	for _, tls := range []bool{false, true} {
		h := opened(t, func(o *web.Options) { o.TLS = tls })
		a := h.post(nil, "/enter", url.Values{"secret": {h.secret}})
		cookie := a.header.Get("Set-Cookie")
		for _, part := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
			if !strings.Contains(cookie, part) {
				t.Errorf("%q has no %s", cookie, part)
			}
		}
		if strings.Contains(cookie, "Secure") != tls || strings.HasPrefix(cookie, "__Host-") != tls {
			t.Errorf("TLS %v: %q", tls, cookie)
		}
		if strings.Contains(a.header.Get("Location"), h.secret) {
			t.Error("the secret is in a URL")
		}
	}
}
