// Package problem answers with errors that programs can read. What a handler does with its writer is
// watched by httpsnoop, which keeps all that the writer below can do, and a panic's answer is written to
// that one directly.
package problem

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/felixge/httpsnoop"
)

// Problem is what a client gets to know of an error.
type Problem struct {
	Type     string // a URI that names the kind of problem, for programs
	Title    string // what kind that is, for people; the same each time
	Status   int
	Detail   string         // what helps to understand it
	Instance string         // a URI that names this one occurrence
	Ext      map[string]any // members beyond these
}

const (
	mediaType = "application/problem+json"
	blank     = "about:blank" // nothing is known but the status
)

// entry is what an error looks like to a client. The catalogue is a list, since the first that fits counts.
type entry struct {
	target  error
	problem Problem
}

var catalogue []entry

// Register makes p the answer to errors that are target.
func Register(target error, p Problem) { catalogue = append(catalogue, entry{target, p}) }

// describe finds out which problem an error is. What is not known says nothing about itself: its text is for the log.
func describe(err error) (Problem, map[string]any) {
	var fields Invalid
	if errors.As(err, &fields) {
		return Problem{Type: "https://api.example.com/problems/invalid-fields", Title: "Some fields are invalid",
			Status: http.StatusUnprocessableEntity}, map[string]any{"errors": append(Invalid{}, fields...)}
	}
	for _, e := range catalogue {
		if errors.Is(err, e.target) {
			return e.problem, map[string]any{}
		}
	}
	return Problem{Status: http.StatusInternalServerError}, map[string]any{}
}

// standard are the members that the RFC defines: no extension may look like one of them.
var standard = map[string]bool{"type": true, "title": true, "status": true, "detail": true, "instance": true}

// Write answers with the problem that err is.
func Write(w http.ResponseWriter, r *http.Request, err error, log *slog.Logger) {
	p, own := describe(err)
	p.Instance = reference(r)
	if seconds := retryAfter(err); seconds > 0 {
		own["retry_after"] = seconds
		w.Header().Set("Retry-After", strconv.FormatInt(seconds, 10))
	}
	if p.Status >= 500 {
		// The one place where all of it stands, under the name that the client has, too.
		log.ErrorContext(r.Context(), "request failed", "error", err, "instance", p.Instance)
	}
	p.send(w, own)
}

// retryAfter is how many whole seconds an error asks to wait. Rounded down, a client would come too early.
func retryAfter(err error) int64 {
	var later interface{ RetryAfter() time.Duration }
	if !errors.As(err, &later) {
		return 0
	}
	d := later.RetryAfter()
	seconds := int64(d / time.Second)
	if d > 0 && d%time.Second > 0 {
		seconds++
	}
	return seconds
}

// send writes the problem, with members of the error's own.
func (p Problem) send(w http.ResponseWriter, own map[string]any) {
	members := maps.Clone(p.Ext) // Ext is shared by all requests
	if members == nil {
		members = map[string]any{}
	}
	maps.Copy(members, own)
	maps.DeleteFunc(members, func(name string, _ any) bool { return standard[name] })
	members["type"] = cmp.Or(p.Type, blank)
	members["title"] = cmp.Or(p.Title, http.StatusText(p.Status))
	members["status"], members["instance"] = p.Status, p.Instance
	if p.Detail != "" {
		members["detail"] = p.Detail
	}
	body, _ := json.Marshal(members) // what is registered can be encoded

	h := w.Header()
	for _, name := range []string{"Content-Length", "Content-Encoding", "ETag", "Last-Modified", "Cache-Control"} {
		h.Del(name) // of the answer that was to be
	}
	h.Set("Content-Type", mediaType)
	w.WriteHeader(p.Status)
	w.Write(body)
}

// Recover serves with next, and turns its panics into problems.
func Recover(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := false
		snooped := httpsnoop.Wrap(w, httpsnoop.Hooks{
			WriteHeader: func(next httpsnoop.WriteHeaderFunc) httpsnoop.WriteHeaderFunc {
				return func(status int) {
					sent = sent || status >= http.StatusOK
					next(status)
				}
			},
			Write: func(next httpsnoop.WriteFunc) httpsnoop.WriteFunc {
				return func(p []byte) (int, error) {
					sent = true
					return next(p)
				}
			},
			ReadFrom: func(next httpsnoop.ReadFromFunc) httpsnoop.ReadFromFunc {
				return func(from io.Reader) (int64, error) {
					sent = true
					return next(from)
				}
			},
			Flush: func(next httpsnoop.FlushFunc) httpsnoop.FlushFunc {
				return func() {
					sent = true
					next()
				}
			},
		})
		done := false
		defer func() {
			if done {
				return
			}
			switch v := recover(); {
			case v == http.ErrAbortHandler:
				panic(v)
			case sent:
				log.ErrorContext(r.Context(), "aborted", "cause", fmt.Sprint(v), "ref", reference(r))
				panic(http.ErrAbortHandler)
			default:
				Write(w, r, fmt.Errorf("%v", v), log)
			}
		}()
		next.ServeHTTP(snooped, r)
		done = true
	})
}

func reference(r *http.Request) string { return "urn:req:" + RequestID(r.Context()) }

// Parse reads the problem in a response of 400 or more, and does not insist on anything: a proxy's page is a problem,
// too, and an API that grows must not break its clients.
func Parse(resp *http.Response) (*Problem, error) {
	p := &Problem{Type: blank, Title: http.StatusText(resp.StatusCode), Status: resp.StatusCode}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, fmt.Errorf("read a problem: %w", err)
	}
	var members map[string]any // not a struct: there a "Title" would be a title
	media, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if media != mediaType || json.Unmarshal(body, &members) != nil {
		return p, nil
	}
	p.Ext = map[string]any{}
	for name, v := range members {
		if !standard[name] {
			p.Ext[name] = v
			continue
		}
		text, ok := v.(string)
		if !ok {
			continue
		}
		switch name {
		case "type":
			p.Type = text
		case "title":
			p.Title = text
		case "detail":
			p.Detail = text
		case "instance":
			p.Instance = text
		}
	}
	return p, nil
}

// FieldError is one field of a request that is not as it should be.
type FieldError struct {
	Pointer string `json:"pointer"` // where, as a JSON Pointer in a fragment: #/lines/1/qty
	Detail  string `json:"detail"`  // what is wrong, for people
}

// Invalid is the error of a request with invalid fields. It may be wrapped.
type Invalid []FieldError

// Error counts the fields.
func (v Invalid) Error() string { return fmt.Sprintf("%d invalid fields", len(v)) }

type requestID struct{}

// WithRequestID returns a context in which a request has that id.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestID{}, id)
}

// RequestID returns the id of the request, or "".
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestID{}).(string)
	return id
}
