// Package httpwire records what a handler of HTTP answers as its client gets it. It takes the place
// of httptest.NewRecorder in checks, which believes too much: headers that are set behind the status
// count there, although they never leave a server, and its fields are exported, so that a handler can
// write over what was recorded.
//
//	w := httpwire.New()
//	h.ServeHTTP(w.Writer(), r)
//	expect.That(t, w.Status() == 405 && w.Header().Get("Allow") != "", …)
//
// As with a server of net/http, the first final status counts, headers are what they were at that
// moment, a body without a Content-Type gets the one that it looks like, and 204 and 304 have no
// body. What a server adds or leaves out besides (Date, Content-Length, the body of an answer to
// HEAD) is not there: the record has what the handler said.
package httpwire

import (
	"bytes"
	"fmt"
	"net/http"
)

// sniffed is how much of a body a server of net/http waits for before it sends the headers.
const sniffed = 2048

// Record is the answer of one handler to one request. Like what a server hands to a handler, it is
// for one goroutine at a time.
type Record struct {
	header  http.Header // as the handler has it, to the end
	status  int         // 0 until there is one
	frozen  http.Header // those that go with the status
	body    bytes.Buffer
	flushed bool
	start   int // of the body, in bytes: what was there when the headers left
}

// New returns a record of nothing yet.
func New() *Record { return &Record{header: http.Header{}} }

// Writer is what the handler gets. It is an http.Flusher, too, and nothing else: the record cannot
// be reached through it, nor changed but by writing.
func (r *Record) Writer() http.ResponseWriter { return writer{r} }

// Sent reports whether the handler has sent anything: a final status, a piece of the body, or a flush.
func (r *Record) Sent() bool { return r.status != 0 }

// Flushed reports whether the handler has flushed.
func (r *Record) Flushed() bool { return r.flushed }

// Status is the status, 200 if the handler has sent none.
func (r *Record) Status() int {
	if !r.Sent() {
		return http.StatusOK
	}
	return r.status
}

// Header is a copy of the headers that have been sent, or that would be if the handler returned now.
func (r *Record) Header() http.Header {
	h := r.frozen.Clone()
	if !r.Sent() {
		h = r.header.Clone()
	}
	start := r.body.Bytes()
	if r.flushed {
		start = start[:r.start]
	}
	if _, typed := h["Content-Type"]; !typed && len(start) > 0 && h.Get("Content-Encoding") == "" &&
		h.Get("Transfer-Encoding") == "" {
		h.Set("Content-Type", http.DetectContentType(start[:min(len(start), sniffed)]))
	}
	return h
}

// Body is what has been sent of the body.
func (r *Record) Body() string { return r.body.String() }

// writer is a value and no pointer: whoever gets it into their hands can replace no more than their
// own copy.
type writer struct{ to *Record }

func (w writer) Header() http.Header { return w.to.header }

func (w writer) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %v", status))
	}
	final := status >= 200 || status == http.StatusSwitchingProtocols
	if final && w.to.status == 0 {
		w.to.status, w.to.frozen = status, w.to.header.Clone()
	}
}

func (w writer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if !allowsBody(w.to.status) {
		return 0, http.ErrBodyNotAllowed
	}
	return w.to.body.Write(p)
}

func (w writer) Flush() {
	w.WriteHeader(http.StatusOK)
	if !w.to.flushed {
		w.to.flushed, w.to.start = true, w.to.body.Len()
	}
}

func allowsBody(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}
