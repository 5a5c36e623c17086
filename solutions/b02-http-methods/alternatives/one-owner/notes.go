// Package notes keeps notes and serves them over HTTP.
//
// This one has no lock: one goroutine owns the notes, and requests send it what to do. Routing is by hand, from a table
// of methods for each kind of resource, so what Allow says is what there is.
package notes

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
)

type content struct {
	Text string   `json:"text"`
	Tags []string `json:"tags"`
}

type note struct {
	ID string `json:"id"`
	content
}

type store struct {
	notes map[string]content
	next  int
	used  map[string]bool // every id that ever was
}

type request struct {
	id   string
	body content
}

type answer struct {
	status   int
	location string
	body     any
}

// operation is done by the owner, so never two at once.
type operation func(s *store, r request) answer

var collection = map[string]operation{
	"GET": func(s *store, _ request) answer {
		all := []note{}
		for _, id := range slices.Sorted(maps.Keys(s.notes)) {
			all = append(all, note{id, s.notes[id]})
		}
		return answer{status: 200, body: all}
	},
	"POST": func(s *store, r request) answer {
		id := ""
		for id == "" || s.used[id] {
			s.next++
			id = fmt.Sprint(s.next)
		}
		s.used[id], s.notes[id] = true, r.body
		return answer{status: 201, location: "/notes/" + id}
	},
}

var single = map[string]operation{
	"GET": func(s *store, r request) answer {
		if c, ok := s.notes[r.id]; ok {
			return answer{status: 200, body: note{r.id, c}}
		}
		return answer{status: 404}
	},
	"PUT": func(s *store, r request) answer {
		_, ok := s.notes[r.id]
		s.used[r.id], s.notes[r.id] = true, r.body
		if ok {
			return answer{status: 204}
		}
		return answer{status: 201}
	},
	"DELETE": func(s *store, r request) answer {
		if _, ok := s.notes[r.id]; !ok {
			return answer{status: 404}
		}
		delete(s.notes, r.id)
		return answer{status: 204}
	},
}

// NewNotes returns a handler with no notes in it.
func NewNotes() http.Handler {
	work := make(chan func(*store))
	go func() {
		s := &store{notes: map[string]content{}, used: map[string]bool{}}
		for do := range work {
			do(s)
		}
	}()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, below := strings.CutPrefix(r.URL.Path, "/notes/")
		operations := single
		switch {
		case r.URL.Path == "/notes":
			operations = collection
		case !below || id == "" || strings.Contains(id, "/"):
			w.WriteHeader(404)
			return
		}
		method := r.Method
		if method == "HEAD" {
			method = "GET"
		}
		op, ok := operations[method]
		if !ok {
			for _, m := range slices.Sorted(maps.Keys(operations)) {
				w.Header().Add("Allow", m)
			}
			status := 405
			if method == "OPTIONS" {
				status = 200
			}
			w.WriteHeader(status)
			return
		}
		req := request{id: id}
		if method == "POST" || method == "PUT" {
			data, err := io.ReadAll(r.Body)
			if err != nil || json.Unmarshal(data, &req.body) != nil {
				w.WriteHeader(400)
				return
			}
		}
		req.body.Tags = append([]string{}, req.body.Tags...)
		done := make(chan answer, 1)
		work <- func(s *store) { done <- op(s, req) }
		(<-done).send(w, r)
	})
}

func (a answer) send(w http.ResponseWriter, r *http.Request) {
	if a.location != "" {
		w.Header().Set("Location", a.location)
	}
	if a.body == nil {
		w.WriteHeader(a.status)
		return
	}
	data, err := json.Marshal(a.body)
	if err != nil {
		w.WriteHeader(500)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	w.WriteHeader(a.status)
	if r.Method != "HEAD" {
		w.Write(data)
	}
}
