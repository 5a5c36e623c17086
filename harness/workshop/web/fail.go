package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/backend-labs/backend-labs/harness/intake"
	"github.com/backend-labs/backend-labs/harness/workshop/room"
	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

// failure is an error with the answer that it becomes.
type failure struct {
	status int
	said   wire.Error
}

func (f *failure) Error() string { return f.said.Text }

func fail(status int, code, text, hint string) *failure {
	return &failure{status, wire.Error{Text: text, Hint: hint, Code: code}}
}

func badRequest(format string, args ...any) *failure {
	return fail(http.StatusBadRequest, "bad_request", fmt.Sprintf(format, args...), "")
}

// known are the errors of the store as answers.
var known = []struct {
	err        error
	status     int
	code, hint string
}{
	{room.ErrCode, http.StatusForbidden, "code",
		"the instructor shows the room's code; those of other days do not count"},
	{room.ErrName, http.StatusBadRequest, "bad_request", "write how the instructor knows you"},
	{room.ErrTaken, http.StatusConflict, "name_taken",
		"take another name, or come back with the recovery code that you were given"},
	{room.ErrRoster, http.StatusForbidden, "roster",
		"write your name as the instructor's list has it"},
	{room.ErrToken, http.StatusUnauthorized, "token", "join again: labs join URL CODE --name NAME"},
	{room.ErrClosed, http.StatusConflict, "closed", "ask the instructor"},
	{room.ErrEnded, http.StatusGone, "ended", "nothing more is taken; what was handed in is kept"},
	{room.ErrDecided, http.StatusConflict, "bad_request", "begin another: labs room regrade --reason TEXT"},
	{room.ErrRunning, http.StatusConflict, "busy", "wait for the others, then apply it"},
	{room.ErrNotFound, http.StatusNotFound, "not_found", ""},
}

// failureOf is what an error says to whoever asked. Errors of ours are not told in detail.
func failureOf(err error) *failure {
	var f *failure
	var limit *room.Limit
	var large *http.MaxBytesError
	var rejected *intake.Rejection
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &limit):
		whole := (limit.Again + time.Second - 1).Truncate(time.Second)
		return again(fail(http.StatusTooManyRequests, "limit",
			"too many submissions for this lab within an hour",
			"the next one is taken in "+whole.String()), limit.Again)
	case errors.As(err, &large):
		return fail(http.StatusRequestEntityTooLarge, "too_large",
			"it is too large: at most 1 MiB of files is taken",
			"send the files that the lab names, and nothing else")
	case errors.As(err, &rejected):
		return fail(http.StatusBadRequest, "rejected", rejected.Error(),
			"send the files that the lab names")
	}
	for _, k := range known {
		if errors.Is(err, k.err) {
			return fail(k.status, k.code, k.err.Error(), k.hint)
		}
	}
	return again(fail(http.StatusInternalServerError, "busy", "the server could not do that",
		"try again; if it stays so, the instructor sees why in the server's log"), time.Second)
}

func again(f *failure, after time.Duration) *failure {
	f.said.RetryAfter = math.Ceil(after.Seconds()*10) / 10
	return f
}

// fail answers with what is wrong: as JSON, or as a page.
func (w *Web) fail(v *visit, err error) {
	f := failureOf(err)
	if f.status == http.StatusInternalServerError {
		w.Log.Error("request failed", "route", v.route.pattern, "error", err.Error())
	}
	if f.said.RetryAfter > 0 {
		v.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(f.said.RetryAfter))))
	}
	if f.status == http.StatusUnauthorized && v.route.api {
		v.Header().Set("WWW-Authenticate", "Bearer")
	}
	if v.route.api {
		_ = v.json(f.status, f.said)
		return
	}
	w.failPage(v, f)
}

// json answers with a value.
func (v *visit) json(status int, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	v.Header().Set("Content-Type", "application/json")
	v.WriteHeader(status)
	_, _ = v.Write(append(data, '\n'))
	return nil
}

// nothing answers that it is done.
func (v *visit) nothing() error {
	v.WriteHeader(http.StatusNoContent)
	return nil
}

// Header is the answer's header; that of the request is v.Request.Header.
func (v *visit) Header() http.Header { return v.ResponseWriter.Header() }

// Write writes a piece of the answer.
func (v *visit) Write(p []byte) (int, error) { return v.ResponseWriter.Write(p) }

// read reads the body's JSON into a value.
func (v *visit) read(value any) error {
	d := json.NewDecoder(v.Body)
	if err := d.Decode(value); err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return err
		}
		return badRequest("the body is not the JSON that is meant: %v", err)
	}
	return nil
}

// number is an id of the path.
func (v *visit) number(name string) (int64, error) {
	n, err := strconv.ParseInt(v.PathValue(name), 10, 64)
	if err != nil {
		return 0, room.ErrNotFound
	}
	return n, nil
}

// recovered answers for a handler that has panicked, and logs where.
func (w *Web) recovered(rw http.ResponseWriter, r *http.Request) {
	switch p := recover(); {
	case p == nil:
	case p == http.ErrAbortHandler:
		panic(p)
	default:
		w.Log.Error("panic", "path", r.URL.Path, "value", fmt.Sprint(p), "stack",
			string(debug.Stack()))
		http.Error(rw, "the server could not do that", http.StatusInternalServerError)
	}
}
