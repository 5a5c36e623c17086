package web

import (
	"crypto/sha256"
	"encoding/base64"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/picture"
)

// policy forbids a page everything that is not from here: no script within a page, no style within
// a page but that of timelines, nothing from elsewhere, nobody's frame.
var policy = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; " +
	"base-uri 'none'; frame-ancestors 'none'; style-src 'self' 'sha256-" + hash(picture.Look) + "'"

// queuePolicy is for the pages of the queue, which bring their own scripts and styles.
const queuePolicy = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// guarded is what holds for every request: the log, panics, the headers that bound what a page can
// do, and no unsafe request from another site's page.
func (w *Web) guarded(next http.Handler) http.Handler {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		v := &visit{ResponseWriter: rw, Request: r, web: w,
			route: route{api: strings.HasPrefix(r.URL.Path, "/api/")}}
		w.fail(v, fail(http.StatusForbidden, "bad_request",
			"that was sent by another site's page", "open the page here"))
	}))
	next = cross.Handler(next)
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		seen := &seen{ResponseWriter: rw}
		w.headers(rw.Header(), r)
		defer func() {
			level := slog.LevelDebug
			if seen.status >= 400 || r.Method != http.MethodGet {
				level = slog.LevelInfo
			}
			w.Log.Log(r.Context(), level, "request", "method", r.Method, "path", r.URL.Path,
				"status", seen.status, "bytes", seen.bytes, "ms",
				time.Since(begun).Milliseconds(), "client", client(r))
		}()
		defer w.recovered(seen, r)
		next.ServeHTTP(seen, r)
	})
}

func (w *Web) headers(h http.Header, r *http.Request) {
	h.Set("Content-Security-Policy", policy)
	if strings.HasPrefix(r.URL.Path, queuePath) {
		h.Set("Content-Security-Policy", queuePolicy)
	}
	// Nothing goes to another site. With "no-referrer" browsers would say of our own forms, too,
	// that they come from nowhere, and without TLS that is all by which they can be told from those
	// of another site.
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
	if w.TLS { // browsers take these from nobody else
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Strict-Transport-Security", "max-age=86400")
	}
}

// seen notes what was answered, for the log.
type seen struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func (s *seen) WriteHeader(status int) {
	if s.status == 0 {
		s.status = status
	}
	s.ResponseWriter.WriteHeader(status)
}

func (s *seen) Write(p []byte) (int, error) {
	if s.status == 0 {
		s.status = http.StatusOK
	}
	n, err := s.ResponseWriter.Write(p)
	s.bytes += int64(n)
	return n, err
}

// Unwrap is for [http.ResponseController].
func (s *seen) Unwrap() http.ResponseWriter { return s.ResponseWriter }
