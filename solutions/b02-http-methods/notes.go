// Package notes keeps notes and serves them over HTTP.
package notes

import (
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"sync"
)

type note struct {
	ID   string   `json:"id"`
	Text string   `json:"text"`
	Tags []string `json:"tags"`
}

type notes struct {
	mu   sync.Mutex
	byID map[string]note
}

// NewNotes returns a handler with no notes in it.
func NewNotes() http.Handler {
	s := &notes{byID: map[string]note{}}
	mux := http.NewServeMux() // GET answers HEAD, too
	mux.HandleFunc("GET /notes", s.list)
	mux.HandleFunc("POST /notes", s.create)
	mux.HandleFunc("OPTIONS /notes", options("GET, HEAD, POST, OPTIONS"))
	mux.HandleFunc("/notes", notAllowed("GET, HEAD, POST, OPTIONS"))
	mux.HandleFunc("GET /notes/{id}", s.get)
	mux.HandleFunc("PUT /notes/{id}", s.put)
	mux.HandleFunc("DELETE /notes/{id}", s.delete)
	mux.HandleFunc("OPTIONS /notes/{id}", options("GET, HEAD, PUT, DELETE, OPTIONS"))
	mux.HandleFunc("/notes/{id}", notAllowed("GET, HEAD, PUT, DELETE, OPTIONS"))
	return mux
}

func (s *notes) list(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	all := make([]note, 0, len(s.byID))
	for _, n := range s.byID {
		all = append(all, n)
	}
	s.mu.Unlock()
	write(w, http.StatusOK, all)
}

// create makes a new note each time: whoever sends the same thing twice has two.
func (s *notes) create(w http.ResponseWriter, r *http.Request) {
	n, ok := read(w, r)
	if !ok {
		return
	}
	n.ID = rand.Text() // picked here, and so long that nobody picks it again
	s.mu.Lock()
	s.byID[n.ID] = n
	s.mu.Unlock()
	w.Header().Set("Location", "/notes/"+n.ID)
	write(w, http.StatusCreated, n)
}

func (s *notes) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	n, ok := s.byID[r.PathValue("id")]
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	write(w, http.StatusOK, n)
}

// put stores the body as the whole new note, so that it does not matter how often it arrives.
func (s *notes) put(w http.ResponseWriter, r *http.Request) {
	n, ok := read(w, r)
	if !ok {
		return
	}
	n.ID = r.PathValue("id")
	s.mu.Lock()
	_, existed := s.byID[n.ID]
	s.byID[n.ID] = n
	s.mu.Unlock()
	if existed {
		write(w, http.StatusOK, n)
		return
	}
	write(w, http.StatusCreated, n)
}

func (s *notes) delete(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	delete(s.byID, r.PathValue("id"))
	s.mu.Unlock()
	w.WriteHeader(http.StatusNoContent) // also the second time: it is gone, as was asked
}

func options(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", allow)
		w.WriteHeader(http.StatusNoContent)
	}
}

func notAllowed(allow string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Allow", allow)
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
	}
}

// read returns the note in a request's body, or answers 400.
func read(w http.ResponseWriter, r *http.Request) (n note, ok bool) {
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &n) // a Decoder would not look at what follows
	}
	if err != nil {
		http.Error(w, "the body is not a note in JSON", http.StatusBadRequest)
		return note{}, false
	}
	if n.Tags == nil {
		n.Tags = []string{} // nil would be null in JSON
	}
	return n, true
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}
