// Package upload takes large files in chunks, by one protocol and from two kinds of servers: one that remembers nothing,
// and one that has everything in memory.
package upload

import (
	"context"
	"errors"
	"hash/fnv"
	"io"
	"net/http"
	"strconv"

	"github.com/dgryski/go-rendezvous"
)

// This one has no lock: one goroutine owns the uploads of a node, and requests ask it. The stateless server asks for the
// size first, and Route takes a library.

type stateless struct{ Store }

// NewStateless makes one instance of the stateless server.
func NewStateless(s Store) http.Handler { return stateless{s} }

func (in stateless) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Path[len("/u/"):]
	size, err := in.Size(r.Context(), id)
	unknown := errors.Is(err, ErrNotFound)
	switch {
	case err != nil && !unknown:
		w.WriteHeader(http.StatusInternalServerError)
	case r.Method == "PATCH":
		in.patch(w, r, id, size, unknown)
	case unknown:
		w.WriteHeader(http.StatusNotFound)
	default:
		answer(w, http.StatusNoContent, size)
	}
}

func (in stateless) patch(w http.ResponseWriter, r *http.Request, id string, size int64, unknown bool) {
	offset, _, ok := headers(r)
	switch {
	case !ok:
		w.WriteHeader(http.StatusBadRequest)
		return
	case unknown && offset != 0:
		w.WriteHeader(http.StatusNotFound)
		return
	case offset != size:
		answer(w, http.StatusConflict, size)
		return
	}
	chunk, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	err = in.AppendAt(r.Context(), id, offset, chunk)
	if errors.Is(err, ErrOffset) { // somebody was quicker
		size, err = in.Size(r.Context(), id)
		if err == nil {
			answer(w, http.StatusConflict, size)
			return
		}
	}
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, offset+int64(len(chunk)))
}

// Stateful is a node that has its open uploads in memory.
type Stateful struct {
	flush func(id string, data []byte) error
	tasks chan func() // run by the owner, one after another; they take no time

	// What follows belongs to the owner.
	known    map[string]*upload
	open     int
	draining bool
	waiting  []chan struct{} // closed when no upload is open
}

type upload struct {
	data     []byte
	size     int64
	done     bool
	flushing chan struct{} // not nil, and closed at its end, while flush is at work
}

// NewStateful makes a node that hands complete uploads to flush.
func NewStateful(flush func(id string, data []byte) error) *Stateful {
	s := &Stateful{flush: flush, tasks: make(chan func()), known: map[string]*upload{}}
	go func() {
		for task := range s.tasks {
			task()
		}
	}()
	return s
}

// do lets the owner do something, and waits until it is done.
func (s *Stateful) do(task func()) {
	done := make(chan struct{})
	s.tasks <- func() { task(); close(done) }
	<-done
}

// verdict is what the owner says to a request.
type verdict struct {
	status int
	offset int64         // -1 is none
	wait   chan struct{} // ask again when it is closed
	flush  []byte        // flush this first
}

// ServeHTTP serves as the brief says.
func (s *Stateful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Path[len("/u/"):]
	offset, length, ok := headers(r)
	chunk, err := io.ReadAll(r.Body)
	if r.Method == "PATCH" && (!ok || err != nil) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	v := verdict{wait: make(chan struct{})}
	close(v.wait)
	for v.wait != nil {
		<-v.wait
		s.do(func() {
			if r.Method == "PATCH" {
				v = s.take(id, offset, length, chunk)
			} else {
				v = s.look(id)
			}
		})
	}
	if v.flush != nil {
		err := s.flush(id, v.flush)
		s.do(func() { v = s.flushed(id, v, err) })
	}
	if v.offset < 0 {
		w.WriteHeader(v.status)
		return
	}
	answer(w, v.status, v.offset)
}

func (s *Stateful) look(id string) verdict {
	u := s.known[id]
	if u == nil {
		return verdict{status: http.StatusNotFound, offset: -1}
	}
	return verdict{status: http.StatusOK, offset: u.size, wait: u.flushing}
}

func (s *Stateful) take(id string, offset, length int64, chunk []byte) verdict {
	u := s.known[id]
	switch {
	case u == nil && offset != 0:
		return verdict{status: http.StatusNotFound, offset: -1}
	case u == nil && s.draining:
		return verdict{status: http.StatusServiceUnavailable, offset: -1}
	case u == nil:
		u = new(upload)
		s.known[id] = u
		s.open++
	case u.flushing != nil:
		return verdict{wait: u.flushing}
	case u.done || u.size != offset:
		return verdict{status: http.StatusConflict, offset: u.size}
	}
	whole := append(u.data[:u.size:u.size], chunk...)
	v := verdict{status: http.StatusNoContent, offset: int64(len(whole))}
	if v.offset == length {
		u.flushing, v.flush = make(chan struct{}), whole
		return v
	}
	u.data, u.size = whole, v.offset
	return v
}

// flushed settles what flush was called for.
func (s *Stateful) flushed(id string, v verdict, err error) verdict {
	u := s.known[id]
	close(u.flushing)
	u.flushing = nil
	if err != nil {
		return verdict{status: http.StatusInternalServerError, offset: -1}
	}
	u.data, u.size, u.done = nil, v.offset, true
	if s.open--; s.open == 0 {
		for _, c := range s.waiting {
			close(c)
		}
		s.waiting = nil
	}
	return v
}

// Drain empties the node before it is stopped, as the brief says.
func (s *Stateful) Drain(ctx context.Context) error {
	empty := make(chan struct{})
	s.do(func() {
		s.draining = true
		if s.open == 0 {
			close(empty)
			return
		}
		s.waiting = append(s.waiting, empty)
	})
	select {
	case <-empty:
		return nil
	case <-ctx.Done():
		s.do(func() { s.draining = false })
		return ctx.Err()
	}
}

// Route is the node that has the upload, as the brief says.
func Route(id string, nodes []string) string {
	return rendezvous.New(nodes, func(s string) uint64 {
		h := fnv.New64a()
		io.WriteString(h, s)
		return h.Sum64()
	}).Lookup(id)
}

// What follows is given: what is tedious, and no part of the question. Nothing in it need be changed.

// Store is shared by all stateless instances: a database, reached over the network. Its errors may come wrapped: compare
// with errors.Is.
type Store interface {
	// Size is the number of bytes of an upload. The error is ErrNotFound if nothing was ever appended to it.
	Size(ctx context.Context, id string) (int64, error)

	// AppendAt puts p behind the bytes of an upload, if there are off of them at this moment. If not, it does nothing,
	// and the error is ErrOffset. An upload to which nothing was appended has 0, and is created.
	AppendAt(ctx context.Context, id string, off int64, p []byte) error
}

var (
	// ErrOffset says that an upload has more bytes or fewer.
	ErrOffset = errors.New("another offset")
	// ErrNotFound says that there is no such upload.
	ErrNotFound = errors.New("no such upload")
)

// headers reads Upload-Offset and Upload-Length. It is not ok if the offset is missing, negative or no number.
func headers(r *http.Request) (offset, length int64, ok bool) {
	offset, err := strconv.ParseInt(r.Header.Get("Upload-Offset"), 10, 64)
	length, _ = strconv.ParseInt(r.Header.Get("Upload-Length"), 10, 64)
	return offset, length, err == nil && offset >= 0
}

// answer sends a status with an Upload-Offset.
func answer(w http.ResponseWriter, status int, offset int64) {
	w.Header().Set("Upload-Offset", strconv.FormatInt(offset, 10))
	w.WriteHeader(status)
}
