// Package jsonboundary reads and writes JSON where a service meets the world: nothing is guessed, dropped or changed on
// the way.
package jsonboundary

import (
	"errors"
	"io"
	"reflect"
	"strings"
)

// What is wrong with a document. Decode returns them as they are or wrapped: ErrDuplicate and ErrUnknownField with the
// name of the field in the text.
var (
	ErrTooLarge     = errors.New("document too large")
	ErrSyntax       = errors.New("not JSON")
	ErrTrailing     = errors.New("data after the document")
	ErrDuplicate    = errors.New("duplicate name")
	ErrUnknownField = errors.New("unknown field")
)

// Optional is a field of which it matters whether it was mentioned. The zero Optional is absent. In a document it
// stands for its value or for null; an absent one is written as null, unless its field has the option omitzero and is
// left out.
type Optional[T any] struct {
	// Your fields.
}

// State tells absent (false, false), null (true, true) and a value (true, false) apart.
func (o Optional[T]) State() (present, null bool) {
	return false, false // your code
}

// Value returns the value, or the zero value where there is none.
func (o Optional[T]) Value() T {
	var none T
	return none // your code
}

// Decode reads one JSON document of at most maxBytes bytes into a T, or returns an error and the zero T. It reads no
// more than maxBytes+1 bytes from r. An error of r is returned as it is or wrapped. T is made of structs with json
// tags, maps with string keys, slices, pointers, Optional, any, and the basic types. maxBytes is from 1 to 1 << 30.
func Decode[T any](r io.Reader, maxBytes int64) (T, error) {
	var none T
	return none, nil // your code
}

// Encode writes v as one JSON document: nil slices as [], nil maps as {}, everything else as encoding/json does. It
// does not change v. Where v cannot be written in JSON it returns an error and writes nothing. An error of w is
// returned.
func Encode(w io.Writer, v any) error {
	return nil // your code
}

// Fields is given, to be used or not: the names that the fields of the struct type t have in JSON, and their Go types.
func Fields(t reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type)
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		if !f.IsExported() || tag == "-" {
			continue
		}
		name, _, _ := strings.Cut(tag, ",")
		if name == "" {
			name = f.Name
		}
		fields[name] = f.Type
	}
	return fields
}
