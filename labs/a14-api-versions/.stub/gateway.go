// Package versions lets clients of old versions of an API go on, while the API's own code knows
// only the newest one.
package versions

import (
	"bytes"
	"encoding/json"
	"net/http"
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
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = newBuffer                                                 // is given, below
		problem(w, http.StatusNotImplemented, "not implemented", nil) // your code
	})
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
