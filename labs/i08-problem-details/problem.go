// Package problem answers with errors that programs can read: problem details as RFC 9457 defines them.
package problem

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
)

// Problem is what a client gets to know of an error, in the members of RFC 9457, section 3.1, and in Ext those beyond them.
type Problem struct {
	Type, Title      string
	Status           int
	Detail, Instance string
	Ext              map[string]any
}

// Register makes p the answer to errors that are target.
func Register(target error, p Problem) {
	// your code
}

// Write answers with the problem that err is. The README says what that looks like, and what is logged.
func Write(w http.ResponseWriter, r *http.Request, err error, log *slog.Logger) {
	w.WriteHeader(http.StatusNotImplemented) // your code
}

// Recover serves with next, and turns its panics into problems or, where it is too late for that, into a connection that
// is cut. The README says when that is.
func Recover(next http.Handler, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t := &teller{ResponseWriter: w, wroteHeader: func(int) {}, wrote: func() {}, flushed: func() {}}
		t.WriteHeader(http.StatusNotImplemented) // your code
	})
}

// Parse reads the problem in a response of 400 or more, and does not insist on anything.
func Parse(resp *http.Response) (*Problem, error) {
	return &Problem{}, nil // your code
}

// What follows is given: what is tedious, and no part of the question. Nothing in it need be changed.

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

// teller is a ResponseWriter that tells of each call before it passes it on.
type teller struct {
	http.ResponseWriter
	wroteHeader func(status int)
	wrote       func()
	flushed     func()
}

func (t *teller) WriteHeader(status int) {
	t.wroteHeader(status)
	t.ResponseWriter.WriteHeader(status)
}

func (t *teller) Write(p []byte) (int, error) {
	t.wrote()
	return t.ResponseWriter.Write(p)
}

// FlushError is what an http.ResponseController calls.
func (t *teller) FlushError() error {
	t.flushed()
	return http.NewResponseController(t.ResponseWriter).Flush()
}

// Flush is what those call who ask for an http.Flusher.
func (t *teller) Flush() { t.FlushError() }

// Unwrap lets an http.ResponseController reach what the teller does not know.
func (t *teller) Unwrap() http.ResponseWriter { return t.ResponseWriter }
