// Package versions lets clients of old versions of an API go on, while the API's own code knows
// only the newest one.
package versions

import (
	"bytes"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Change is one step to Version from the one before it.
type Change struct {
	Version string
	Route   string // a pattern of http.ServeMux, or "" for every request
	// Up makes the body of a request newer, Down that of an answer older, unless it is nil. A body
	// is what encoding/json makes of it with UseNumber.
	Up, Down func(body any) (any, error)
}

// Lifecycle says when a version ends. Each of the three may be zero.
type Lifecycle struct {
	DeprecatedAt, SunsetAt time.Time
	Docs                   string
}

// NewGateway serves all versions of a core that knows only the newest, as the README says. versions
// has them all, oldest first, and pinned tells which one a client has been pinned to, or "".
func NewGateway(core http.Handler, versions []string, changes []Change, life map[string]Lifecycle,
	pinned func(*http.Request) string,
) http.Handler {
	for _, l := range life {
		if l.SunsetAt != (time.Time{}) && l.DeprecatedAt.After(l.SunsetAt) {
			panic("a sunset before the deprecation")
		}
	}
	// Each version is a handler of its own: the one of the next version behind what came with that.
	served := map[string]http.Handler{}
	next := core
	for i := len(versions) - 1; i >= 0; i-- {
		served[versions[i]] = ending(life[versions[i]], closing(versions[i], next, i < len(versions)-1))
		for j := len(changes) - 1; j >= 0; j-- {
			if changes[j].Version == versions[i] {
				next = changed(changes[j], next)
			}
		}
	}
	oldest := versions[0]
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Vary", "API-Version")
		version := r.Header.Get("API-Version")
		if version == "" {
			w = &only{ResponseWriter: w}
			version = pinned(r)
			if version == "" {
				version = oldest
			}
		}
		if h := served[version]; h != nil {
			w.Header().Set("API-Version", version)
			h.ServeHTTP(w, r)
			return
		}
		left := []string{}
		for _, v := range versions {
			if end := life[v].SunsetAt; end.IsZero() || !time.Now().After(end) {
				left = append(left, v)
			}
		}
		problem(w, http.StatusBadRequest, "there is no such version", left)
	})
}

// only is for one client: it says so in the last moment, whatever has been said before.
type only struct{ http.ResponseWriter }

func (o *only) WriteHeader(status int) {
	o.Header().Set("Cache-Control", "no-store")
	o.ResponseWriter.WriteHeader(status)
}

func (o *only) Write(p []byte) (int, error) {
	o.Header().Set("Cache-Control", "no-store")
	return o.ResponseWriter.Write(p)
}

// ending says when a version ends, and is over then.
func ending(l Lifecycle, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !l.DeprecatedAt.IsZero() {
			w.Header().Set("Deprecation", "@"+strconv.FormatInt(l.DeprecatedAt.Unix(), 10))
		}
		if l.Docs != "" {
			w.Header().Set("Link", "<"+l.Docs+">;rel=deprecation")
		}
		if !l.SunsetAt.IsZero() {
			w.Header().Set("Sunset", l.SunsetAt.In(time.FixedZone("GMT", 0)).Format(time.RFC1123))
			if time.Until(l.SunsetAt) < 0 {
				problem(w, http.StatusGone, "this version has ended", nil)
				return
			}
		}
		h.ServeHTTP(w, r)
	})
}

// merged are the headers of which there may be several lines, ours and those from behind.
var merged = map[string]bool{"Vary": true, "Link": true}

// closing ends the chain at the client's side: what comes out of it goes under what is set already.
func closing(version string, h http.Handler, translated bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b := newBuffer()
		h.ServeHTTP(b, r)
		for name, values := range b.header {
			if merged[name] {
				values = []string{strings.Join(append(w.Header()[name], values...), ", ")}
			}
			w.Header()[name] = values
		}
		w.Header().Set("API-Version", version)
		w.Header().Del(untranslatable)
		if translated && len(b.body.Bytes()) > 0 {
			w.Header().Set("Content-Length", strconv.Itoa(b.body.Len()))
		}
		w.WriteHeader(b.status)
		io.Copy(w, &b.body)
	})
}

// changed is a handler one version older: it decodes, changes and encodes by itself.
func changed(c Change, newer http.Handler) http.Handler {
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			body, err = with(c.Up, r.Header, body)
		}
		if err != nil {
			problem(w, http.StatusBadRequest, "the request cannot be translated: "+err.Error(), nil)
			return
		}
		newerRequest := *r
		newerRequest.Body = io.NopCloser(bytes.NewReader(body))
		newerRequest.ContentLength = int64(len(body))
		b := newBuffer()
		newer.ServeHTTP(b, &newerRequest)
		body = b.body.Bytes()
		if b.header.Get(untranslatable) == "" { // else it is a problem already, in no version at all
			body, err = with(c.Down, b.header, body)
		}
		if err != nil {
			problem(w, http.StatusInternalServerError, "the answer cannot be translated", nil)
			w.Header().Set(untranslatable, "yes")
			return
		}
		for name, values := range b.header {
			w.Header()[name] = values
		}
		w.Header().Del("Content-Length")
		w.WriteHeader(b.status)
		w.Write(body)
	})
	if c.Route == "" {
		return h
	}
	mux := http.NewServeMux()
	mux.Handle(c.Route, h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := mux.Handler(r); pattern == c.Route {
			h.ServeHTTP(w, r) // not through the mux, which would answer by itself where a path is not clean
		} else {
			newer.ServeHTTP(w, r)
		}
	})
}

const untranslatable = "X-Gateway-Own-Problem"

var jsonTypes = regexp.MustCompile(`^(application/json|.*\+json)$`)

func with(f func(any) (any, error), h http.Header, body []byte) ([]byte, error) {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil || !jsonTypes.MatchString(media) || len(body) == 0 {
		return body, nil
	}
	var whole json.RawMessage
	if err := json.Unmarshal(body, &whole); err != nil { // which refuses whatever follows
		return nil, err
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(whole))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if f != nil {
		if v, err = f(v); err != nil {
			return nil, err
		}
	}
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err = e.Encode(v)
	return out.Bytes(), err
}

// What follows is given: what is tedious, and no part of the question. Nothing in it need be
// changed.

// problem answers with an error that programs can read (RFC 9457). Without versions, nil, it has no
// member of that name.
func problem(w http.ResponseWriter, status int, detail string, versions []string) {
	members := map[string]any{"type": "about:blank", "title": http.StatusText(status),
		"status": status, "detail": detail}
	if versions != nil {
		members["versions"] = versions
	}
	body, _ := json.Marshal(members)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	w.Write(body)
}

// buffer is a http.ResponseWriter that keeps an answer.
type buffer struct {
	header http.Header
	status int // 200 until another one is written
	body   bytes.Buffer

	begun bool
}

func newBuffer() *buffer { return &buffer{header: http.Header{}, status: http.StatusOK} }

func (b *buffer) Header() http.Header { return b.header }

func (b *buffer) WriteHeader(status int) {
	if !b.begun && status >= 200 {
		b.begun, b.status = true, status
	}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.begun = true
	return b.body.Write(p)
}
