// Package retries is a service that counts, and the client that talks to it over a network which
// loses, delays and doubles what it carries. Each addition counts once.
package retries

import (
	"strconv"
	"strings"
	"sync"
	"time"
)

// Server executes requests, each of them once. What is on the disk it reads once.
type Server struct {
	store Store

	mu       sync.Mutex
	counters map[string]int
	clients  map[string]latest
}

// latest is the latest request of a client.
type latest struct {
	req    Request
	answer Response
}

// NewServer returns a server on a store. If that is of a server that died, it goes on where that
// one was.
func NewServer(store Store) *Server {
	return &Server{store: store, counters: map[string]int{}, clients: map[string]latest{}}
}

// Handle answers a request, or refuses it. It may be called from many goroutines at once.
func (s *Server) Handle(req Request) Response {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.latest(req.Client)
	if req.Seq == last.req.Seq {
		return last.answer
	}
	if req.Seq < last.req.Seq {
		return Response{Err: Old}
	}
	if !req.Deadline.IsZero() && time.Since(req.Deadline) > 0 {
		return Response{Err: Expired}
	}
	value := s.counter(req.Op.Key)
	if req.Op.Kind == Add {
		value += req.Op.Delta
	}
	number := strconv.Itoa(value)
	entries := map[string]string{"<" + req.Client: strconv.FormatUint(req.Seq, 36) + "=" + number}
	if req.Op.Kind == Add {
		entries[">"+req.Op.Key] = number
	}
	s.store.Commit(entries) // what follows is only memory
	s.counters[req.Op.Key] = value
	last = latest{req, Response{Value: value}}
	s.clients[req.Client] = last
	return last.answer
}

func (s *Server) latest(client string) latest {
	l, ok := s.clients[client]
	if ok {
		return l
	}
	seq, value, _ := strings.Cut(s.store.Get("<"+client), "=")
	l.req.Seq, _ = strconv.ParseUint(seq, 36, 64)
	l.answer.Value, _ = strconv.Atoi(value)
	s.clients[client] = l
	return l
}

func (s *Server) counter(key string) int {
	value, ok := s.counters[key]
	if !ok {
		value, _ = strconv.Atoi(s.store.Get(">" + key))
		s.counters[key] = value
	}
	return value
}
