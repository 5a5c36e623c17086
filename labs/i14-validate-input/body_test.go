package signup_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	signup "github.com/backend-labs/backend-labs/labs/i14-validate-input"
)

func TestAllErrorsAtOnce(t *testing.T) {
	for _, tt := range []struct {
		body string
		want map[string]string
	}{
		{`{"username":"al","email":"ann@","age":12,"bio":"a\tb","website":"javascript:alert(1)"}`,
			map[string]string{"/age": "out_of_range", "/bio": "bad_character", "/email": "bad_format",
				"/username": "too_short", "/website": "bad_format"}},
		{`{"age":"30","a/b":1,"m~n":2,"":3,"~1":4,"a":5,"zz":{},"é":6,"a//b~":7}`,
			map[string]string{"/": "unknown_field", "/a": "unknown_field", "/a~1b": "unknown_field",
				"/a~1~1b~0": "unknown_field", "/age": "wrong_type", "/email": "required",
				"/m~0n": "unknown_field", "/username": "required", "/zz": "unknown_field", "/~01": "unknown_field",
				"/é": "unknown_field"}},
		{`{"Zoo":1,"_":2,"a B":3,"a%":4,"a\"b":5,"a\nb":6,"b":7,"B":8,"aa":9,"AA":10}`,
			map[string]string{"/AA": "unknown_field", "/B": "unknown_field", "/Zoo": "unknown_field",
				"/_": "unknown_field", "/a\nb": "unknown_field", "/a B": "unknown_field", "/a\"b": "unknown_field",
				"/a%": "unknown_field", "/aa": "unknown_field", "/age": "required", "/b": "unknown_field",
				"/email": "required", "/username": "required"}},
	} {
		_, errs := signup.ParseSignup([]byte(tt.body))
		var want []signup.FieldError
		for _, p := range pointers(tt.want) {
			want = append(want, signup.FieldError{Pointer: p, Code: tt.want[p]})
		}
		expect.That(t, slices.Equal(errs, want), expect.Message{Did: "parsed " + tt.body, Want: told(want),
			Got: told(errs),
			Why: "who is told one mistake at a time comes back as often as there are mistakes; and a " +
				"form can show an error only where the pointer leads to a field"})
	}

	f := form()
	for i := range 1000 {
		f[fmt.Sprint("x", i)] = i
	}
	_, errs := signup.ParseSignup(encode(f))
	expect.That(t, len(errs) == 1000 && slices.IsSortedFunc(errs, func(a, b signup.FieldError) int {
		return strings.Compare(a.Pointer, b.Pointer)
	}), expect.Message{Did: "parsed a body with 1000 unknown members", Want: "1000 errors, sorted by their pointers",
		Got: told(errs)})
	_, errs = signup.ParseSignup(encode(form()))
	expect.That(t, len(errs) == 0, expect.Message{Did: "parsed " + string(encode(form())), Want: "no error",
		Got: told(errs)})
}

func TestWhatIsNoObject(t *testing.T) {
	whole := string(encode(form()))
	for _, body := range []string{"", " ", "null", "[]", "[" + whole + "]", `"ann"`, "17", "true", "ann",
		whole[:len(whole)-1],
		whole + "}", whole + whole, whole + " x", whole + ",", "[] " + whole, `{"username":"ann",}`,
		strings.ReplaceAll(whole, `"`, "'"), "\ufeff" + whole, whole + "\x00"} {
		_, errs := signup.ParseSignup([]byte(body))
		expect.That(t, slices.Equal(errs, []signup.FieldError{{Pointer: "", Code: "invalid_json"}}), expect.Message{
			Did: "parsed the body " + short(body), Want: `invalid_json at "", and nothing else`, Got: told(errs),
			Why: "of what cannot be read nothing can be said, and what stands behind the object is read by " +
				"somebody else"})
	}
	for _, body := range []string{whole + "\n", " \r\n\t" + whole + " \r\n\t",
		strings.ReplaceAll(whole, ":", " :\n\t")} {
		s, errs := signup.ParseSignup([]byte(body))
		expect.That(t, len(errs) == 0 && s.Username == "ann" && s.Age == 30, expect.Message{
			Did: "parsed the body " + short(body), Want: "it is let in: white space is no part of an object",
			Got: fmt.Sprintf("%s, %+v", told(errs), s)})
	}
}

