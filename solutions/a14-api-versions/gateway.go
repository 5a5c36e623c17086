// Package versions lets clients of old versions of an API go on, while the API's own code knows
// only the newest one.
package versions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
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
	for version, l := range life {
		if !l.SunsetAt.IsZero() && l.SunsetAt.Before(l.DeprecatedAt) {
			panic(fmt.Sprintf("version %s would end before it is deprecated", version))
		}
	}
	g := &gateway{core: core, versions: versions, life: life, pinned: pinned}
	for _, c := range changes {
		step := step{Change: c}
		if c.Route != "" {
			step.route = http.NewServeMux()
			step.route.Handle(c.Route, http.NotFoundHandler())
		}
		g.steps = append(g.steps, step)
	}
	return g
}

type gateway struct {
	core     http.Handler
	versions []string
	steps    []step
	life     map[string]Lifecycle
	pinned   func(*http.Request) string
}

// step is a change with something that knows its requests. One mux for all of them would see only
// the most specific route.
type step struct {
	Change
	route *http.ServeMux
}

func (s step) concerns(r *http.Request) bool {
	if s.route == nil {
		return true
	}
	_, pattern := s.route.Handler(r)
	return pattern != ""
}

const header = "API-Version"

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", header)
	version := r.Header.Get(header)
	if version == "" {
		// No cache can see what we go by, so none that others share may keep the answer.
		w.Header().Set("Cache-Control", "private")
		version = g.pinned(r)
	}
	if version == "" {
		version = g.versions[0] // whoever never heard of versions has been here since the first
	}
	i := slices.Index(g.versions, version)
	if i < 0 {
		problem(w, http.StatusBadRequest, "unknown version "+version, g.alive())
		return
	}
	w.Header().Set(header, version)
	g.announce(w.Header(), g.life[version])
	if g.over(version) {
		problem(w, http.StatusGone, "version "+version+" has ended", nil)
		return
	}
	g.translate(w, r, g.chain(i, r))
}

func (g *gateway) over(version string) bool {
	at := g.life[version].SunsetAt
	return !at.IsZero() && time.Now().After(at)
}

// alive are the versions that can still be had.
func (g *gateway) alive() []string {
	return slices.DeleteFunc(slices.Clone(g.versions), g.over)
}

func (g *gateway) announce(h http.Header, l Lifecycle) {
	if !l.DeprecatedAt.IsZero() {
		h.Set("Deprecation", fmt.Sprintf("@%d", l.DeprecatedAt.Unix()))
	}
	if !l.SunsetAt.IsZero() {
		h.Set("Sunset", l.SunsetAt.UTC().Format(http.TimeFormat))
	}
	if l.Docs != "" {
		h.Add("Link", fmt.Sprintf(`<%s>; rel="deprecation"`, l.Docs))
	}
}

// chain is what lies between the version with that index and the core, oldest first.
func (g *gateway) chain(i int, r *http.Request) (steps []step) {
	for _, later := range g.versions[i+1:] {
		for _, s := range g.steps {
			if s.Version == later && s.concerns(r) {
				steps = append(steps, s)
			}
		}
	}
	return steps
}

// translate asks the core in its own version, and answers in the client's.
func (g *gateway) translate(w http.ResponseWriter, r *http.Request, chain []step) {
	var up, down []func(any) (any, error)
	for _, s := range chain {
		up, down = append(up, s.Up), append(down, s.Down)
	}
	slices.Reverse(down)

	body, err := io.ReadAll(r.Body)
	if err == nil {
		body, err = apply(up, r.Header, body)
	}
	if err != nil {
		problem(w, http.StatusBadRequest, err.Error(), nil)
		return
	}
	r = r.Clone(r.Context())
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if r.Header.Get("Content-Length") != "" {
		r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	}

	answer := newBuffer()
	g.core.ServeHTTP(answer, r)
	body, err = apply(down, answer.header, answer.body.Bytes())
	if err != nil {
		problem(w, http.StatusInternalServerError, "the answer cannot be told in this version", nil)
		return
	}
	if answer.header.Get("Content-Length") != "" && answer.body.Len() > 0 {
		answer.header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	own := w.Header()
	for name, values := range answer.header {
		switch {
		case name == http.CanonicalHeaderKey(header):
		case name == "Cache-Control" && own.Get(name) != "":
		default: // beside ours, of which there are Vary and Link
			own[name] = append(own[name], values...)
		}
	}
	w.WriteHeader(answer.status)
	w.Write(body)
}

// apply lets the functions change a body one after the other. Without any it is not even read.
func apply(functions []func(any) (any, error), h http.Header, body []byte) ([]byte, error) {
	if len(functions) == 0 || len(body) == 0 || !isJSON(h.Get("Content-Type")) {
		return body, nil
	}
	var v any
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // else an id beyond 2⁵³ comes out as another one
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON value")
	}
	for _, f := range functions {
		if f == nil {
			continue
		}
		var err error
		if v, err = f(v); err != nil {
			return nil, err
		}
	}
	return json.Marshal(v)
}

func isJSON(contentType string) bool {
	media, _, _ := mime.ParseMediaType(contentType)
	return media == "application/json" || strings.HasSuffix(media, "+json")
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
