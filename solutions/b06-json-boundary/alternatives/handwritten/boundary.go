// Package jsonboundary reads and writes JSON where a service meets the world: nothing is guessed, dropped or changed on
// the way.
//
// This one does not use encoding/json's decoder at all: a parser of its own goes through the bytes as they arrive, and
// puts what it finds straight into the Go value. Names, numbers and nesting are checked where they are read.
package jsonboundary

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// What is wrong with a document.
var (
	ErrTooLarge     = errors.New("document too large")
	ErrSyntax       = errors.New("not JSON")
	ErrTrailing     = errors.New("data after the document")
	ErrDuplicate    = errors.New("duplicate name")
	ErrUnknownField = errors.New("unknown field")
)

type state int

const (
	absent state = iota
	null
	set
)

// Optional is a field of which it matters whether it was mentioned.
type Optional[T any] struct {
	state state
	value T
}

// State tells absent (false, false), null (true, true) and a value (true, false) apart.
func (o Optional[T]) State() (present, isNull bool) { return o.state != absent, o.state == null }

// Value returns the value, or the zero value where there is none.
func (o Optional[T]) Value() T { return o.value }

// optional is how the parser and the writer see an Optional[T] of any T.
type optional interface {
	slot() (*state, reflect.Value)
}

func (o *Optional[T]) slot() (*state, reflect.Value) {
	return &o.state, reflect.ValueOf(&o.value).Elem()
}

var isOptional = reflect.TypeFor[optional]()

// ---- reading

const maxDepth = 5000

// parser reads bytes one by one and unwinds with a panic of type failure.
type parser struct {
	r     *bufio.Reader
	depth int
}

type failure struct{ error }

func fail(err error, format string, args ...any) {
	panic(failure{fmt.Errorf("%w: %s", err, fmt.Sprintf(format, args...))})
}

// bounded fails when more than left bytes are asked of it, and there are more.
type bounded struct {
	r    io.Reader
	left int64 // one more than allowed
}

func (b *bounded) Read(p []byte) (int, error) {
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left == 0 {
		return n, ErrTooLarge
	}
	return n, err
}

// Decode reads one JSON document of at most maxBytes bytes into a T, or returns an error and the zero T.
func Decode[T any](r io.Reader, maxBytes int64) (v T, err error) {
	defer func() {
		switch f := recover().(type) {
		case nil:
		case failure:
			var none T
			v, err = none, f.error
		default:
			panic(f)
		}
	}()
	p := &parser{r: bufio.NewReader(&bounded{r, maxBytes + 1})}
	if p.space() < 0 {
		fail(ErrSyntax, "no document")
	}
	p.value(reflect.ValueOf(&v).Elem())
	if p.space() >= 0 {
		// What is wrong with the size is more important than what is in it.
		for p.peek() >= 0 {
			p.next()
		}
		fail(ErrTrailing, "more than one value")
	}
	return v, nil
}

// peek returns the next byte, -1 at the end.
func (p *parser) peek() int {
	b, err := p.r.Peek(1)
	if len(b) == 1 {
		return int(b[0])
	}
	if err != nil && err != io.EOF {
		panic(failure{err})
	}
	return -1
}

func (p *parser) next() byte {
	c := p.peek()
	if c < 0 {
		fail(ErrSyntax, "the document ends too early")
	}
	p.r.Discard(1)
	return byte(c)
}

func (p *parser) space() int {
	for {
		c := p.peek()
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			return c
		}
		p.next()
	}
}

func (p *parser) expect(text string) {
	for _, want := range []byte(text) {
		if got := p.next(); got != want {
			fail(ErrSyntax, "%q instead of %q", got, text)
		}
	}
}

// value reads a value into v, which may be anything that can be set.
func (p *parser) value(v reflect.Value) {
	if v.Addr().Type().Implements(isOptional) {
		st, inner := v.Addr().Interface().(optional).slot()
		if p.space() == 'n' {
			p.expect("null")
			*st = null
			return
		}
		*st, v = set, inner
		p.value(v)
		return
	}
	if v.Kind() == reflect.Pointer && p.space() != 'n' {
		v.Set(reflect.New(v.Type().Elem()))
		p.value(v.Elem())
		return
	}
	switch c := p.space(); {
	case c == 'n':
		p.expect("null")
	case c == 't':
		p.expect("true")
		p.put(v, true)
	case c == 'f':
		p.expect("false")
		p.put(v, false)
	case c == '"':
		p.text(v, p.string())
	case c == '[':
		p.array(v)
	case c == '{':
		p.object(v)
	default:
		p.number(v)
	}
}