func TestInvalidUTF8(t *testing.T) {
	whole := `{"username":"ann","email":"ann@example.org","age":30,"bio":"%s"}`
	for _, bio := range []string{"caf\xe9", "\xff", "a\xc0\xafb", "\xed\xa0\x80", "\xf0\x9f\x99"} {
		_, errs := signup.ParseSignup(fmt.Appendf(nil, whole, bio))
		expect.That(t, len(errs) > 0, expect.Message{
			Did: "parsed a body whose bio has the bytes " + short(bio), Want: "an error, whichever", Got: told(errs),
			Why: "somebody decides what these bytes mean; a decoder puts U+FFFD in their place without a " +
				"word, and what " +
				"was entered is lost"})
	}
	for _, name := range []string{"username", "email", "website"} {
		body := strings.Replace(strings.Replace(fmt.Sprintf(whole, ""), `"bio":""`, `"website":"http://ann.org/"`, 1),
			"ann", "an\xe9n", map[string]int{"username": 1, "email": 2, "website": 3}[name])
		_, errs := signup.ParseSignup([]byte(body))
		expect.That(t, len(errs) > 0, expect.Message{Did: "parsed the body " + short(body),
			Want: "an error, whichever",
			Got:  told(errs)})
	}
	for _, more := range []string{`"bio":"caf` + "\xe9" + `","bio":"ann"`, `"caf` + "\xe9" + `":null`,
		`"bio":null,"a":"` + "\xff" + `"`} {
		body := `{"username":"ann","email":"ann@example.org","age":30,` + more + `}`
		_, errs := signup.ParseSignup([]byte(body))
		expect.That(t, len(errs) > 0, expect.Message{Did: "parsed the body " + short(body),
			Want: "an error, whichever: it has a byte that is no UTF-8",
			Got:  told(errs),
			Why:  "the next program that reads the body may look at just this place, and see something else"})
	}
	accepted(t, "bio", "café 🙂 �", "café 🙂 �", "U+FFFD that was entered is a character like any other")
}

func TestWhatIsAbsent(t *testing.T) {
	for _, null := range []bool{false, true} {
		for _, name := range []string{"username", "email", "age", "bio", "website"} {
			f := form()
			delete(f, name)
			did := "parsed a body without " + name
			if null {
				f[name] = nil
				did = "parsed a body whose " + name + " is null"
			}
			_, errs := signup.ParseSignup(encode(f))
			want := "no error"
			ok := len(errs) == 0
			if name != "bio" && name != "website" {
				want = fmt.Sprintf("required at %q", "/"+name)
				ok = slices.Equal(errs, []signup.FieldError{{Pointer: "/" + name, Code: "required"}})
			}
			expect.That(t, ok, expect.Message{Did: did, Want: want, Got: told(errs),
				Why: "null and absence both say that nothing was entered"})
		}
	}
	accepted(t, "bio", "", "", "an empty field of a form is sent as an empty text")
	accepted(t, "website", "", "", "an empty field of a form is sent as an empty text")
	refused(t, "username", "", "", "required", "too_short")
	refused(t, "email", "", "", "required", "bad_format")
	_, errs := signup.ParseSignup([]byte(" {} "))
	expect.That(t, slices.Equal(pointers(codes(errs)), []string{"/age", "/email", "/username"}), expect.Message{
		Did: "parsed {}", Want: "required at /age, /email, /username", Got: told(errs)})
}

