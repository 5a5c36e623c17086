// Package notes keeps notes and serves them over HTTP.
//
// This one takes the liberties that the contract leaves: the newest note comes first, /notes/ is
// /notes, a method that a note does not support is looked at only if the note is there, JSON of
// another shape is a 422, and what went wrong is told in JSON.
package notes

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

type note struct {
	ID   string   `json:"id"`
	Text string   `json:"text"`
	Tags []string `json:"tags"`
}

type notes struct {
	mu   sync.RWMutex
	all  []note          // the newest first
	used map[string]bool // the ids of all that there ever were
}

// NewNotes returns a handler with no notes in it.
func NewNotes() http.Handler { return &notes{used: map[string]bool{}} }

func (s *notes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/notes" || r.URL.Path == "/notes/" {
		s.collection(w, r)
		return
	}
	id, below := strings.CutPrefix(r.URL.Path, "/notes/")
	if !below || strings.Contains(id, "/") {
		problem(w, http.StatusNotFound)
		return
	}
	s.single(w, r, id)
}

func (s *notes) collection(w http.ResponseWriter, r *http.Request) {
	switch r.Method {
	case "GET", "HEAD":
		s.mu.RLock()
		all := append([]note{}, s.all...)
		s.mu.RUnlock()
		show(w, r, all)
	case "POST":
		n, err := read(r)
		if err != nil {
			problem(w, statusOf(err))
			return
		}
		s.mu.Lock()
		n.ID = "n" + strconv.Itoa(len(s.used))
		for i := 0; s.used[n.ID]; i++ {
			n.ID += strconv.Itoa(i)
		}
		s.store(n)
		s.mu.Unlock()
		w.Header().Set("Location", "http://"+r.Host+"/notes/"+n.ID)
		w.WriteHeader(http.StatusCreated)
	default:
		allow(w, r, "GET, POST")
	}
}

func (s *notes) single(w http.ResponseWriter, r *http.Request, id string) {
	switch r.Method {
	case "PUT":
		n, err := read(r)
		if err != nil {
			problem(w, statusOf(err))
			return
		}
		n.ID = id
		s.mu.Lock()
		existed := s.store(n)
		s.mu.Unlock()
		w.WriteHeader(map[bool]int{true: http.StatusOK, false: http.StatusCreated}[existed])
	case "DELETE":
		s.mu.Lock()
		before := len(s.all)
		s.all = slices.DeleteFunc(s.all, func(n note) bool { return n.ID == id })
		deleted := len(s.all) < before
		s.mu.Unlock()
		if !deleted {
			problem(w, http.StatusNotFound)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		s.existing(w, r, id)
	}
}

// existing answers what is asked of a note that must be there.
func (s *notes) existing(w http.ResponseWriter, r *http.Request, id string) {
	s.mu.RLock()
	i := slices.IndexFunc(s.all, func(n note) bool { return n.ID == id })
	var n note
	if i >= 0 {
		n = s.all[i]
	}
	s.mu.RUnlock()
	switch {
	case i < 0 && r.Method != "OPTIONS":
		problem(w, http.StatusNotFound)
	case r.Method == "GET" || r.Method == "HEAD":
		show(w, r, n)
	default:
		allow(w, r, "DELETE, GET, PUT")
	}
}

// store puts a note first, in the place of the one with its id.
func (s *notes) store(n note) (existed bool) {
	before := len(s.all)
	s.all = slices.DeleteFunc(s.all, func(old note) bool { return old.ID == n.ID })
	existed = len(s.all) < before
	s.all = slices.Insert(s.all, 0, n)
	s.used[n.ID] = true
	return existed
}

func read(r *http.Request) (n note, err error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return note{}, err
	}
	err = json.Unmarshal(body, &n)
	n.Tags = append([]string{}, n.Tags...)
	return n, err
}

func statusOf(err error) int {
	if _, shape := errors.AsType[*json.UnmarshalTypeError](err); shape {
		return http.StatusUnprocessableEntity
	}
	return http.StatusBadRequest
}

func show(w http.ResponseWriter, r *http.Request, v any) {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		problem(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	if r.Method != "HEAD" {
		w.Write(text)
	}
}

func allow(w http.ResponseWriter, r *http.Request, methods string) {
	w.Header().Set("Allow", methods)
	if r.Method == "OPTIONS" {
		w.WriteHeader(http.StatusOK)
		return
	}
	problem(w, http.StatusMethodNotAllowed)
}

func problem(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"status": status, "title": http.StatusText(status)})
}
