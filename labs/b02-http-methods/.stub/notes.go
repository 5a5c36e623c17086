// Package notes keeps notes and serves them over HTTP.
package notes

import "net/http"

// NewNotes returns a handler with no notes in it. A note is {"id": "…", "text": "…", "tags": ["…"]} in JSON, and notes
// without tags have [].
//
//	GET     /notes       200 and an array of all notes, in any order
//	POST    /notes       201 and a Location: a new note, under an id that the server picks
//	GET     /notes/{id}  200 and the note, or 404
//	PUT     /notes/{id}  the note becomes exactly what the body says: 201 if it is new, else 200 or 204
//	DELETE  /notes/{id}  204, and the note is gone; 404 or 204 if there was none
//	HEAD    both         the status and headers of GET, without its body
//	OPTIONS both         200 or 204, and Allow
//
// Another method on one of these two paths is a 405 with Allow, another path a 404, and a body that is not JSON a 400.
// Many requests are served at the same time.
func NewNotes() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Error(w, "not implemented", http.StatusNotImplemented) // your code
	})
}