func TestWrongTypes(t *testing.T) {
	const why = "what is made to fit is a guess, and the next program guesses otherwise"
	for _, name := range []string{"username", "email", "bio", "website"} {
		for _, value := range []any{17, true, []string{"ann"}, map[string]any{"a": "b"}, []any{}} {
			refused(t, name, value, why, "wrong_type")
		}
	}
	for _, value := range []any{17.5, 129.99, "17", "", true, []int{17}, map[string]any{}} {
		refused(t, "age", value, why, "wrong_type")
	}
	for _, name := range []string{"admin", "user name", "role"} {
		_, errs := signup.ParseSignup(with(name, true))
		expect.That(t, slices.Equal(errs, []signup.FieldError{{Pointer: "/" + name, Code: "unknown_field"}}),
			expect.Message{Did: fmt.Sprintf("parsed a body with a member %q, and all else right", name),
				Want: fmt.Sprintf("unknown_field at %q", "/"+name), Got: told(errs),
				Why: "a member that is ignored today means something tomorrow; and whoever has misspelt one " +
					"learns it now"})
	}
	s, errs := signup.ParseSignup(with("age", 17))
	expect.That(t, len(errs) == 0 && s.Age == 17, expect.Message{Did: "parsed a body with the age 17",
		Want: "17 is kept", Got: fmt.Sprintf("%s, %d", told(errs), s.Age)})
}

// pieces are values for members of random bodies; most of them are let in.
var pieces = map[string][]any{
	"username": {"ann", "  bob ", "e\u0301va", "O_o", "Ж.Ж", "a", "<b>", "ａdmin", "a\u200db", nil, 3, "𐌰𐌱𐌲", "ﬁn"},
	"email": {"ann@example.org", "Ann.Lee+X@Example.ORG", "a@b", "@", "a@b@c", "a b@c", "ann@", nil, []int{1},
		"x@ÉCOLE.FR"},
	"age": {13, 130, 42, 99, 12, 131, -1, 17.5, "17", nil, 1e300, []any{}},
	"bio": {"", "O'Brien", "<b>Bob</b>", "🙂", " a\nb ", "e\u0301", "a\tb", "\u202e", nil, "&lt;",
		strings.Repeat("x", 501),
		"\u2066"},
	"website": {"", "http://example.org", "HTTPS://Example.org/?q=<b>", "javascript:alert(1)", "//evil.org",
		nil, "x", 7},
}

func TestRandomBodies(t *testing.T) {
	seed := rand.Uint64()
	r := rand.New(rand.NewPCG(seed, 14))
	in := 0
	for i := range 2000 {
		f := form()
		for _, name := range []string{"username", "email", "age", "bio", "website"} {
			if r.IntN(2) == 0 {
				f[name] = pieces[name][r.IntN(len(pieces[name]))]
			}
		}
		body := encode(f)
		if r.IntN(20) == 0 {
			body = encode(map[string]any{"role": "admin", "age": i})
		}
		if i%10 == 0 { // broken in one place
			at := r.IntN(len(body))
			body = slices.Concat(body[:at], []byte{byte(r.IntN(256))}, body[at+r.IntN(2):])
		}
		s, errs := signup.ParseSignup(body)
		if len(errs) > 0 {
			expect.That(t, slices.IsSortedFunc(errs, func(a, b signup.FieldError) int {
				return strings.Compare(a.Pointer, b.Pointer)
			}) && len(codes(errs)) == len(errs), expect.Message{
				Did:  fmt.Sprintf("parsed %s (seed %d)", short(string(body)), seed),
				Want: "one error a member, sorted",
				Got:  told(errs)})
			continue
		}
		in++
		again, errs := signup.ParseSignup(encode(s))
		expect.That(t, len(errs) == 0 && again == s, expect.Message{
			Did:  fmt.Sprintf("parsed %s, encoded the result and parsed that (seed %d)", short(string(body)), seed),
			Want: fmt.Sprintf("the same: %+v", s), Got: fmt.Sprintf("%s, %+v", told(errs), again),
			Why: "what is kept is read again, by an import, a form, another service; if it changes on the " +
				"way, it is " +
				"nobody's data"})
	}
	expect.That(t, in > 200 && in < 1800, expect.Message{
		Did:  fmt.Sprintf("parsed 2000 bodies, of which some 450 are to be let in (seed %d)", seed),
		Want: "between 200 and 1800 are", Got: fmt.Sprint(in)})
}
