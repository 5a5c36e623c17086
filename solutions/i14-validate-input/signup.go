// Package signup takes what strangers enter, and hands it on to a page, a database and a file system.
package signup

import (
	"context"
	"encoding/json"
	"html"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"golang.org/x/text/unicode/norm"
)

// ParseSignup reads a body. Without an error the Signup is what was entered; the README says what is refused.
func ParseSignup(body []byte) (Signup, []FieldError) {
	var errs fieldErrors
	members, ok := object(body)
	if !ok || !utf8.Valid(body) {
		errs.add("", InvalidJSON)
		return Signup{}, errs
	}
	var s Signup
	for _, f := range []struct {
		name     string
		into     any
		optional bool
		judge    func() (code string)
	}{
		{"username", &s.Username, false, func() string { return username(&s.Username) }},
		{"email", &s.Email, false, func() string { return email(&s.Email) }},
		{"age", &s.Age, false, func() string { return age(s.Age) }},
		{"bio", &s.Bio, true, func() string { return bio(s.Bio) }},
		{"website", &s.Website, true, func() string { return website(s.Website) }},
	} {
		code := member(members, f.name, f.into)
		if code == "" {
			code = f.judge()
		}
		if code == Required && f.optional {
			code = ""
		}
		errs.add("/"+f.name, code)
		delete(members, f.name)
	}
	for name := range members {
		errs.add("/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), UnknownField)
	}
	return s, errs.sorted()
}

// username brings a name into the one spelling that is kept, and judges that one.
func username(u *string) string {
	*u = norm.NFC.String(strings.TrimSpace(*u))
	n := utf8.RuneCountInString(*u)
	switch {
	case n < 3:
		return TooShort
	case n > 30:
		return TooLong
	case norm.NFKC.String(*u) != *u || strings.ContainsFunc(*u, outsideNames):
		return BadCharacter
	}
	return ""
}

func outsideNames(r rune) bool {
	return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune("._-", r)
}

// email lowers the domain and nothing else: the part before the @ belongs to whoever runs the domain.
func email(e *string) string {
	local, domain, _ := strings.Cut(*e, "@")
	switch {
	case len(*e) > 254:
		return TooLong
	case local == "" || domain == "" || strings.Contains(domain, "@"):
		return BadFormat
	case strings.ContainsFunc(*e, outsideAddresses):
		return BadCharacter
	}
	*e = local + "@" + strings.ToLower(domain)
	if len(*e) > 254 { // a small letter may have more bytes than its capital
		return TooLong
	}
	return ""
}

func outsideAddresses(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || r == '<' || r == '>'
}

func age(a int) string {
	if a < 13 || a > 130 {
		return OutOfRange
	}
	return ""
}

func bio(b string) string {
	switch {
	case utf8.RuneCountInString(b) > 500:
		return TooLong
	case strings.ContainsFunc(b, outsideTexts):
		return BadCharacter
	}
	return ""
}

// outsideTexts has what a reader does not see, and what turns round the order of what she sees.
func outsideTexts(r rune) bool {
	return unicode.IsControl(r) && r != '\n' || r >= 0x202A && r <= 0x202E || r >= 0x2066 && r <= 0x2069
}

// website allows two schemes. A list of those that are forbidden would never be complete.
func website(w string) string {
	if w == "" {
		return ""
	}
	u, err := url.Parse(w)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" {
		return BadFormat
	}
	return ""
}

// RenderBio writes the bio as a piece of a page.
func RenderBio(w io.Writer, s Signup) error {
	_, err := io.WriteString(w, "<p>"+html.EscapeString(s.Bio)+"</p>")
	return err
}

// FindByName returns the users with that name.
func FindByName(ctx context.Context, db *pgxpool.Pool, name string) ([]User, error) {
	rows, err := db.Query(ctx, "SELECT id, name FROM users WHERE name = $1 ORDER BY id", name)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[User])
}

// OpenUpload opens a file below root for reading.
func OpenUpload(root *os.Root, name string) (*os.File, error) {
	return root.Open(name)
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