func (p *parser) put(v reflect.Value, x any) {
	got := reflect.ValueOf(x)
	switch {
	case v.Kind() == reflect.Interface && v.NumMethod() == 0:
		v.Set(got)
	case v.Kind() == got.Kind():
		v.Set(got.Convert(v.Type()))
	default:
		panic(failure{fmt.Errorf("a %v where a %v belongs", got.Type(), v.Type())})
	}
}

func (p *parser) text(v reflect.Value, s string) {
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			panic(failure{err})
		}
		v.SetBytes(b)
		return
	}
	p.put(v, s)
}

func (p *parser) deeper() func() {
	if p.depth++; p.depth > maxDepth {
		fail(ErrSyntax, "nested deeper than %d", maxDepth)
	}
	return func() { p.depth-- }
}

func (p *parser) array(v reflect.Value) {
	defer p.deeper()()
	list := v
	if v.Kind() == reflect.Interface {
		list = reflect.New(reflect.TypeFor[[]any]()).Elem()
	}
	if list.Kind() != reflect.Slice {
		panic(failure{fmt.Errorf("a list where a %v belongs", v.Type())})
	}
	list.Set(reflect.MakeSlice(list.Type(), 0, 0))
	p.expect("[")
	for p.space() != ']' {
		if list.Len() > 0 {
			p.expect(",")
		}
		e := reflect.New(list.Type().Elem()).Elem()
		p.value(e)
		list.Set(reflect.Append(list, e))
	}
	p.next()
	if v != list {
		v.Set(list)
	}
}

func (p *parser) object(v reflect.Value) {
	defer p.deeper()()
	table := v
	if v.Kind() == reflect.Interface {
		table = reflect.New(reflect.TypeFor[map[string]any]()).Elem()
	}
	if table.Kind() == reflect.Map {
		table.Set(reflect.MakeMap(table.Type()))
	} else if table.Kind() != reflect.Struct {
		panic(failure{fmt.Errorf("an object where a %v belongs", v.Type())})
	}
	seen := map[string]bool{}
	p.expect("{")
	for p.space() != '}' {
		if len(seen) > 0 {
			p.expect(",")
			p.space()
		}
		name := p.string()
		if seen[name] {
			fail(ErrDuplicate, "%s", name)
		}
		seen[name] = true
		p.space()
		p.expect(":")
		if table.Kind() == reflect.Map {
			e := reflect.New(table.Type().Elem()).Elem()
			p.value(e)
			table.SetMapIndex(reflect.ValueOf(name).Convert(table.Type().Key()), e)
			continue
		}
		i, ok := index(table.Type())[name]
		if !ok {
			fail(ErrUnknownField, "%s", name)
		}
		p.value(table.Field(i))
	}
	p.next()
	if v != table {
		v.Set(table)
	}
}

// string reads a string, opening quote included.
func (p *parser) string() string {
	p.expect(`"`)
	var b []byte
	for {
		switch c := p.next(); {
		case c == '"':
			if !utf8.Valid(b) {
				fail(ErrSyntax, "a string that is not UTF-8")
			}
			return string(b)
		case c < ' ':
			fail(ErrSyntax, "a control character in a string")
		case c == '\\':
			b = p.escape(b)
		default:
			b = append(b, c)
		}
	}
}

func (p *parser) escape(b []byte) []byte {
	c := p.next()
	if i := strings.IndexByte(`"\/bfnrt`, c); i >= 0 {
		return append(b, "\"\\/\b\f\n\r\t"[i])
	}
	if c != 'u' {
		fail(ErrSyntax, "the escape %q", c)
	}
	r := p.hex()
	if utf16.IsSurrogate(r) {
		p.expect(`\u`)
		if r = utf16.DecodeRune(r, p.hex()); r == utf8.RuneError {
			fail(ErrSyntax, "half a surrogate pair")
		}
	}
	return utf8.AppendRune(b, r)
}

func (p *parser) hex() rune {
	var four [4]byte
	for i := range four {
		four[i] = p.next()
	}
	n, err := strconv.ParseUint(string(four[:]), 16, 16)
	if err != nil {
		fail(ErrSyntax, "the escape \\u%s", four[:])
	}
	return rune(n)
}

