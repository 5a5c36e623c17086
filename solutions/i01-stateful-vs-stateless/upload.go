// Package upload takes large files in chunks, by one protocol and from two kinds of servers: one that remembers nothing,
// and one that has everything in memory.
package upload

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
)

// stateless has the store, and nothing of its own.
type stateless struct{ store Store }

// NewStateless makes one instance of the stateless server.
func NewStateless(s Store) http.Handler {
	in := stateless{s}
	mux := http.NewServeMux()
	mux.HandleFunc("HEAD /u/{id}", in.head)
	mux.HandleFunc("PATCH /u/{id}", in.patch)
	return mux
}

func (in stateless) head(w http.ResponseWriter, r *http.Request) { in.size(w, r, http.StatusOK) }

func (in stateless) patch(w http.ResponseWriter, r *http.Request) {
	offset, _, ok := headers(r)
	chunk, err := io.ReadAll(r.Body)
	if !ok || err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	// The store looks and appends in one step, so nobody can come in between.
	err = in.store.AppendAt(r.Context(), r.PathValue("id"), offset, chunk)
	switch {
	case err == nil:
		answer(w, http.StatusNoContent, offset+int64(len(chunk)))
	case errors.Is(err, ErrOffset):
		in.size(w, r, http.StatusConflict)
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// size answers with the offset at which the upload goes on.
func (in stateless) size(w http.ResponseWriter, r *http.Request, status int) {
	size, err := in.store.Size(r.Context(), r.PathValue("id"))
	switch {
	case err == nil:
		answer(w, status, size)
	case errors.Is(err, ErrNotFound):
		w.WriteHeader(http.StatusNotFound)
	default:
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

// Stateful is a node that has its open uploads in memory.
type Stateful struct {
	flush func(id string, data []byte) error
	mux   *http.ServeMux

	mu       sync.Mutex // never held while something takes its time
	uploads  map[string]*session
	open     int
	closed   chan struct{} // closed, and replaced, when the last open upload is
	draining bool
}

// session is one upload. Its requests take turns.
type session struct {
	mu   sync.Mutex
	data []byte
	size int64
	done bool
}

// NewStateful makes a node that hands complete uploads to flush.
func NewStateful(flush func(id string, data []byte) error) *Stateful {
	s := &Stateful{flush: flush, uploads: map[string]*session{}, closed: make(chan struct{})}
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("HEAD /u/{id}", s.head)
	s.mux.HandleFunc("PATCH /u/{id}", s.patch)
	return s
}

// ServeHTTP serves as the brief says.
func (s *Stateful) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Stateful) head(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	u := s.uploads[r.PathValue("id")]
	s.mu.Unlock()
	if u == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	answer(w, http.StatusOK, u.size)
}

func (s *Stateful) patch(w http.ResponseWriter, r *http.Request) {
	offset, length, ok := headers(r)
	chunk, err := io.ReadAll(r.Body) // before any lock: a client may stall here for minutes
	if !ok || err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	u, status := s.find(r.PathValue("id"), offset)
	if u == nil {
		w.WriteHeader(status)
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.done || u.size != offset {
		answer(w, http.StatusConflict, u.size)
		return
	}
	data := append(u.data, chunk...)
	size := int64(len(data))
	if size == length {
		if s.flush(r.PathValue("id"), data) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		data, u.done = nil, true
		s.close()
	}
	u.data, u.size = data, size
	answer(w, http.StatusNoContent, size)
}

// find is the upload, begun if that is what the request does; or nil, and what to answer.
func (s *Stateful) find(id string, offset int64) (u *session, status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch u := s.uploads[id]; {
	case u != nil:
		return u, http.StatusOK
	case offset != 0:
		return nil, http.StatusNotFound
	case s.draining:
		return nil, http.StatusServiceUnavailable
	}
	s.uploads[id] = new(session)
	s.open++
	return s.uploads[id], http.StatusOK
}

// close counts an upload that is flushed.
func (s *Stateful) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open--; s.open == 0 {
		close(s.closed)
		s.closed = make(chan struct{})
	}
}

// Drain empties the node before it is stopped, as the brief says.
func (s *Stateful) Drain(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	open, closed := s.open, s.closed
	s.mu.Unlock()
	if open == 0 {
		return nil
	}
	select {
	case <-closed: // and no other has begun since
		return nil
	case <-ctx.Done():
		s.mu.Lock()
		s.draining = false
		s.mu.Unlock()
		return ctx.Err()
	}
}

// Route is the node that has the upload: each node draws a number for the id, and the highest wins. A node that comes
// or goes changes no other one's number.
func Route(id string, nodes []string) string {
	var best string
	var highest uint64
	for _, node := range nodes {
		sum := sha256.Sum256([]byte(node + "\x00" + id))
		if n := binary.BigEndian.Uint64(sum[:]); best == "" || n > highest {
			best, highest = node, n
		}
	}
	return best
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
