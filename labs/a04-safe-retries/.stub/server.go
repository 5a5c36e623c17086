// Package retries is a service that counts, and the client that talks to it over a network which
// loses, delays and doubles what it carries. Each addition counts once.
package retries

// Server executes requests, each of them once.
type Server struct {
	// your fields
}

// NewServer returns a server on a store. If that is of a server that died, it goes on where that
// one was.
func NewServer(store Store) *Server {
	return &Server{} // your code
}

// Handle answers a request, or refuses it. It may be called from many goroutines at once.
func (s *Server) Handle(req Request) Response {
	return Response{Err: Expired} // your code
}
