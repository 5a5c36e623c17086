// Package upload takes large files in chunks, by one protocol and from two kinds of servers: one that remembers nothing,
// and one that has everything in memory.
package upload

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// This one passes a body on as it comes: of one that breaks off a beginning is taken. A request of a stateful node holds
// its upload from the first byte to the answer, and Drain looks every 20 ms. Route has a ring with many points.

// NewStateless makes one instance of the stateless server.
func NewStateless(s Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := strings.TrimPrefix(r.URL.Path, "/u/")
		status := http.StatusOK
		if r.Method == http.MethodPatch {
			status = http.StatusNoContent
			if failed := appendAll(s, id, r); failed != 0 {
				status = failed
			}
		}
		if status == http.StatusOK || status == http.StatusNoContent || status == http.StatusConflict {
			status = sayWhere(w, s, id, r, status)
		}
		w.WriteHeader(status)
	})
}

// sayWhere puts the size into the header, and returns what to answer.
func sayWhere(w http.ResponseWriter, s Store, id string, r *http.Request, status int) int {
	size, err := s.Size(r.Context(), id)
	if errors.Is(err, ErrNotFound) {
		return http.StatusNotFound
	} else if err != nil {
		return http.StatusBadGateway
	}
	w.Header().Set("Upload-Offset", strconv.FormatInt(size, 10))
	return status
}

// appendAll appends a body piece by piece, and returns the status if that fails.
func appendAll(s Store, id string, r *http.Request) (failed int) {
	offset, _, ok := headers(r)
	if !ok {
		return http.StatusBadRequest
	}
	piece := make([]byte, 32<<10)
	for {
		n, readErr := r.Body.Read(piece)
		if n > 0 {
			switch err := s.AppendAt(r.Context(), id, offset, piece[:n]); {
			case errors.Is(err, ErrOffset):
				return http.StatusConflict
			case err != nil:
				return http.StatusBadGateway
			}
			offset += int64(n)
		}
		if readErr == io.EOF {
			return 0
		} else if readErr != nil {
			return http.StatusBadRequest
		}
	}
}

// Stateful is a node that has its open uploads in memory.
type Stateful struct {
	flush    func(id string, data []byte) error
	gate     sync.RWMutex // who enters an upload holds it for reading, who changes draining for writing
	draining bool
	sessions sync.Map // id → *session
	open     atomic.Int64
}

// session is one upload. Whoever has put something into turn may use the rest.
type session struct {
	turn  chan struct{}
	taken [][]byte // pieces, as they came
	size  int64
	done  bool
}

// NewStateful makes a node that hands complete uploads to flush.
func NewStateful(flush func(id string, data []byte) error) *Stateful { return &Stateful{flush: flush} }

// ServeHTTP serves as the brief says.
func (s *Stateful) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := strings.TrimPrefix(r.URL.Path, "/u/")
	offset, length, ok := headers(r)
	if r.Method == http.MethodPatch && !ok {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	u, status := s.enter(id, r.Method == http.MethodPatch && offset == 0)
	if u == nil {
		w.WriteHeader(status)
		return
	}
	u.turn <- struct{}{}
	defer func() { <-u.turn }()
	switch {
	case r.Method == http.MethodHead:
		answer(w, http.StatusOK, u.size)
	case u.done || u.size != offset:
		answer(w, http.StatusConflict, u.size)
	default:
		s.take(w, r, id, u, length)
	}
}

// take reads the body into the upload, and flushes that if it is complete.
func (s *Stateful) take(w http.ResponseWriter, r *http.Request, id string, u *session, length int64) {
	before, size := len(u.taken), u.size
	for {
		piece := make([]byte, 16<<10)
		n, err := r.Body.Read(piece)
		u.taken, u.size = append(u.taken, piece[:n:n]), u.size+int64(n)
		if err == io.EOF {
			break
		} else if err != nil {
			return
		}
	}
	if u.size == length {
		if s.flush(id, slices.Concat(u.taken...)) != nil {
			u.taken, u.size = u.taken[:before], size
			w.WriteHeader(http.StatusInsufficientStorage)
			return
		}
		u.taken, u.done = nil, true
		s.open.Add(-1)
	}
	answer(w, http.StatusOK, u.size)
}

// enter is the upload, begun if it is to be.
func (s *Stateful) enter(id string, begins bool) (*session, int) {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if u, ok := s.sessions.Load(id); ok {
		return u.(*session), 0
	}
	if !begins {
		return nil, http.StatusNotFound
	}
	if s.draining {
		return nil, http.StatusServiceUnavailable
	}
	u, there := s.sessions.LoadOrStore(id, &session{turn: make(chan struct{}, 1)})
	if !there {
		s.open.Add(1)
	}
	return u.(*session), 0
}

func (s *Stateful) drains(yes bool) {
	s.gate.Lock()
	defer s.gate.Unlock()
	s.draining = yes
}

// Drain empties the node before it is stopped, as the brief says.
func (s *Stateful) Drain(ctx context.Context) error {
	s.drains(true)
	look := time.NewTicker(20 * time.Millisecond)
	defer look.Stop()
	for s.open.Load() > 0 {
		select {
		case <-look.C:
		case <-ctx.Done():
			s.drains(false)
			return ctx.Err()
		}
	}
	return nil
}

const points = 20 // of each node on the ring

// Route is the node that has the upload, as the brief says: that of the next point on a ring.
func Route(id string, nodes []string) string {
	type distance struct {
		node string
		far  uint64
	}
	own := place(id)
	var all []distance
	for _, node := range nodes {
		for i := range points {
			all = append(all, distance{node, place(strconv.Itoa(i)+node) - own})
		}
	}
	return slices.MinFunc(all, func(a, b distance) int { return cmp.Compare(a.far, b.far) }).node
}

func place(name string) uint64 {
	sum := sha256.Sum256([]byte(name))
	return binary.LittleEndian.Uint64(sum[8:])
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