func (p *parser) number(v reflect.Value) {
	var b []byte
	for c := p.peek(); c >= 0 && strings.IndexByte("+-.0123456789eE", byte(c)) >= 0; c = p.peek() {
		b = append(b, p.next())
	}
	s := string(b)
	if !json.Valid(b) {
		fail(ErrSyntax, "no value begins with %q", s)
	}
	var err error
	switch k := v.Kind(); {
	case k == reflect.Interface:
		p.put(v, json.Number(s))
	case v.CanInt():
		var n int64
		n, err = strconv.ParseInt(s, 10, v.Type().Bits())
		v.SetInt(n)
	case v.CanUint():
		var n uint64
		n, err = strconv.ParseUint(s, 10, v.Type().Bits())
		v.SetUint(n)
	case v.CanFloat():
		var f float64
		f, err = strconv.ParseFloat(s, v.Type().Bits())
		v.SetFloat(f)
	default:
		err = fmt.Errorf("the number %s where a %v belongs", s, v.Type())
	}
	if err != nil {
		panic(failure{err})
	}
}

func index(t reflect.Type) map[string]int {
	fields := map[string]int{}
	for i := range t.NumField() {
		if name, ok := nameOf(t.Field(i)); ok {
			fields[name] = i
		}
	}
	return fields
}

func nameOf(f reflect.StructField) (string, bool) {
	tag := f.Tag.Get("json")
	name, _, _ := strings.Cut(tag, ",")
	if name == "" {
		name = f.Name
	}
	return name, f.IsExported() && tag != "-"
}

// ---- writing

// Encode writes v as one JSON document: nil slices as [], nil maps as {}, everything else as encoding/json does.
func Encode(w io.Writer, v any) error {
	b, err := appendValue(nil, reflect.ValueOf(v))
	if err != nil {
		return err
	}
	_, err = w.Write(append(b, '\n'))
	return err
}

func appendValue(b []byte, v reflect.Value) ([]byte, error) {
	if !v.IsValid() {
		return append(b, "null"...), nil
	}
	if reflect.PointerTo(v.Type()).Implements(isOptional) {
		p := reflect.New(v.Type())
		p.Elem().Set(v)
		st, inner := p.Interface().(optional).slot()
		if *st != set {
			return append(b, "null"...), nil
		}
		return appendValue(b, inner)
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		return appendValue(b, v.Elem())
	case reflect.String:
		if v.Type() != reflect.TypeFor[json.Number]() {
			return appendString(b, v.String()), nil
		}
	case reflect.Float64:
		if f := v.Float(); math.IsNaN(f) || math.IsInf(f, 0) {
			return nil, fmt.Errorf("%v is no JSON number", f)
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() != reflect.Uint8 {
			return appendList(b, v)
		}
	case reflect.Map:
		return appendMap(b, v)
	case reflect.Struct:
		return appendStruct(b, v)
	}
	data, err := json.Marshal(v.Interface()) // numbers, booleans, bytes
	return append(b, data...), err
}

func appendList(b []byte, v reflect.Value) (_ []byte, err error) {
	b = append(b, '[')
	for i := range v.Len() {
		if i > 0 {
			b = append(b, ',')
		}
		if b, err = appendValue(b, v.Index(i)); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendMap(b []byte, v reflect.Value) (_ []byte, err error) {
	values := map[string]reflect.Value{}
	for k, e := range v.Seq2() {
		values[k.String()] = e
	}
	b = append(b, '{')
	for i, k := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			b = append(b, ", "...)
		}
		b = append(appendString(b, k), ": "...)
		if b, err = appendValue(b, values[k]); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

func appendStruct(b []byte, v reflect.Value) (_ []byte, err error) {
	b = append(b, '{')
	first := true
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, ok := nameOf(f)
		options := strings.Split(f.Tag.Get("json"), ",")[1:]
		if !ok || slices.Contains(options, "omitzero") && v.Field(i).IsZero() ||
			slices.Contains(options, "omitempty") && empty(v.Field(i)) {
			continue
		}
		if !first {
			b = append(b, ", "...)
		}
		first = false
		b = append(appendString(b, name), ": "...)
		if b, err = appendValue(b, v.Field(i)); err != nil {
			return nil, err
		}
	}
	return append(b, '}'), nil
}

// empty is what the option omitempty leaves out: no struct is empty.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// appendString escapes what it must and leaves all else as it is.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r < ' ':
			b = fmt.Appendf(b, `\u%04x`, r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

// Fields is given, to be used or not: the names that the fields of the struct type t have in JSON, and their Go types.
func Fields(t reflect.Type) map[string]reflect.Type {
	fields := make(map[string]reflect.Type)
	for i := range t.NumField() {
		if name, ok := nameOf(t.Field(i)); ok {
			fields[name] = t.Field(i).Type
		}
	}
	return fields
}
