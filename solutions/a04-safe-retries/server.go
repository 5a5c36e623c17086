// Package retries is a service that counts, and the client that talks to it over a network which
// loses, delays and doubles what it carries. Each addition counts once.
package retries

import (
	"fmt"
	"strconv"
	"sync"
	"time"
)

// Server executes requests, each of them once.
type Server struct {
	mu    sync.Mutex
	store Store
}

// NewServer returns a server on a store. If that is of a server that died, it goes on where that
// one was.
func NewServer(store Store) *Server {
	return &Server{store: store}
}

// Handle answers a request, or refuses it. It may be called from many goroutines at once.
func (s *Server) Handle(req Request) Response {
	// Looking, executing and remembering are one step.
	s.mu.Lock()
	defer s.mu.Unlock()
	client, counter := "client "+req.Client, "counter "+req.Op.Key
	seq, answer := recall(s.store.Get(client))
	switch {
	case req.Seq == seq:
		return Response{Value: answer}
	case req.Seq < seq:
		return Response{Err: Old} // its clerk has gone on, so nobody waits for this answer
	case !req.Deadline.IsZero() && time.Now().After(req.Deadline):
		return Response{Err: Expired}
	}
	value, _ := strconv.Atoi(s.store.Get(counter)) // 0 if there is none
	if req.Op.Kind == Add {
		value += req.Op.Delta
	}
	// The effect and the memory of it are one commit: no crash comes between.
	s.store.Commit(map[string]string{
		counter: strconv.Itoa(value),
		client:  fmt.Sprint(req.Seq, " ", value),
	})
	return Response{Value: value}
}

// recall reads what is remembered of a client: its latest request, and the answer to it. A clerk
// waits for each answer, or has given it up, before it goes on, so that is enough.
func recall(entry string) (seq uint64, answer int) {
	fmt.Sscan(entry, &seq, &answer)
	return seq, answer
}
