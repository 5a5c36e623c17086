// Package jsonboundary reads and writes JSON where a service meets the world: nothing is guessed, dropped or changed on
// the way.
package jsonboundary

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"unicode/utf8"
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
	present, null bool
	value         T
}

// State tells absent (false, false), null (true, true) and a value (true, false) apart.
func (o Optional[T]) State() (present, null bool) { return o.present, o.null }

// Value returns the value, or the zero value where there is none.
func (o Optional[T]) Value() T { return o.value }

// UnmarshalJSON is called only where the field is mentioned, also with null. It gets bytes, not the decoder that found
// them: what was set there does not hold here, so the value is read as strictly again.
func (o *Optional[T]) UnmarshalJSON(data []byte) error {
	*o = Optional[T]{present: true, null: string(data) == "null"}
	if o.null {
		return nil
	}
	return unmarshal(data, &o.value)
}

// MarshalJSON has a value receiver, because a field that is not addressable has no other methods.
func (o Optional[T]) MarshalJSON() ([]byte, error) {
	if !o.present || o.null {
		return []byte("null"), nil
	}
	var b bytes.Buffer
	err := Encode(&b, o.value)
	return b.Bytes(), err
}

// Decode reads one JSON document of at most maxBytes bytes into a T, or returns an error and the zero T. It reads no
// more than maxBytes+1 bytes from r. An error of r is returned as it is or wrapped. T is made of structs with json
// tags, maps with string keys, slices, pointers, Optional, any, and the basic types. maxBytes is from 1 to 1 << 30.
func Decode[T any](r io.Reader, maxBytes int64) (T, error) {
	var v, none T
	data, err := io.ReadAll(io.LimitReader(r, maxBytes+1)) // one more, to tell "all of it" from "cut off"
	if err != nil {
		return none, err
	}
	if int64(len(data)) > maxBytes {
		return none, ErrTooLarge
	}
	if err := unmarshal(data, &v); err != nil {
		return none, err
	}
	return v, nil
}

func unmarshal(data []byte, v any) error {
	if !utf8.Valid(data) { // encoding/json would put U+FFFD in place of what it cannot read
		return fmt.Errorf("%w: not UTF-8", ErrSyntax)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	var doc json.RawMessage
	if err := dec.Decode(&doc); err != nil {
		return fmt.Errorf("%w: %w", ErrSyntax, err)
	}
	if _, err := dec.Token(); err != io.EOF { // not More, which takes a closing bracket for the end
		return ErrTrailing
	}
	dec = json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber() // no number is too large to be looked at
	if err := checkNames(dec, reflect.TypeOf(v)); err != nil {
		return err
	}
	dec = json.NewDecoder(bytes.NewReader(doc))
	dec.UseNumber() // a number in an any keeps its digits
	return dec.Decode(v)
}

var unmarshaler = reflect.TypeFor[json.Unmarshaler]()

// checkNames reads one value of a valid document, which will go into a t, or anywhere if t is nil. encoding/json takes
// the last of duplicates and any letter case; here a name occurs once, and is exactly a field's.
func checkNames(dec *json.Decoder, t reflect.Type) error {
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t != nil && reflect.PointerTo(t).Implements(unmarshaler) {
		t = nil // its own business
	}
	tok, err := dec.Token()
	if err != nil {
		return err
	}
	switch tok {
	case json.Delim('['):
		for dec.More() {
			if err := checkNames(dec, elem(t)); err != nil {
				return err
			}
		}
		_, err = dec.Token() // the closing bracket
	case json.Delim('{'):
		if err := checkObject(dec, t); err != nil {
			return err
		}
		_, err = dec.Token()
	}
	return err
}

func checkObject(dec *json.Decoder, t reflect.Type) error {
	var fields map[string]reflect.Type
	if t != nil && t.Kind() == reflect.Struct {
		fields = Fields(t)
	}
	seen := make(map[string]bool)
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return err
		}
		name := tok.(string)
		if seen[name] {
			return fmt.Errorf("%w: %s", ErrDuplicate, name)
		}
		seen[name] = true
		of := elem(t)
		if fields != nil {
			var known bool
			if of, known = fields[name]; !known {
				return fmt.Errorf("%w: %s", ErrUnknownField, name)
			}
		}
		if err := checkNames(dec, of); err != nil {
			return err
		}
	}
	return nil
}

// elem is the type of what is in a t, nil where there is none or where it can be anything.
func elem(t reflect.Type) reflect.Type {
	if t != nil {
		switch t.Kind() {
		case reflect.Slice, reflect.Array, reflect.Map:
			return t.Elem()
		}
	}
	return nil
}

// Encode writes v as one JSON document: nil slices as [], nil maps as {}, everything else as encoding/json does. It
// does not change v. Where v cannot be written in JSON it returns an error and writes nothing. An error of w is
// returned.
func Encode(w io.Writer, v any) error {
	if v != nil {
		v = withoutNil(reflect.ValueOf(v)).Interface()
	}
	// All of it first: once the first byte is out, an error can no longer be told from an answer.
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// withoutNil returns a copy of v in which nil slices and maps are empty ones.
func withoutNil(v reflect.Value) reflect.Value {
	t := v.Type()
	if marshals(t) || t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
		return v
	}
	out := reflect.New(t).Elem()
	switch t.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return v
		}
		out.Set(reflect.New(t.Elem()))
		out.Elem().Set(withoutNil(v.Elem()))
	case reflect.Interface:
		if v.IsNil() {
			return v
		}
		out.Set(withoutNil(v.Elem()))
	case reflect.Slice:
		out.Set(reflect.MakeSlice(t, v.Len(), v.Len()))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			out.Index(i).Set(withoutNil(v.Index(i)))
		}
	case reflect.Map:
		out.Set(reflect.MakeMap(t))
		for k, e := range v.Seq2() {
			out.SetMapIndex(k, withoutNil(e))
		}
	case reflect.Struct:
		for i := range t.NumField() {
			if t.Field(i).IsExported() {
				out.Field(i).Set(withoutNil(v.Field(i)))
			}
		}
	default:
		return v
	}
	return out
}

// marshals reports whether a t writes itself: a time.Time, an Optional.
func marshals(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[json.Marshaler]()) || p.Implements(reflect.TypeFor[encoding.TextMarshaler]())
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
