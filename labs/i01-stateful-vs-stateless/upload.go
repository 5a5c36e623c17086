// Package upload takes large files in chunks, by one protocol and from two kinds of servers: one that remembers nothing,
// and one that has everything in memory.
package upload

import (
	"context"
	"errors"
	"net/http"
	"strconv"
)

// NewStateless makes one instance of the stateless server.
func NewStateless(s Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		offset, _, _ := headers(r)
		answer(w, http.StatusNotImplemented, offset) // your code
	})
}

// Stateful is a node that has its open uploads in memory.
type Stateful struct {
	// Your fields.
}

// NewStateful makes a node that hands complete uploads to flush.
func NewStateful(flush func(id string, data []byte) error) *Stateful {
	return &Stateful{}
}

// ServeHTTP serves as the brief says.
func (s *Stateful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.WriteHeader(http.StatusNotImplemented) // your code
}

// Drain empties the node before it is stopped, as the brief says.
func (s *Stateful) Drain(ctx context.Context) error {
	return errors.New("not implemented") // your code
}

// Route is the node that has the upload, as the brief says.
func Route(id string, nodes []string) string {
	return "" // your code
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
