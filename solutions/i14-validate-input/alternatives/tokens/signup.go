// Package signup takes what strangers enter, and hands it on to a page, a database and a file system.
package signup

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"io"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/text/unicode/norm"
)

// ParseSignup reads a body token by token, so that it meets the members in the order in which they were sent.
// An age of 17.0 is 17, of a member that is there twice the last one counts, and with errors the Signup is empty.
func ParseSignup(body []byte) (Signup, []FieldError) {
	values, err := read(body)
	if err != nil {
		return Signup{}, []FieldError{{Code: InvalidJSON}}
	}
	p := parser{values: values}
	s := Signup{
		Username: p.text("username", true, parseName),
		Email:    p.text("email", true, parseEmail),
		Age:      p.age(),
		Bio:      p.text("bio", false, parseBio),
		Website:  p.text("website", false, parseWebsite),
	}
	for name := range p.values {
		p.errs.add("/"+strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1"), UnknownField)
	}
	if len(p.errs) > 0 {
		return Signup{}, p.errs.sorted()
	}
	return s, []FieldError{}
}

// read is an object's members.
func read(body []byte) (map[string]any, error) {
	if !utf8.Valid(body) {
		return nil, errors.New("no UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("no object")
	}
	values := map[string]any{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		var v any
		if err := d.Decode(&v); err != nil {
			return nil, err
		}
		values[name.(string)] = v
	}
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("something behind the object")
	}
	return values, nil
}

type parser struct {
	values map[string]any
	errs   fieldErrors
}

// take takes a member out of the values. It reports whether there is one.
func (p *parser) take(name string, required bool) (v any, ok bool) {
	v = p.values[name]
	delete(p.values, name)
	if v == nil && required {
		p.errs.add("/"+name, Required)
	}
	return v, v != nil
}

func (p *parser) text(name string, required bool, parse func(string) (string, error)) string {
	v, ok := p.take(name, required)
	if !ok {
		return ""
	}
	text, ok := v.(string)
	if !ok {
		p.errs.add("/"+name, WrongType)
		return ""
	}
	if text == "" {
		if required {
			p.errs.add("/"+name, Required)
		}
		return ""
	}
	kept, err := parse(text)
	if err != nil {
		p.errs.add("/"+name, err.Error())
	}
	return kept
}

func (p *parser) age() int {
	v, ok := p.take("age", true)
	if !ok {
		return 0
	}
	number, ok := v.(json.Number)
	f, err := number.Float64()
	switch {
	case !ok || err == nil && f != float64(int64(f)) && f < 1e15:
		p.errs.add("/age", WrongType)
	case err != nil || f < 13 || f > 130:
		p.errs.add("/age", OutOfRange)
	}
	return int(f)
}

func parseName(text string) (string, error) {
	name := []rune(norm.NFC.String(strings.TrimFunc(text, unicode.IsSpace)))
	for _, r := range name {
		compatible := norm.NFKC.IsNormalString(string(r))
		if !compatible || !(unicode.In(r, unicode.L, unicode.Nd) || r == '.' || r == '_' || r == '-') {
			return "", errors.New(BadCharacter)
		}
	}
	if len(name) < 3 {
		return "", errors.New(TooShort)
	}
	if len(name) > 30 {
		return "", errors.New(TooLong)
	}
	return string(name), nil
}

func parseEmail(text string) (string, error) {
	for _, r := range text {
		if unicode.In(r, unicode.White_Space, unicode.Cc) || strings.ContainsRune("<>", r) {
			return "", errors.New(BadCharacter)
		}
	}
	parts := strings.Split(text, "@")
	switch {
	case len(text) > 254:
		return "", errors.New(TooLong)
	case len(parts) != 2 || parts[0] == "" || parts[1] == "":
		return "", errors.New(BadFormat)
	}
	kept := parts[0] + "@" + strings.ToLower(parts[1])
	if len(kept) > 254 {
		return "", errors.New(TooLong)
	}
	return kept, nil
}

func parseBio(text string) (string, error) {
	n := 0
	for _, r := range text {
		n++
		if r != '\n' && unicode.In(r, unicode.Cc) || unicode.Is(unicode.Bidi_Control, r) &&
			r != 0x061C && r != 0x200E && r != 0x200F {
			return "", errors.New(BadCharacter)
		}
	}
	if n > 500 {
		return "", errors.New(TooLong)
	}
	return text, nil
}

func parseWebsite(text string) (string, error) {
	web := regexp.MustCompile(`^(?i:https?)://`)
	u, err := url.Parse(text)
	if err != nil || !web.MatchString(text) || u.Hostname() == "" {
		return "", errors.New(BadFormat)
	}
	return text, nil
}

// RenderBio writes the bio as a piece of a page, a line for each of its own.
func RenderBio(w io.Writer, s Signup) error {
	var page bytes.Buffer
	for i, line := range strings.Split(s.Bio, "\n") {
		if i > 0 {
			page.WriteString("<br>\n")
		}
		template.HTMLEscape(&page, []byte(line))
	}
	_, err := fmt.Fprintf(w, "<section class=\"bio\"><h2></h2><div>%s</div></section>\n", &page)
	return err
}

// FindByName returns the users with that name.
func FindByName(ctx context.Context, db *pgxpool.Pool, name string) ([]User, error) {
	rows, err := db.Query(ctx, `SELECT id, name FROM users WHERE name = ANY($1) ORDER BY 1`, []string{name})
	if err != nil {
		return nil, fmt.Errorf("find users: %w", err)
	}
	defer rows.Close()
	users := []User{}
	for rows.Next() {
		var u User
		if err := rows.Scan(&u.ID, &u.Name); err != nil {
			return nil, fmt.Errorf("find users: %w", err)
		}
		users = append(users, u)
	}
	return users, rows.Err()
}

// OpenUpload opens a file below root for reading.
func OpenUpload(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, fmt.Errorf("open upload: %w", err)
	}
	return f, nil
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
