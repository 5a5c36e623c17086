// Package retries is a service that counts, and the client that talks to it over a network which
// loses, delays and doubles what it carries. Each addition counts once.
package retries

import (
	"encoding/json"
	"sync"
	"time"
)

// busy is the refusal of a copy that comes while the first is being executed.
const busy = "busy"

// Server executes requests, each of them once.
type Server struct {
	store Store

	mu       sync.Mutex
	atWork   map[string]bool        // clients
	counters map[string]*sync.Mutex // never removed: there are as many as counters
}

// memory is what is kept of a client.
type memory struct {
	Seq   uint64
	Value int
}

// NewServer returns a server on a store. If that is of a server that died, it goes on where that
// one was.
func NewServer(store Store) *Server {
	return &Server{store: store, atWork: map[string]bool{}, counters: map[string]*sync.Mutex{}}
}

// Handle answers a request, or refuses it. It may be called from many goroutines at once.
func (s *Server) Handle(req Request) Response {
	if !s.begin(req.Client) {
		return Response{Err: busy}
	}
	defer s.end(req.Client)
	var last memory
	if entry := s.store.Get("c/" + req.Client); entry != "" {
		json.Unmarshal([]byte(entry), &last)
		switch {
		case req.Seq < last.Seq:
			return Response{Err: Old}
		case req.Seq == last.Seq:
			return Response{Value: last.Value}
		}
	}
	if d := req.Deadline; !d.IsZero() && d.Before(time.Now()) {
		return Response{Err: Expired}
	}
	counter := s.counter(req.Op.Key)
	counter.Lock()
	defer counter.Unlock()
	name := "k/" + req.Op.Key
	var value int
	json.Unmarshal([]byte(s.store.Get(name)), &value) // nothing is 0
	if req.Op.Kind == Get {
		return Response{Value: value} // harmless, so it may be read again
	}
	value += req.Op.Delta
	s.store.Commit(map[string]string{
		name: encode(value), "c/" + req.Client: encode(memory{req.Seq, value})})
	return Response{Value: value}
}

// begin reports whether nothing of this client is under way, and notes that something is.
func (s *Server) begin(client string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.atWork[client] {
		return false
	}
	s.atWork[client] = true
	return true
}

func (s *Server) end(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.atWork, client)
}

func (s *Server) counter(key string) *sync.Mutex {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counters[key] == nil {
		s.counters[key] = &sync.Mutex{}
	}
	return s.counters[key]
}

func encode(v any) string {
	data, _ := json.Marshal(v)
	return string(data)
}
