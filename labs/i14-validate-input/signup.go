// Package signup takes what strangers enter, and hands it on to a page, a database and a file system.
package signup

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ParseSignup reads a body. Without an error the Signup is what was entered; the README says what is refused.
func ParseSignup(body []byte) (Signup, []FieldError) {
	var errs fieldErrors
	if _, ok := object(body); !ok {
		errs.add("", InvalidJSON)
	}
	_ = member                     // is given, below
	return Signup{}, errs.sorted() // your code
}

// RenderBio writes the bio as a piece of a page.
func RenderBio(w io.Writer, s Signup) error {
	return nil // your code
}

// FindByName returns the users with that name.
func FindByName(ctx context.Context, db *pgxpool.Pool, name string) ([]User, error) {
	return nil, nil // your code
}

// OpenUpload opens a file below root for reading.
func OpenUpload(root *os.Root, name string) (*os.File, error) {
	return nil, errors.New("not there yet") // your code
}

// What follows is given: what is tedious, and no part of the question.

// Signup is what somebody has entered who wants an account.
type Signup struct {
	Username string `json:"username"`
	Email    string `json:"email"`
	Age      int    `json:"age"`
	Bio      string `json:"bio"`
	Website  string `json:"website"`
}

// FieldError says by a JSON Pointer, such as /age, which member of a body is not as it should be, and why by one of the
// codes below, which never change.
type FieldError struct {
	Pointer string `json:"pointer"`
	Code    string `json:"code"`
}

// The codes.
const (
	InvalidJSON  = "invalid_json"
	Required     = "required"
	WrongType    = "wrong_type"
	UnknownField = "unknown_field"
	TooShort     = "too_short"
	TooLong      = "too_long"
	OutOfRange   = "out_of_range"
	BadCharacter = "bad_character"
	BadFormat    = "bad_format"
)

// User is a row of the table users.
type User struct {
	ID   int64
	Name string
}

// Schema is that table.
const Schema = `CREATE TABLE users (id bigserial PRIMARY KEY, name text NOT NULL)`

// object decodes a body that is one JSON object, and nothing else. It does not see bytes that are no UTF-8:
// encoding/json turns them into U+FFFD without a word.
func object(body []byte) (members map[string]json.RawMessage, ok bool) {
	err := json.Unmarshal(body, &members)
	return members, err == nil && members != nil
}

// member decodes a member into what v points to. It returns "" or a code: Required where the member is absent or null,
// and WrongType where it does not fit.
func member(members map[string]json.RawMessage, name string, v any) (code string) {
	value, there := members[name]
	switch {
	case !there || string(value) == "null":
		return Required
	case json.Unmarshal(value, v) != nil:
		return WrongType
	}
	return ""
}

// fieldErrors collects what is wrong.
type fieldErrors []FieldError

// add adds an error, unless the code is "".
func (e *fieldErrors) add(pointer, code string) {
	if code != "" {
		*e = append(*e, FieldError{pointer, code})
	}
}

// sorted is what was added, by the bytes of the pointers.
func (e fieldErrors) sorted() []FieldError {
	slices.SortFunc(e, func(a, b FieldError) int { return strings.Compare(a.Pointer, b.Pointer) })
	return e
}
