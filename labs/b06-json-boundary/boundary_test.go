package jsonboundary_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"math"
	"math/rand/v2"
	"net"
	"reflect"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	jsonboundary "github.com/backend-labs/backend-labs/labs/b06-json-boundary"
)

// a limit that no document of a check comes near to, where the limit is not the point
const plenty = 1 << 20

type address struct {
	City string `json:"city"`
}

// deep has structs behind several kinds of types at once.
type deep struct {
	Lists  [][]address                                `json:"lists"`
	Maps   map[string][]address                       `json:"maps"`
	Behind *[]address                                 `json:"behind"`
	Opt    jsonboundary.Optional[[]address]           `json:"opt"`
	OptMap jsonboundary.Optional[map[string]*address] `json:"opt_map"`
}

// small has types with less room than numbers need.
type small struct {
	Byte  uint8          `json:"byte"`
	Tiny  int8           `json:"tiny"`
	Float float32        `json:"float"`
	Ratio float64        `json:"ratio"`
	Count uint           `json:"count"`
	Flag  bool           `json:"flag"`
	Text  string         `json:"text"`
	List  []int          `json:"list"`
	Map   map[string]int `json:"map"`
	City  address        `json:"city"`
}

type user struct {
	ID      int64                           `json:"id"`
	Role    string                          `json:"role"`
	Address address                         `json:"address"`
	Friends []address                       `json:"friends"`
	Places  map[string]address              `json:"places"`
	Boss    *address                        `json:"boss"`
	Work    jsonboundary.Optional[address]  `json:"work"`
	Scores  jsonboundary.Optional[[]int]    `json:"scores"`
	Limit   jsonboundary.Optional[int]      `json:"limit"`
	Nick    jsonboundary.Optional[string]   `json:"nick"`
	Note    jsonboundary.Optional[any]      `json:"note"`
	Labels  map[string]string               `json:"labels"`
	Extra   any                             `json:"extra"`
	Ref     jsonboundary.Optional[*address] `json:"ref,omitzero"`
	Secret  string                          `json:"-"`
	Plain   string
	hidden  string //lint:ignore U1000 a field that JSON does not see
}

func TestLargeNumbersSurvive(t *testing.T) {
	const n = "9007199254740993" // 2^53 + 1
	for _, field := range []struct {
		where, text string
		get         func(user) any
	}{
		{"an int64", `{"id":` + n + `}`, func(u user) any { return u.ID }},
		{"an any", `{"extra":` + n + `}`, func(u user) any { return u.Extra }},
		{"a list in an any", `{"extra":[` + n + `]}`, func(u user) any { return u.Extra }},
	} {
		u, err := decode[user](t, field.text)
		got := strings.Trim(fmt.Sprint(field.get(u)), "[]")
		expect.That(t, err == nil && got == n, expect.Message{
			Did:  "decoded " + field.text + " into " + field.where,
			Want: n,
			Got:  result(got, err),
			Why: "a float64 holds whole numbers exactly only up to 2^53: on its way through " +
				"one an id becomes its neighbour's, and nobody is told",
		})
	}
	for _, edge := range []int64{math.MaxInt64, math.MinInt64} {
		u, err := decode[user](t, fmt.Sprintf(`{"id":%d}`, edge))
		expect.That(t, err == nil && u.ID == edge, expect.Message{
			Did:  fmt.Sprintf("decoded %d into an int64", edge),
			Want: "the same number",
			Got:  result(u.ID, err),
			Why:  "ids use all 64 bits",
		})
	}
	for _, n := range []string{"1.10", "-0", "1e400", "1E+2", "0.1000000000000000055511151231257827",
		strings.Repeat("9876543210", 10)} {
		v, err := decode[any](t, n)
		expect.That(t, err == nil && fmt.Sprint(v) == n, expect.Message{
			Did:  "decoded " + n + " into an any",
			Want: "a value that prints as " + n,
			Got:  result(v, err),
			Why: "an any goes on to somebody who may count in decimals or in big numbers: what a " +
				"float64 makes of it is for them to decide",
		})
	}
	type ids struct {
		List []int64                        `json:"list"`
		Map  map[string]int64               `json:"map"`
		Ptr  *uint64                        `json:"ptr"`
		Opt  jsonboundary.Optional[uint64]  `json:"opt"`
		Any  jsonboundary.Optional[[]any]   `json:"any"`
		Maps jsonboundary.Optional[[]int64] `json:"maps"`
	}
	for _, text := range []string{`{"list":[` + n + `]}`, `{"map":{"a":` + n + `}}`,
		`{"ptr":18446744073709551615}`, `{"opt":18446744073709551615}`,
		`{"any":[` + n + `]}`, `{"maps":[-9223372036854775808]}`} {
		v, err := decode[ids](t, text)
		var ptr uint64
		if v.Ptr != nil {
			ptr = *v.Ptr
		}
		got := fmt.Sprint(v.List, v.Map, ptr, v.Opt.Value(), v.Any.Value(), v.Maps.Value())
		sent := strings.Trim(text[strings.LastIndexAny(text, ":[")+1:], "]}")
		expect.That(t, err == nil && strings.Contains(got, sent), expect.Message{
			Did:  "decoded " + text + " into numbers of 64 bits, or into an any, in something else",
			Want: sent,
			Got:  result(got, err),
			Why:  "an id is one in a list, in a map and behind a pointer, too",
		})
	}
	u, err := decode[user](t, `{"id":9223372036854775808}`)
	expectError(t, u.ID, err, "decoded 9223372036854775808, one more than an int64 holds, into "+
		"an int64", "an error",
		"a number that wraps around is somebody else's id")
}

func TestAbsentNullAndZeroDiffer(t *testing.T) {
	states := []struct {
		text          string
		present, null bool
		value         int
	}{
		{`{}`, false, false, 0},
		{`{"limit":null}`, true, true, 0},
		{`{"limit":0}`, true, false, 0},
		{`{"limit":5}`, true, false, 5},
	}
	for _, s := range states {
		u, err := decode[user](t, s.text)
		present, null := u.Limit.State()
		expect.That(t, err == nil && present == s.present && null == s.null &&
			u.Limit.Value() == s.value, expect.Message{
			Did:  "decoded " + s.text + " into a struct with an Optional[int]",
			Want: fmt.Sprintf("present: %v, null: %v, value: %d", s.present, s.null, s.value),
			Got: result(fmt.Sprintf("present: %v, null: %v, value: %d", present, null,
				u.Limit.Value()), err),
			Why: "in an update \"not mentioned\" means leave it, null means remove it, and 0 " +
				"means set it to 0; who cannot tell them apart deletes data that nobody meant",
		})
	}
	type both = struct {
		Both jsonboundary.Optional[jsonboundary.Optional[int]] `json:"both"`
	}
	b, err := decode[both](t, `{"both":null}`)
	present, null := b.Both.State()
	inner, _ := b.Both.Value().State()
	expect.That(t, err == nil && present && null && !inner, expect.Message{
		Did:  `decoded {"both":null} into an Optional of an Optional[int]`,
		Want: "null, so there is no value, and Value is the zero value: an Optional that is absent",
		Got: result(fmt.Sprintf("present: %v, null: %v, the value present: %v", present, null,
			inner), err),
		Why: "whoever asks for a value where there is none gets one that nobody has sent",
	})
	u, err := decode[user](t, `{"nick":"","scores":[],"work":{"city":"Oslo"}}`)
	nick, nickNull := u.Nick.State()
	scores, scoresNull := u.Scores.State()
	ref, _ := u.Ref.State()
	ok := err == nil && nick && !nickNull && scores && !scoresNull && !ref &&
		u.Work.Value().City == "Oslo"
	expect.That(t, ok, expect.Message{
		Did:  `decoded {"nick":"","scores":[],"work":{"city":"Oslo"}} into Optionals of a string, a list and a struct, and one that is not mentioned`,
		Want: "three that are present and not null, Oslo among their values, and one that is absent",
		Got: result(fmt.Sprintf(
			"nick present: %v, null: %v; scores present: %v, null: %v; work: %q; the other "+
				"present: %v",
			nick, nickNull, scores, scoresNull, u.Work.Value().City, ref), err),
		Why: "empty is not the same as absent either",
	})
	u, err = decode[user](t, `{"nick":"null"}`)
	nick, nickNull = u.Nick.State()
	expect.That(t, err == nil && nick && !nickNull && u.Nick.Value() == "null", expect.Message{
		Did:  `decoded {"nick":"null"} into an Optional[string]`,
		Want: `the value "null", four letters`,
		Got:  result(fmt.Sprintf("present: %v, null: %v, value: %q", nick, nickNull, u.Nick.Value()), err),
		Why:  "with quotes it is a text as any other, and there are people whose name is Null",
	})
	u, err = decode[user](t, `{"limit":""}`)
	present, null = u.Limit.State()
	expectError(t, fmt.Sprintf("present: %v, null: %v", present, null), err,
		`decoded {"limit":""}, an empty text, into an Optional[int]`, "an error: that is no number and not null",
		"null removes the limit; a form that sends an empty field has not said that it should be removed")
	const nulls = `{"nick":null,"scores":null,"note":null,"ref":null,"work": null }`
	u, err = decode[user](t, nulls)
	for _, o := range []interface{ State() (present, null bool) }{u.Nick, u.Scores, u.Note, u.Ref, u.Work} {
		present, null := o.State()
		expect.That(t, err == nil && present && null, expect.Message{
			Did:  "decoded " + nulls + fmt.Sprintf(", and asked the %T for its state", o),
			Want: "present and null",
			Got:  result(fmt.Sprintf("present: %v, null: %v", present, null), err),
			Why: "null says: remove this, whatever it was; that a list or a pointer could be nil " +
				"itself does not make it a value",
		})
	}
	top, err := decode[[]jsonboundary.Optional[int]](t, ` [ null , 0 , 7 ] `)
	list := ""
	for _, o := range top {
		present, null := o.State()
		list += fmt.Sprintf("present: %v, null: %v, value: %d; ", present, null, o.Value())
	}
	expect.That(t, err == nil && list == "present: true, null: true, value: 0; present: true, "+
		"null: false, value: 0; present: true, null: false, value: 7; ", expect.Message{
		Did:  "decoded [ null , 0 , 7 ] into a list of Optional[int]",
		Want: "null, the value 0, and the value 7",
		Got:  result(list, err),
		Why:  "an Optional is what it is in a list, too",
	})
}

func TestDuplicateNamesAreRejected(t *testing.T) {
	permit(t)
	for _, text := range []string{`{"role":"user","role":"admin"}`,
		`{"id":1,"role":"user","id":1,"role":"user"}`, `{"role":"user","\u0072ole":"admin"}`} {
		_, err := decode[user](t, text)
		name := "role"
		if !strings.HasPrefix(text, `{"role`) {
			name = "id"
		}
		expectNamed(t, err, jsonboundary.ErrDuplicate, "ErrDuplicate", name, text,
			"which of the two counts is up to the parser: the gateway checks the first role, "+
				"the service takes the last")
	}
}

func TestNestedDuplicateNamesAreRejected(t *testing.T) {
	permit(t)
	for where, text := range inOrder(map[string]string{
		"a struct in a struct":  `{"address":{"city":"a","city":"b"}}`,
		"a list of structs":     `{"friends":[{"city":"a"},{"city":"a","city":"b"}]}`,
		"a map of structs":      `{"places":{"home":{"city":"a","city":"b"}}}`,
		"a map":                 `{"labels":{"city":"a","x":"b","city":"c"}}`,
		"an any":                `{"extra":{"city":1,"city":2}}`,
		"a list in an any":      `{"extra":[1,{"a":[{"city":1,"city":2}]}]}`,
		"a struct in a pointer": `{"boss":{"city":"a","city":"b"}}`,
		"an Optional":           `{"work":{"city":"a","city":"b"}}`,
		"an Optional[any]":      `{"note":{"city":"a","city":"b"}}`,
		"what follows a list":   `{"extra":[[1],{"city":1,"city":2}]}`,
	}) {
		_, err := decode[user](t, text)
		expectNamed(t, err, jsonboundary.ErrDuplicate, "ErrDuplicate", "city", text,
			"the ambiguity is as bad in "+where+" as at the top")
	}
	for _, pair := range [][2]string{{"[", "]"}, {`{"a":`, "}"}, {`[{"a":1},`, "]"}, {`{"a":[],"b":`, "}"}} {
		text := strings.Repeat(pair[0], 900) + `{"city":1,"city":2}` + strings.Repeat(pair[1], 900)
		_, err := decode[any](t, text)
		expectNamed(t, err, jsonboundary.ErrDuplicate, "ErrDuplicate", "city",
			fmt.Sprintf(`{"city":1,"city":2} within 900 times %s`, strings.Join(pair[:], "...")),
			"whoever wants to have two of a name puts them where the looking has stopped")
	}
	long := strings.Repeat("name ", 60)
	names := func(n int) string {
		var many strings.Builder
		for i := range n {
			fmt.Fprintf(&many, `"name%d":1,`, i)
		}
		return many.String()
	}
	for _, c := range []struct{ name, text string }{
		{"", `{"":1,"":2}`},
		{`a"b\c`, `{"a\"b\\c":1,"a\"b\\c":2}`},
		{"line\n<Zoë>", `{"line\n<Zoë>":1,"line\u000a\u003cZo\u00eb>":2}`},
		{"name2500", `{` + names(3000) + `"name2500":2}`},
		{"name9990", `{` + names(20_000) + `"name9990":2}`},
		{" 100%d%s ", `{" 100%d%s ":1," 100%d%s ":2}`},
		{long, `{"` + long + `":1,"` + long + `":2}`},
	} {
		_, err := decode[map[string]int](t, c.text)
		expectNamed(t, err, jsonboundary.ErrDuplicate, "ErrDuplicate", c.name,
			fmt.Sprintf("%.60s", c.text), "any text is a name, also none at all, and the error has "+
				"to say which it was")
	}
	namesAsTheyAreMeant(t)
	u, err := decode[user](t, `{"labels":{"City":"a","city":"b","CITY":"c","city ":"d"}}`)
	expect.That(t, err == nil && len(u.Labels) == 4, expect.Message{
		Did:  `decoded {"labels":{"City":"a","city":"b","CITY":"c","city ":"d"}} into a map`,
		Want: "no error, and four entries: names match letter by letter",
		Got:  result(u.Labels, err),
		Why:  "in a map of strings the keys are data, such as passwords or file names",
	})
	u, err = decode[user](t, `{"friends":[{"city":"Oslo"},{"city":"Oslo"}],"labels":{"city":"city"},"extra":{"city":{"city":[{"city":1},{"city":1}]}}}`)
	expect.That(t, err == nil && len(u.Friends) == 2, expect.Message{
		Did: "decoded a document in which objects side by side, and inside each other, use the " +
			"same name once each",
		Want: "no error: a name is a duplicate only within one object",
		Got:  result(fmt.Sprintf("%d friends", len(u.Friends)), err),
		Why:  "every object has names of its own; a list of users repeats them for each user",
	})
}

// namesAsTheyAreMeant spells random names in all ways that JSON has: the same name, spelled twice, is a duplicate, and
// one that differs in anything is another.
func namesAsTheyAreMeant(t *testing.T) {
	t.Helper()
	seed, r := seeded()
	for range 300 {
		name := randomText(r)
		text := `{"` + spelled(r, name) + `":1,"` + spelled(r, name) + `":2}`
		_, err := decode[any](t, text)
		expectNamed(t, err, jsonboundary.ErrDuplicate, "ErrDuplicate", name,
			fmt.Sprintf("%s (seed %d), not", text, seed), "in how many ways a letter can be written "+
				"does not matter to whoever reads the value")
		// A space, a zero, an accent, what nobody sees: they are letters, too.
		const others = " \x00\u0301\u200b\ufeff\ufffd.😀"
		other := name + string([]rune(others)[r.IntN(len([]rune(others)))])
		text = `{"` + spelled(r, name) + `":1,"` + spelled(r, other) + `":2}`
		table, err := decode[map[string]int](t, text)
		expect.That(t, err == nil && len(table) == 2 && table[name] == 1 && table[other] == 2, expect.Message{
			Did:  fmt.Sprintf("decoded %s into a map (seed %d)", text, seed),
			Want: fmt.Sprintf("1 for %q and 2 for %q, which is another name", name, other),
			Got:  result(fmt.Sprintf("%#v", table), err),
			Why:  "a name is all its letters, and no two that differ in one are the same",
		})
	}
}

// spelled writes each letter of a text in one of the ways in which it can be in a JSON string.
func spelled(r *rand.Rand, text string) string {
	var b strings.Builder
	for _, c := range text {
		short := strings.IndexRune("\"\\/\b\f\n\r\t", c)
		switch how := r.IntN(3); {
		case short >= 0 && how > 0:
			b.WriteString(`\` + string(`"\/bfnrt`[short]))
		case short >= 0 && c != '/' || c < ' ' || how == 0:
			format := []string{`\u%04x`, `\u%04X`}[r.IntN(2)]
			for _, unit := range utf16.Encode([]rune{c}) {
				fmt.Fprintf(&b, format, unit)
			}
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

func TestUnknownFieldsAreRejected(t *testing.T) {
	permit(t)
	const why = "a misspelt field that is ignored looks like success: the caller believes that " +
		"it was set"
	for _, text := range []string{
		`{"colour":"red"}`, `{"id":1,"colour":null}`, `{"address":{"city":"Oslo","colour":1}}`,
		`{"friends":[{"city":"Oslo"},{"colour":1}]}`, `{"places":{"home":{"colour":1}}}`,
		`{"boss":{"colour":1}}`,
	} {
		_, err := decode[user](t, text)
		expectNamed(t, err, jsonboundary.ErrUnknownField, "ErrUnknownField", "colour", text, why)
	}
	for _, text := range []string{`{"lists":[[{"colour":1}]]}`, `{"maps":{"a":[{"colour":1}]}}`,
		`{"behind":[{"colour":1}]}`, `{"opt":[{"colour":1}]}`, `{"opt_map":{"a":{"colour":1}}}`} {
		_, err := decode[deep](t, text)
		expectNamed(t, err, jsonboundary.ErrUnknownField, "ErrUnknownField", "colour", text, why)
	}
	long := strings.Repeat("name ", 60)
	for name, text := range inOrder(map[string]string{`a"b\c`: `{"a\"b\\c":1}`, "": `{"":1}`,
		"Zoë\t": `{"Zo\u00eb\t":1}`, " 100%d%s ": `{" 100%d%s ":1}`, long: `{"` + long + `":1}`}) {
		_, err := decode[user](t, text)
		expectNamed(t, err, jsonboundary.ErrUnknownField, "ErrUnknownField", name, text, why)
	}
	for _, name := range []string{"Secret", "-", "hidden"} {
		_, err := decode[user](t, `{"`+name+`":"x"}`)
		expectNamed(t, err, jsonboundary.ErrUnknownField, "ErrUnknownField", name,
			`{"`+name+`":"x"}, with a field Secret tagged json:"-" and a field hidden,`, why)
	}
	_, err := decode[**address](t, `{"colour":1}`)
	expectNamed(t, err, jsonboundary.ErrUnknownField, "ErrUnknownField", "colour",
		`{"colour":1}, with two pointers before it,`, why)
	_, err = decode[map[string]struct{}](t, `{"a":{},"b":{"colour":1}}`)
	expectNamed(t, err, jsonboundary.ErrUnknownField, "ErrUnknownField", "colour",
		`{"a":{},"b":{"colour":1}}, into a map of structs without a field, not`, why)
	sameNameOfTheType(t, why)
	type chain struct {
		Next *chain                        `json:"next"`
		List []chain                       `json:"list"`
		Map  map[string]chain              `json:"map"`
		Opt  jsonboundary.Optional[*chain] `json:"opt"`
	}
	for _, c := range []struct {
		head, tail string
		times      int
	}{{`{"next":`, "}", 900}, {`{"list":[`, "]}", 450}, {`{"map":{"colour":`, "}}", 450}, {`{"opt":`, "}", 40}} {
		_, err := decode[chain](t, strings.Repeat(c.head, c.times)+`{"colour":1}`+strings.Repeat(c.tail, c.times))
		expectNamed(t, err, jsonboundary.ErrUnknownField, "ErrUnknownField", "colour",
			fmt.Sprintf(`{"colour":1} within %d times %s...%s`, c.times, c.head, c.tail), why)
	}
	u, err := decode[user](t, `{"labels":{"colour":"red"},"extra":{"colour":1}}`)
	expect.That(t, err == nil && u.Labels["colour"] == "red", expect.Message{
		Did:  `decoded {"labels":{"colour":"red"},"extra":{"colour":1}} into a map and an any`,
		Want: "no error: in a map and in an any every name is fine",
		Got:  result(u.Labels, err),
		Why:  "data that has no fields cannot have unknown ones",
	})
}

// sameNameOfTheType decodes into two structs that are both called place, as types of two functions may be, and into two
// that have no name.
func sameNameOfTheType(t *testing.T, why string) {
	t.Helper()
	first := func(text string) error {
		type place struct {
			Street string `json:"street"`
		}
		_, err := decode[place](t, text)
		return err
	}
	second := func(text string) error {
		type place struct {
			Colour string `json:"colour"`
		}
		_, err := decode[place](t, text)
		return err
	}
	expectNoError(t, first(`{"street":"x"}`), `decoded {"street":"x"} into a type place, which has a street,`)
	expectNoError(t, second(`{"colour":"x"}`), `decoded {"street":"x"} into a type place, which has a street, and `+
		`{"colour":"x"} into another type place, of another function, which has a colour,`)
	expectNamed(t, first(`{"colour":"x"}`), jsonboundary.ErrUnknownField, "ErrUnknownField", "colour",
		`{"colour":"x"}, with another type place about that has a colour, but not this one,`, why)
}

func TestRulesHoldInsideAnOptional(t *testing.T) {
	u, err := decode[user](t, `{"work":{"city":"Oslo"},"note":{"n":9007199254740993}}`)
	note := fmt.Sprint(u.Note.Value())
	expect.That(t, err == nil && u.Work.Value().City == "Oslo" && note == "map[n:9007199254740993]",
		expect.Message{
			Did:  `decoded {"work":{"city":"Oslo"},"note":{"n":9007199254740993}} into an Optional of a struct and an Optional[any]`,
			Want: "Oslo, and the number with all its digits",
			Got:  result(fmt.Sprintf("%q and %s", u.Work.Value().City, note), err),
			Why:  "the fields of an update are data like all others",
		})
	_, err = decode[user](t, `{"work":{"city":"Oslo","colour":1}}`)
	expectNamed(t, err, jsonboundary.ErrUnknownField, "ErrUnknownField", "colour",
		`{"work":{"city":"Oslo","colour":1}}, with work an Optional of a struct,`,
		"a decoder's strictness may end where a type takes over its own decoding: the rules "+
			"must hold there as well")
}

func TestNamesMatchExactly(t *testing.T) {
	u, err := decode[user](t, `{"role":"user","Plain":"x"}`)
	expect.That(t, err == nil && u.Role == "user" && u.Plain == "x", expect.Message{
		Did:  `decoded {"role":"user","Plain":"x"} into a struct with a field tagged "role" and one without a tag, Plain`,
		Want: "both set",
		Got:  result(fmt.Sprintf("role %q, Plain %q", u.Role, u.Plain), err),
	})
	type cased struct {
		Low  int `json:"size"`
		High int `json:"SIZE"`
	}
	c, err := decode[cased](t, `{"SIZE":1,"size":2}`)
	expect.That(t, err == nil && c == cased{2, 1}, expect.Message{
		Did:  `decoded {"SIZE":1,"size":2} into a struct with a field "size" and a field "SIZE"`,
		Want: "size 2 and SIZE 1",
		Got:  result(fmt.Sprintf("size %d and SIZE %d", c.Low, c.High), err),
		Why:  "these are two names, each of a field of its own",
	})
	for _, c := range []struct{ name, text string }{
		{"ROLE", `{"ROLE":"x"}`},
		{"Role", `{"role":"user","Role":"admin"}`},
		{"CITY", `{"address":{"CITY":"x"}}`},
		{"plain", `{"plain":"x"}`},
		{"\u017fcores", "{\"\u017fcores\":[]}"}, // a long s, which folds to an s
		{"role ", `{"role ":"x"}`},
	} {
		_, err := decode[user](t, c.text)
		expectNamed(t, err, jsonboundary.ErrUnknownField, "ErrUnknownField", c.name, c.text,
			"names are compared letter by letter everywhere else: a filter in front that looks "+
				"for \"role\" does not see \"ROLE\", so it must not count here")
	}
}

func TestOneDocumentOnly(t *testing.T) {
	permit(t)
	u, err := decode[user](t, " \r\n\t{\"id\":1} \r\n\t ")
	expect.That(t, err == nil && u.ID == 1, expect.Message{
		Did:  "decoded a document with spaces, tabs and line ends around it",
		Want: "no error",
		Got:  result(u.ID, err),
		Why:  "white space around a document means nothing, and many tools end with a newline",
	})
	for _, text := range []string{`{"id":1}{"id":2}`, `{"id":1} x`, "{\"id\":1}\n{\"id\":2}\n",
		`{"id":1},`, `{"id":1} null`, `{"id":1}"`,
		`{"id":1}}`, `{"id":1}]`, `{"id":1} ]{"id":2}`,
		// what other places take for white space
		"{\"id\":1}\x00", "{\"id\":1} \f", "{\"id\":1}\v\n", "{\"id\":1}\u00a0", "{\"id\":1}\n\u2028",
		"{\"id\":1}\ufeff",
		// more white space than a buffer holds
		`{"id":1}` + strings.Repeat(" ", 9000) + "x"} {
		expectTrailing(t, text)
	}
	nothing, err := decode[any](t, " null ")
	expectNull(t, "an any", nothing == nil, err)
	pointer, err := decode[*user](t, "null\n")
	expectNull(t, "a pointer", pointer == nil, err)
	list, err := decode[[]int](t, "null")
	expectNull(t, "a list", len(list) == 0, err)
	table, err := decode[map[string]int](t, "null")
	expectNull(t, "a map", len(table) == 0, err)
	opt, err := decode[jsonboundary.Optional[int]](t, "null")
	present, null := opt.State()
	expectNull(t, "an Optional", present && null, err)
	arrivesInPieces(t)
}

func expectNull(t *testing.T, what string, ok bool, err error) {
	t.Helper()
	expect.That(t, err == nil && ok, expect.Message{
		Did:  "decoded the document null into " + what,
		Want: "no error, and nothing in it",
		Got:  result(fmt.Sprintf("nothing in it: %v", ok), err),
		Why:  "null is a document as any other, and what can be nil, or null, is so then",
	})
}

// arrivesInPieces has readers that return what a network may.
func arrivesInPieces(t *testing.T) {
	t.Helper()
	text := `{"id":7,"role":"` + strings.Repeat("x", 3000) + `"}`
	for what, pieces := range inOrder(map[string]func(io.Reader) io.Reader{
		"byte by byte":                   iotest.OneByteReader,
		"half of what is asked for":      iotest.HalfReader,
		"the last bytes with the io.EOF": iotest.DataErrReader,
		"no bytes and no error at times": func(r io.Reader) io.Reader { return &pausing{r: r} },
	}) {
		for end, want := range inOrder(map[string]error{"": nil, "}": jsonboundary.ErrTrailing}) {
			u, err := jsonboundary.Decode[user](pieces(strings.NewReader(text+end)), int64(len(text)+len(end)))
			ok := err == nil && u.ID == 7 && len(u.Role) == 3000
			if want != nil {
				ok = known.Is(err, want)
			}
			expect.That(t, ok, expect.Message{
				Did: fmt.Sprintf(`decoded {"id":7,"role":"xxx..."}%s, 3,000 times x, from a reader that `+
					"returns %s, with the document's length as limit", end, what),
				Want: fmt.Sprintf("the document, or what is wrong with it: the error %v", want),
				Got:  result(fmt.Sprintf("the id %d and a role of %d letters", u.ID, len(u.Role)), err),
				Why: "a body comes as the network brings it: one Read is not all of it, and may " +
					"return bytes and io.EOF at once, or nothing yet",
			})
		}
		u, err := jsonboundary.Decode[user](pieces(strings.NewReader(text)), int64(len(text)-1))
		expect.That(t, known.Is(err, jsonboundary.ErrTooLarge) && reflect.ValueOf(u).IsZero(), expect.Message{
			Did: "decoded a document that has one byte more than its limit, from a reader that returns " +
				what,
			Want: "ErrTooLarge, and the zero value",
			Got:  result(fmt.Sprintf("the id %d", u.ID), err),
			Why:  "the limit is one of the whole body, in however many pieces it comes",
		})
	}
}

func TestSizeAndDepthAreLimited(t *testing.T) {
	const limit = 10_000
	whole := `{"role":"` + strings.Repeat("x", limit-len(`{"role":""}`)) + `"}`
	u, err := jsonboundary.Decode[user](strings.NewReader(whole), limit)
	expect.That(t, err == nil && len(u.Role) == limit-len(`{"role":""}`), expect.Message{
		Did: fmt.Sprintf("decoded a document of exactly %d bytes with a limit of %d", len(whole),
			limit),
		Want: "no error",
		Got:  result(fmt.Sprintf("a role of %d letters", len(u.Role)), err),
		Why:  "the limit is what is allowed",
	})
	for what, text := range inOrder(map[string]string{
		"a string that is one byte too long": strings.Replace(whole, "x", "xx", 1),
		"white space after it": `{"role":"x"}` +
			strings.Repeat(" ", limit+1-len(`{"role":"x"}`)),
		"a string that is far too long": `{"role":"` +
			strings.Repeat("x", 5*limit),
		"white space, and more after it than there may be": `{"role":"x"}` +
			strings.Repeat(" ", 3*limit),
	}) {
		u, err := jsonboundary.Decode[user](strings.NewReader(text), limit)
		expect.That(t, known.Is(err, jsonboundary.ErrTooLarge) && reflect.ValueOf(u).IsZero(), expect.Message{
			Did: fmt.Sprintf("decoded %d bytes with a limit of %d: a document with %s", len(text),
				limit, what),
			Want: "ErrTooLarge, and the zero value",
			Got:  result(fmt.Sprintf("a role of %d letters", len(u.Role)), err),
			Why: "a body that is cut off in silence is another document than the one that was " +
				"sent; and the caller must learn that it was too large, not that its JSON is broken",
		})
	}
	nested := func(depth int) string {
		return strings.Repeat("[", depth) + strings.Repeat("]",
			depth)
	}
	v, err := decode[any](t, nested(1000))
	expect.That(t, err == nil && v != nil, expect.Message{
		Did:  "decoded 1,000 lists, one inside the other, into an any",
		Want: "no error",
		Got:  result(v != nil, err),
	})
	objects := strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000)
	v, err = decode[any](t, objects)
	expect.That(t, err == nil && v != nil, expect.Message{
		Did:  "decoded 1,000 objects, one inside the other, into an any",
		Want: "no error",
		Got:  result(v != nil, err),
	})
	for _, text := range []string{nested(100_000), strings.Repeat("[", 100_000),
		strings.Repeat(`{"a":`, 100_000)} {
		start := time.Now()
		_, err := decode[any](t, text)
		took := time.Since(start)
		expect.That(t, err != nil && took < 5*time.Second, expect.Message{
			Did:  fmt.Sprintf("decoded %d bytes: %.10s and so on, 100,000 deep", len(text), text),
			Want: "an error, soon",
			Got:  fmt.Sprintf("%s after %v", errorText(err), took.Round(time.Millisecond)),
			Why: "a recursive reader goes as deep as the document: some kilobytes of brackets " +
				"must not take a gigabyte of stack, here or in the next service that gets the value",
		})
	}
	text := strings.Repeat(`[{"`, 20_000)
	for what, doc := range inOrder(map[string]string{
		`a text that consists of [{" 20,000 times`: `["` + strings.ReplaceAll(text, `"`, `\"`) + `"]`,
		"20,000 lists beside each other":           "[" + strings.Repeat("[],", 19_999) + "[]]",
		"20,000 objects beside each other":         "[" + strings.Repeat(`{"a":{}},`, 19_999) + "{}]",
	}) {
		v, err := decode[[]any](t, doc)
		ok := err == nil && (len(v) == 20_000 || len(v) == 1 && v[0] == text)
		expect.That(t, ok, expect.Message{
			Did:  "decoded a list of " + what,
			Want: "no error: nothing in it is deeper than three levels",
			Got:  result(fmt.Sprintf("a list of %d", len(v)), err),
			Why: "deep is what is inside each other: brackets in a text are letters, and a list that has " +
				"ended is not around what follows it",
		})
	}
	const large = 3 << 19
	u, err = jsonboundary.Decode[user](strings.NewReader(`{"role":"`+strings.Repeat("x", large)+`"}`), 1<<30)
	expect.That(t, err == nil && len(u.Role) == large, expect.Message{
		Did:  "decoded a document of a little more than 1.5 MiB with a limit of 1 GiB",
		Want: "no error",
		Got:  result(fmt.Sprintf("a role of %d letters", len(u.Role)), err),
		Why:  "how large a document may be is for the caller to say",
	})
	one, err := jsonboundary.Decode[int](strings.NewReader("7"), 1)
	_, tooLong := jsonboundary.Decode[int](strings.NewReader("77"), 1)
	expect.That(t, err == nil && one == 7 && known.Is(tooLong, jsonboundary.ErrTooLarge), expect.Message{
		Did:  "decoded 7 and then 77, both with a limit of one byte",
		Want: "7, and ErrTooLarge",
		Got:  result(one, err) + "; " + errorText(tooLong),
		Why:  "a limit holds from the first byte on",
	})
}

func TestStopsReadingAtTheLimit(t *testing.T) {
	permit(t)
	const limit = 10_000
	r := &endless{head: `{"role":"`, bytes: 16 << 20}
	_, err := jsonboundary.Decode[user](r, limit)
	expect.That(t, err != nil && r.read > 0 && r.read <= limit+1, expect.Message{
		Did:  fmt.Sprintf("decoded a body of %d MiB with a limit of %d bytes", r.bytes>>20, limit),
		Want: fmt.Sprintf("an error, after at most %d bytes were read", limit+1),
		Got:  fmt.Sprintf("%s, after %d bytes", errorText(err), r.read),
		Why: "what is rejected after it was read has already taken the memory: ten such bodies " +
			"at a time are what the limit was to prevent",
	})
}

func TestMalformedDocumentsAreRejected(t *testing.T) {
	permit(t)
	for _, text := range []string{
		``, ` `, "\n", "\f{}", "\u00a0{}", "\x00", "\x00{}", `{`, `{"id":1`, `{"id":1,}`, `{"id"}`, `{"id" 1}`, `{id:1}`, `{'id':1}`,
		`{"friends":[{} {}]}`, `{"friends":[{},]}`, `nul`,
		`{"id":01}`, `{"id":+1}`, `{"id":.5}`, `{"id":1.}`, `{"extra":NaN}`, `{"extra":"\x"}`,
		"{\"extra\":\"\t\"}", `{"extra":1//}`, `{"extra":undefined}`, `{"extra":"`,
	} {
		u, err := decode[user](t, text)
		expect.That(t, known.Is(err, jsonboundary.ErrSyntax), expect.Message{
			Did:  fmt.Sprintf("decoded %#q", text),
			Want: "ErrSyntax: that is not JSON",
			Got:  result(fmt.Sprintf("the id %d", u.ID), err),
			Why: "a body that is empty, cut short or only looks like JSON was not meant to be " +
				"what one might guess; an empty one is most often a client's bug",
		})
	}
	u, err := decode[user](t, `{"id":"1"}`)
	expectError(t, u.ID, err, `decoded {"id":"1"}, a string, into an int64`, "an error",
		"a value of another type is a misunderstanding; guessing makes it worse")
	for _, text := range []string{
		`{"byte":256}`, `{"byte":-1}`, `{"byte":1.5}`, `{"tiny":128}`, `{"tiny":-129}`,
		`{"float":1e39}`, `{"ratio":1e400}`, `{"count":-1}`, `{"count":18446744073709551616}`,
		`{"flag":1}`, `{"flag":"true"}`, `{"text":true}`, `{"text":1}`, `{"text":["a"]}`, `{"byte":true}`,
		`{"list":{}}`, `{"list":1}`, `{"list":["1"]}`, `{"map":[]}`, `{"map":{"a":"1"}}`,
		`{"city":[]}`, `{"city":"Oslo"}`, `[]`, `"text"`, `1`,
	} {
		v, err := decode[small](t, text)
		expectError(t, fmt.Sprintf("%+v", v), err, "decoded "+text+", of which a value has the "+
			"wrong type or does not fit", "an error",
			"a number that is cut to size, or a value of another type that counts as something, "+
				"is one that nobody sent")
	}
	seed, r := seeded()
	for range 3000 {
		good, err := encode(t, randomValue(r, 2))
		expectNoError(t, err, "encoded a random value")
		bad := damage(r, good)
		_, err = decode[random](t, bad) // a panic ends the check
		// what follows the first document is another check's business
		var doc json.RawMessage
		begins := json.NewDecoder(strings.NewReader(bad)).Decode(&doc) == nil
		expect.That(t, err != nil || begins && utf8.ValidString(bad), expect.Message{
			Did:  fmt.Sprintf("decoded a damaged document (seed %d): %q", seed, bad),
			Want: "an error: it is not JSON any more",
			Got:  "no error",
			Why:  "at the border everything that can be sent will be sent",
		})
	}
}

func TestInvalidUTF8IsRejected(t *testing.T) {
	const fine = `{"role":"Zoë \u00eb 漢 😀 \ud83d\ude00"}`
	u, err := decode[user](t, fine)
	expect.That(t, err == nil && u.Role == "Zoë ë 漢 😀 😀", expect.Message{
		Did:  "decoded " + fine,
		Want: "Zoë ë 漢 😀 😀",
		Got:  result(u.Role, err),
	})
	for _, text := range []string{`{"role":"a\ufffdb"}`, "{\"role\":\"a\ufffdb\"}"} {
		u, err := decode[user](t, text)
		expect.That(t, err == nil && u.Role == "a\ufffdb", expect.Message{
			Did:  "decoded " + text + ", in which U+FFFD itself was sent",
			Want: "no error: it is a character as any other, and this is UTF-8",
			Got:  result(fmt.Sprintf("%q", u.Role), err),
			Why: "what a decoder puts in place of broken bytes somebody before may have put there " +
				"already; the bytes tell what is broken, and not the text that was made of them",
		})
	}
	for _, bad := range []string{"\xff", "Zo\xeb", "\xc3", "\xed\xa0\x80", "\xc0\xaf"} {
		for _, text := range []string{`{"role":"` + bad + `"}`, `{"labels":{"` + bad + `":"x"}}`} {
			_, err := decode[user](t, text)
			expectError(t, "a value", err, fmt.Sprintf("decoded %q, which is not UTF-8", text),
				"an error",
				"JSON is UTF-8. Bytes that are not get replaced by U+FFFD: two different names "+
					"become the same one, and what was sent is gone")
		}
	}
}

func TestNilSlicesAndMapsAreWrittenEmpty(t *testing.T) {
	for want, values := range inOrder(map[string][]any{
		`[]`:   {[]int(nil), []any(nil), []int{}},
		`{}`:   {map[string]int(nil), map[string]any{}},
		`null`: {(*address)(nil), nil},
	}) {
		for _, v := range values {
			expectWritten(t, fmt.Sprintf("a %T that is nil or empty", v), v, want)
		}
	}
	type inner struct {
		List []string       `json:"list"`
		Map  map[string]int `json:"map"`
	}
	type outer struct {
		Inner   inner            `json:"inner"`
		Pointer *inner           `json:"pointer"`
		Nothing *inner           `json:"nothing"`
		Any     any              `json:"any"`
		Nil     any              `json:"nil"`
		Lists   [][]int          `json:"lists"`
		Maps    map[string][]int `json:"maps"`
		Bytes   []byte           `json:"bytes"`
	}
	expectWritten(t, "a struct with a nil slice and a nil map", inner{}, `{"list":[],"map":{}}`)
	expectWritten(t, "a list of structs with nil slices",
		[]any{inner{}, &inner{List: []string{"a"}}},
		`[{"list":[],"map":{}},{"list":["a"],"map":{}}]`)
	expectWritten(t, "a struct with nil slices and maps beside, below and behind each other, "+
		"two nil pointers, and bytes",
		outer{Pointer: new(inner), Any: []any(nil), Lists: [][]int{nil, {1}},
			Maps: map[string][]int{"a": nil}, Bytes: []byte("hello")},
		`{"inner":{"list":[],"map":{}},"pointer":{"list":[],"map":{}},"nothing":null,"any":[],"nil":null,"lists":[[],[1]],"maps":{"a":[]},"bytes":"aGVsbG8="}`)
	expectWritten(t, "bytes that are there and none, in a list, a map and an any",
		[]any{[]byte{}, [][]byte{{}, []byte("hello")}, map[string]any{"a": []byte("hello")}},
		`["",["","aGVsbG8="],{"a":"aGVsbG8="}]`)
	expectWritten(t, "a float32 and an int8", struct {
		F float32
		I int8
	}{0.1, -128}, `{"F":0.1,"I":-128}`)
	type brief struct {
		Text  string         `json:"text,omitempty"`
		Count int            `json:"count,omitempty"`
		Flag  bool           `json:",omitempty"`
		Ptr   *inner         `json:"ptr,omitempty"`
		Any   any            `json:"any,omitempty"`
		List  []int          `json:"list,omitempty"`
		Map   map[string]int `json:"map,omitempty"`
		Inner inner          `json:"inner,omitempty"`
	}
	expectWritten(t, "zero values in fields that have omitempty, a struct among them",
		brief{List: []int{}, Map: map[string]int{}}, `{"inner":{"list":[],"map":{}}}`)
	expectWritten(t, "values in fields that have omitempty",
		brief{"a", 1, true, &inner{}, 0, []int{0}, map[string]int{"": 0}, inner{}},
		`{"text":"a","count":1,"Flag":true,"ptr":{"list":[],"map":{}},"any":0,"list":[0],"map":{"":0},`+
			`"inner":{"list":[],"map":{}}}`)
	expectWritten(t, "maps with a pointer and an any that are nil",
		[]any{map[string]*inner{"a": nil, "b": {}}, map[string]any{"c": nil, "d": 0}},
		`[{"a":null,"b":{"list":[],"map":{}}},{"c":null,"d":0}]`)
	twice := &inner{List: []string{"a"}}
	expectWritten(t, "the same pointer and the same map in two places",
		[]any{twice, twice, twice.List, twice.List, map[string]*inner{"a": twice, "b": twice}},
		`[{"list":["a"],"map":{}},{"list":["a"],"map":{}},["a"],["a"],`+
			`{"a":{"list":["a"],"map":{}},"b":{"list":["a"],"map":{}}}]`)
	var none []int
	expectWritten(t, "a pointer to a nil slice", &none, `[]`)
	expectWritten(t, "a struct with a pointer to a nil slice in an any",
		struct{ Any any }{&none}, `{"Any":[]}`)
	var v100 any = map[string]any{"list": []int(nil), "map": map[string]int(nil)}
	want100 := `{"list":[],"map":{}}`
	for range 100 {
		v100, want100 = []any{v100, &map[string][]int{"a": nil}}, `[`+want100+`,{"a":[]}]`
	}
	expectWritten(t, "nil slices and maps within 100 lists, one inside the other", v100, want100)
	type holder struct {
		Opt jsonboundary.Optional[inner] `json:"opt"`
	}
	h, err := decode[holder](t, `{"opt":{}}`)
	expectNoError(t, err, `decoded {"opt":{}} into an Optional of a struct with a slice and a map`)
	expectWritten(t, "an Optional of a struct with a nil slice and a nil map", h,
		`{"opt":{"list":[],"map":{}}}`)
	table := map[string][]int{"a": nil}
	_, err = encode(t, []any{table, map[string]any{"m": table}})
	expectNoError(t, err, "encoded a map with a nil slice")
	expect.That(t, table["a"] == nil, expect.Message{
		Did:  "encoded a map with a nil slice in it, and looked at it afterwards",
		Want: "still nil: writing does not change what is written",
		Got:  fmt.Sprintf("%#v", table),
		Why: "a map that is written to while others read it stops the whole process, and reading " +
			"is what everybody expects of Encode",
	})
	v := &user{Friends: []address{{"Oslo"}}, Extra: []any{map[string]any(nil), []any(nil)}}
	if _, err := encode(t, v); err != nil {
		expectNoError(t, err, "encoded a struct with nil slices and maps through a pointer")
	}
	within := v.Extra.([]any)
	expect.That(t, v.Places == nil && v.Labels == nil && reflect.ValueOf(within[0]).IsNil() &&
		reflect.ValueOf(within[1]).IsNil(), expect.Message{
		Did: "encoded a struct with nil slices and maps through a pointer, and looked at them " +
			"afterwards",
		Want: "still nil: writing does not change what is written",
		Got: fmt.Sprintf("Places nil: %v, Labels nil: %v, in the any: %#v", v.Places == nil,
			v.Labels == nil, v.Extra),
		Why: "the value may be shared: two responses that are written at the same time would " +
			"then be a data race",
	})
}

func TestNothingIsWrittenOnError(t *testing.T) {
	permitEncode(t)
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, v := range []any{f, map[string]any{"ratio": f}, struct{ Ratio float64 }{f}} {
			text, err := encode(t, v)
			expectError(t, text, err, fmt.Sprintf("encoded %v", v),
				"an error: JSON has no such number",
				"0 and null are other values than \"could not be computed\"; the reader of the "+
					"figures would not know")
		}
	}
	for _, v := range []any{(func())(nil), make(chan int), (chan int)(nil), complex(1, 2),
		map[string]any{"a": 1, "f": (func())(nil)}} {
		text, err := encode(t, v)
		expectError(t, text, err, fmt.Sprintf("encoded a %T", v), "an error: it has no form in JSON",
			"null in its place says that there is nothing, where there is something that could not "+
				"be told")
	}
	list := make([]any, 1000)
	for i := range list {
		list[i] = map[string]any{"id": i, "name": strings.Repeat("x", 100)}
	}
	list = append(list, func() {}) // the last one has no form in JSON
	text, err := encode(t, list)
	expect.That(t, err != nil && text == "", expect.Message{
		Did: "encoded a list of 1,000 objects and, at its end, a function, which has no form " +
			"in JSON",
		Want: "an error, and not a byte written",
		Got:  fmt.Sprintf("%s, and %d bytes written", errorText(err), len(text)),
		Why: "the first byte of a body sends the status 200 ahead: after it there is no way to " +
			"say that something went wrong, and the client has half a document",
	})
	broken := errors.New("broken pipe")
	for _, fault := range []error{broken, io.EOF, io.ErrShortWrite, io.ErrClosedPipe, syscall.EPIPE, net.ErrClosed} {
		err = jsonboundary.Encode(failing{fault}, map[string]int{"id": 1})
		expect.That(t, known.Is(err, fault), expect.Message{
			Did:  fmt.Sprintf("encoded a value to a writer that fails (%v)", fault),
			Want: "the writer's error",
			Got:  errorText(err),
			Why:  "whoever calls Encode counts on the document being written, and decides whether it matters that it was not",
		})
	}
	whole, err := encode(t, map[string]int{"id": 1})
	expectNoError(t, err, "encoded a map")
	for room := range len(whole) {
		err := jsonboundary.Encode(&filling{room, broken}, map[string]int{"id": 1})
		expect.That(t, known.Is(err, broken), expect.Message{
			Did: fmt.Sprintf("encoded a value that takes %d bytes, for a writer with room for %d",
				len(whole), room),
			Want: "the writer's error",
			Got:  errorText(err),
			Why:  "the last byte is one of the document, too: what failed there has not been written",
		})
	}
}

func TestOptionalsAreWritten(t *testing.T) {
	var absent jsonboundary.Optional[int]
	for what, v := range inOrder(map[string]any{
		"": absent, ", in a list": []jsonboundary.Optional[int]{absent},
		", in an any":               []any{absent},
		", in a map":                map[string]jsonboundary.Optional[int]{"a": absent},
		", in a field, through two": struct{ A **jsonboundary.Optional[int] }{new(&absent)},
	}) {
		want := map[string]string{"": "null", ", in a map": `{"a":null}`,
			", in a field, through two": `{"A":null}`}[what]
		if want == "" {
			want = "[null]"
		}
		out, err := encode(t, v)
		expect.That(t, err == nil && sameJSON(out, want), expect.Message{
			Did:  "encoded an Optional that is absent" + what,
			Want: want,
			Got:  result(out, err),
			Why:  "only a field that has omitzero can be left out; everywhere else something has to stand there",
		})
	}
	type patch struct {
		Limit jsonboundary.Optional[int]       `json:"limit,omitzero"`
		Nick  jsonboundary.Optional[string]    `json:"nick,omitzero"`
		Ids   jsonboundary.Optional[[]int64]   `json:"ids,omitzero"`
		Must  jsonboundary.Optional[int]       `json:"must"`
		Work  *jsonboundary.Optional[*address] `json:"work,omitzero"`
		Flag  jsonboundary.Optional[bool]      `json:"flag,omitzero"`
		Ratio jsonboundary.Optional[float64]   `json:"ratio,omitzero"`
		City  jsonboundary.Optional[address]   `json:"city,omitzero"`
	}
	for text, want := range inOrder(map[string]string{
		`{}`:                      `{"must":null}`,
		`{"limit":null,"must":3}`: `{"limit":null,"must":3}`,
		`{"limit":0,"nick":"","ids":[9007199254740993],"must":0}`: `{"limit":0,"nick":"","ids":[9007199254740993],"must":0}`,
		`{"ids":[],"must":1}`:                `{"ids":[],"must":1}`,
		`{"work":{"city":"Oslo"}}`:           `{"must":null,"work":{"city":"Oslo"}}`,
		`{"flag":false,"ratio":0,"city":{}}`: `{"must":null,"flag":false,"ratio":0,"city":{"city":""}}`,
	}) {
		p, err := decode[patch](t, text)
		expectNoError(t, err, "decoded "+text+" into a struct of Optionals")
		// By value and through a pointer, which can make a difference to the methods that an
		// encoder finds.
		for how, v := range inOrder(map[string]any{"": p, ", through a pointer": &p,
			", in a map": map[string]patch{"p": p}}) {
			out, err := encode(t, v)
			want := want
			if how == ", in a map" {
				want = `{"p":` + want + `}`
			}
			expect.That(t, err == nil && sameJSON(out, want), expect.Message{
				Did: "decoded " + text +
					" into a struct of Optionals, all but must with omitzero, and encoded it again" + how,
				Want: want,
				Got:  result(out, err),
				Why: "a service that passes an update on must pass on what was not mentioned, " +
					"too: by not mentioning it",
			})
		}
	}
}

func TestErrorsComeWithoutAValue(t *testing.T) {
	permit(t)
	for _, text := range []string{`{"id":7,"role":5}`, `{"id":7,"colour":1}`,
		`{"id":7,"role":"a","role":"b"}`, `{"id":7}{}`, `{"id":7,`,
		`{"id":7,"role":"` + "\xff" + `"}`} {
		u, err := decode[user](t, text)
		expect.That(t, err == nil || reflect.ValueOf(u).IsZero(), expect.Message{
			Did: fmt.Sprintf("decoded %#q, which is not acceptable, but sets the id to 7 first",
				text),
			Want: "an error, and the zero value",
			Got:  fmt.Sprintf("%s, with the id %d", errorText(err), u.ID),
			Why: "half of a document is not what was sent; a caller that goes on with it acts " +
				"on something that nobody said",
		})
	}
	list, err := decode[[]int](t, `[7,"x"]`)
	noValue(t, `[7,"x"] into a list of numbers`, list == nil, list, err)
	table, err := decode[map[string]int](t, `{"a":7,"b":"x"}`)
	noValue(t, `{"a":7,"b":"x"} into a map of numbers`, table == nil, table, err)
	pointer, err := decode[*address](t, `{"city":5}`)
	noValue(t, `{"city":5} into a pointer to a struct`, pointer == nil, pointer, err)
	v, err := decode[any](t, `{"a":7,"b":}`)
	noValue(t, `{"a":7,"b":} into an any`, v == nil, v, err)
	for _, broken := range []error{io.ErrUnexpectedEOF, fmt.Errorf("tunnel: %w", io.EOF)} {
		u, err := jsonboundary.Decode[user](io.MultiReader(strings.NewReader(`{"id":1}`),
			failing{broken}), plenty)
		expect.That(t, known.Is(err, broken) && reflect.ValueOf(u).IsZero(), expect.Message{
			Did:  fmt.Sprintf(`decoded a body whose reader fails after {"id":1} with %q`, broken),
			Want: "the reader's error, and the zero value",
			Got:  result(fmt.Sprintf("the id %d", u.ID), err),
			Why: "net/http says so when a client goes away in the middle of its body: only io.EOF " +
				"itself is the end",
		})
	}
	broken := errors.New("connection reset by peer")
	for _, head := range []string{"", " ", `{"id":1`, `{"id":1}`, `{"id":1} `} {
		for _, limit := range []int{plenty, max(len(head), 1)} {
			for how, body := range inOrder(map[string]io.Reader{
				"":                    io.MultiReader(strings.NewReader(head), failing{broken}),
				", at once with that": &breaking{head, broken},
			}) {
				u, err := jsonboundary.Decode[user](body, int64(limit))
				expect.That(t, known.Is(err, broken) && reflect.ValueOf(u).IsZero(),
					expect.Message{
						Did: fmt.Sprintf("decoded a body whose reader fails after %#q%s, with %d bytes allowed",
							head, how, limit),
						Want: "the reader's error, not ErrSyntax, and the zero value",
						Got:  result(fmt.Sprintf("the id %d", u.ID), err),
						Why: "a broken connection is not the client's bad JSON: it is answered, counted " +
							"and retried in another way",
					})
			}
		}
	}
}

func noValue(t *testing.T, what string, zero bool, v any, err error) {
	t.Helper()
	expect.That(t, err != nil && zero, expect.Message{
		Did:  "decoded " + what,
		Want: "an error, and nil: the zero value",
		Got:  fmt.Sprintf("%s, with %v", errorText(err), v),
		Why:  "half of a document is not what was sent, whatever it was to become",
	})
}

// random is a type with much of what JSON has; its numbers are whole or binary fractions.
type random struct {
	ID       int64            `json:"id"`
	Unsigned uint64           `json:"unsigned"`
	Text     string           `json:"text"`
	Flag     bool             `json:"flag"`
	Ratio    float64          `json:"ratio"`
	List     []string         `json:"list"`
	Map      map[string]int64 `json:"map"`
	Children []random         `json:"children"`
	Next     *random          `json:"next"`
	Bytes    []byte           `json:"bytes"`
	Plain    int
}

func TestRoundTrip(t *testing.T) {
	for _, text := range []string{`<b>&"`, "a\"b\\c/", "line\nline\r\n\ttab", "\x00\x01\x1f\x7f",
		"\u2028\u2029\ufeff", "Zoë 漢 😀", `\u0041`, "&lt;", ""} {
		out, err := encode(t, map[string]string{text: text})
		expect.That(t, err == nil && json.Valid([]byte(out)) && utf8.ValidString(out),
			expect.Message{
				Did:  fmt.Sprintf("encoded a map with the key and the value %q", text),
				Want: "a JSON document",
				Got:  result(out, err),
				Why: "text comes from users; whatever is in it must not end the string that it " +
					"is in",
			})
		back, err := decode[map[string]string](t, out)
		got, there := back[text]
		expect.That(t, err == nil && there && got == text, expect.Message{
			Did: fmt.Sprintf(
				"encoded a map with the key and the value %q, and decoded the result, %s", text,
				strings.TrimSpace(out)),
			Want: "the same text",
			Got:  result(fmt.Sprintf("%q", back), err),
			Why: "JSON carries text as it is: escaping for HTML or for SQL is done where HTML " +
				"or SQL is made",
		})
	}
	for _, f := range []float64{0.1, 1e21, 1e-7, 5e-324, math.MaxFloat64, -1e300, 16777217} {
		text, err := encode(t, random{Ratio: f})
		expectNoError(t, err, fmt.Sprintf("encoded a float64 of %v", f))
		back, err := decode[random](t, text)
		expect.That(t, err == nil && back.Ratio == f, expect.Message{
			Did:  fmt.Sprintf("encoded a float64 of %v, and decoded the result", f),
			Want: fmt.Sprint(f),
			Got:  result(back.Ratio, err),
			Why:  "what one service writes and another reads must be the same number",
		})
	}
	const digits = `{"a":[9007199254740993,1.10,1e400,-0],"b":{"c":0.30000000000000004}}`
	v, err := decode[any](t, digits)
	expectNoError(t, err, "decoded "+digits+" into an any")
	text, err := encode(t, v)
	expect.That(t, err == nil && sameJSON(text, digits), expect.Message{
		Did:  "decoded " + digits + " into an any, and encoded that",
		Want: "the same digits",
		Got:  result(text, err),
		Why:  "a service that passes on what it does not know must not change it",
	})
	seed, r := seeded()
	for range 500 {
		v := randomValue(r, 3)
		text, err := encode(t, v)
		expect.That(t, err == nil && json.Valid([]byte(text)), expect.Message{
			Did:  fmt.Sprintf("encoded a random value (seed %d): %+v", seed, v),
			Want: "a JSON document",
			Got:  result(text, err),
		})
		back, err := decode[random](t, text)
		expect.That(t, err == nil && equal(v, back), expect.Message{
			Did: fmt.Sprintf("encoded a random value (seed %d), and decoded the result: %s", seed,
				strings.TrimSpace(text)),
			Want: fmt.Sprintf("the same value: %+v", v),
			Got:  result(fmt.Sprintf("%+v", back), err),
			Why: "what one service writes and another reads must be the same thing, to the " +
				"last bit of an id",
		})
	}
}

func TestManyAtOnce(t *testing.T) {
	permit(t)
	permitEncode(t)
	// Another document goes through in a goroutine of its own while the first is waiting for its client.
	within := func() {
		done := make(chan struct{})
		go func() {
			defer close(done)
			var b bytes.Buffer
			jsonboundary.Encode(&b, map[string]string{"to": "somebody else"})
			jsonboundary.Decode[map[string]string](&b, plenty)
		}()
		<-done
	}
	var b bytes.Buffer
	err := jsonboundary.Encode(writing(func(p []byte) (int, error) {
		within()
		return b.Write(p)
	}), map[string]int{"id": 7})
	expect.That(t, err == nil && sameJSON(b.String(), `{"id":7}`), expect.Message{
		Did: `encoded {"id":7} for a client that takes its time, and another document for somebody ` +
			"else meanwhile",
		Want: `{"id":7}`,
		Got:  result(b.String(), err),
		Why: "what all requests share belongs to none of them: one customer is shown what was meant " +
			"for another",
	})
	body := strings.NewReader(`{"id":7,"labels":{"a":"b"}}`)
	u, err := jsonboundary.Decode[user](reading(func(p []byte) (int, error) {
		within()
		return body.Read(p[:min(len(p), 5)])
	}), plenty)
	expect.That(t, err == nil && u.ID == 7 && u.Labels["a"] == "b", expect.Message{
		Did:  `decoded {"id":7,"labels":{"a":"b"}} from a client that takes its time, and others meanwhile`,
		Want: "the id 7, and the label",
		Got:  result(fmt.Sprintf("the id %d and the labels %v", u.ID, u.Labels), err),
		Why:  "a slow client's body must not get mixed with those of others",
	})
	seed, r := seeded()
	type trip struct {
		sent, back random
		err        error
	}
	shared := randomValue(r, 2)
	trips := make([][]trip, 8)
	var wg sync.WaitGroup
	for i := range trips {
		trips[i] = []trip{{sent: randomValue(r, 2)}, {sent: shared}, {sent: randomValue(r, 2)}, {sent: shared}}
		wg.Go(func() {
			for j := range trips[i] {
				trip := &trips[i][j]
				var b bytes.Buffer
				if trip.err = jsonboundary.Encode(&b, &trip.sent); trip.err == nil {
					trip.back, trip.err = jsonboundary.Decode[random](&b, plenty)
				}
			}
		})
	}
	wg.Wait()
	for _, trip := range slices.Concat(trips...) {
		expect.That(t, trip.err == nil && equal(trip.sent, trip.back), expect.Message{
			Did: fmt.Sprintf("encoded random values and decoded them again in eight goroutines at once "+
				"(seed %d), among them %+v", seed, trip.sent),
			Want: "the same value",
			Got:  result(fmt.Sprintf("%+v", trip.back), trip.err),
			Why:  "a service answers many at once, and each of them through these two functions",
		})
	}
}

type writing func(p []byte) (int, error)

func (w writing) Write(p []byte) (int, error) { return w(p) }

type reading func(p []byte) (int, error)

func (r reading) Read(p []byte) (int, error) { return r(p) }

// decode calls Decode, and makes a panic the check's failure.
func decode[T any](t *testing.T, text string) (v T, err error) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			expect.Fatal(t, expect.Message{
				Did:  fmt.Sprintf("decoded %.200q", text),
				Want: "a value or an error",
				Got:  fmt.Sprintf("a panic: %v", p),
				Why: "what a stranger sends must not be able to bring a request down, or the " +
					"process with it",
			})
		}
	}()
	return jsonboundary.Decode[T](strings.NewReader(text), plenty)
}

func encode(t *testing.T, v any) (text string, err error) {
	t.Helper()
	defer func() {
		if p := recover(); p != nil {
			expect.Fatal(t, expect.Message{
				Did:  fmt.Sprintf("encoded %.200s", fmt.Sprintf("%+v", v)),
				Want: "a document or an error",
				Got:  fmt.Sprintf("a panic: %v", p),
			})
		}
	}()
	var b bytes.Buffer
	err = jsonboundary.Encode(&b, v)
	return b.String(), err
}

// permit makes sure that not everything is refused.
func permit(t *testing.T) {
	t.Helper()
	const text = `{"id":7,"role":"user","friends":[{"city":"Rome"},{}]}`
	u, err := decode[user](t, text)
	expect.That(t, err == nil && u.ID == 7 && u.Role == "user" && len(u.Friends) == 2,
		expect.Message{
			Did:  "decoded " + text + " into a struct with these fields",
			Want: "no error: 7, user, and two friends",
			Got:  result(fmt.Sprintf("%d, %q, and %d friends", u.ID, u.Role, len(u.Friends)), err),
		})
}

func permitEncode(t *testing.T) {
	t.Helper()
	text, err := encode(t, map[string]any{"id": 7, "list": []int{1, 2}})
	expect.That(t, err == nil && sameJSON(text, `{"id":7,"list":[1,2]}`), expect.Message{
		Did:  "encoded a map with an id of 7 and the list 1, 2",
		Want: `{"id":7,"list":[1,2]}`,
		Got:  result(text, err),
	})
}

func expectWritten(t *testing.T, what string, v any, want string) {
	t.Helper()
	text, err := encode(t, v)
	expect.That(t, err == nil && sameJSON(text, want), expect.Message{
		Did:  "encoded " + what,
		Want: want,
		Got:  result(text, err),
		Why: "clients loop over lists: null where a list was promised is an exception in a " +
			"browser, at the first customer who has no orders",
	})
}

func expectNamed(t *testing.T, err, want error, name, field, text, why string) {
	t.Helper()
	expect.That(t, known.Is(err, want) && strings.Contains(sentinel.Text(err), field), expect.Message{
		Did:  "decoded " + text + " into a struct",
		Want: fmt.Sprintf("%s, with %q in the text", name, field),
		Got:  errorText(err),
		Why:  why,
	})
}

func expectTrailing(t *testing.T, text string) {
	t.Helper()
	u, err := decode[user](t, text)
	expect.That(t, known.Is(err, jsonboundary.ErrTrailing), expect.Message{
		Did:  "decoded " + strings.Replace(fmt.Sprintf("%#q", text), strings.Repeat(" ", 9000), " (9,000 spaces) ", 1),
		Want: "ErrTrailing: there is more than one document",
		Got:  result(fmt.Sprintf("the id %d", u.ID), err),
		Why: "whoever sent two documents believes that both were taken; and what one system " +
			"does not look at another may execute",
	})
}

func expectError(t *testing.T, v any, err error, did, want, why string) {
	t.Helper()
	expect.That(t, err != nil, expect.Message{Did: did, Want: want, Got: result(v, err), Why: why})
}

func expectNoError(t *testing.T, err error, did string) {
	t.Helper()
	expect.NoError(t, err, expect.Message{Did: did, Want: "no error"})
}

func result(v any, err error) string {
	if err != nil {
		return errorText(err)
	}
	return strings.TrimSpace(fmt.Sprintf("%v", v)) + ", and no error"
}

func errorText(err error) string {
	if err == nil {
		return "no error"
	}
	return "the error " + known.Quote(err)
}

// known are the errors that a caller answers in different ways.
var known = sentinel.Errors{
	"ErrTooLarge": jsonboundary.ErrTooLarge, "ErrSyntax": jsonboundary.ErrSyntax,
	"ErrTrailing": jsonboundary.ErrTrailing, "ErrDuplicate": jsonboundary.ErrDuplicate,
	"ErrUnknownField": jsonboundary.ErrUnknownField,
}

// sameJSON compares documents by what they say; numbers by their digits.
func sameJSON(a, b string) bool {
	parse := func(s string) (v any, ok bool) {
		dec := json.NewDecoder(strings.NewReader(s))
		dec.UseNumber()
		return v, dec.Decode(&v) == nil && json.Valid([]byte(s))
	}
	x, okX := parse(a)
	y, okY := parse(b)
	return okX && okY && reflect.DeepEqual(x, y)
}

// inOrder goes through a map by its keys, so that what fails first is the same every time.
func inOrder[V any](m map[string]V) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}

func seeded() (uint64, *rand.Rand) {
	request, _ := account.Current()
	return request.Seed, rand.New(rand.NewPCG(request.Seed, 6))
}

func randomValue(r *rand.Rand, depth int) random {
	v := random{
		ID: int64(r.Uint64()) >> r.IntN(64), Unsigned: r.Uint64() >> r.IntN(64),
		Text: randomText(r), Flag: r.IntN(2) == 0,
		Ratio: float64(int64(r.Uint64())>>r.IntN(64)) / float64(uint64(1)<<r.IntN(60)),
		Plain: r.IntN(1000),
	}
	for range r.IntN(3) {
		v.List = append(v.List, randomText(r))
		v.Bytes = append(v.Bytes, byte(r.Uint32()))
		if v.Map == nil {
			v.Map = make(map[string]int64)
		}
		v.Map[randomText(r)] = int64(r.Uint64())
	}
	if depth > 0 {
		for range r.IntN(2) {
			v.Children = append(v.Children, randomValue(r, depth-1))
		}
		if r.IntN(2) == 0 {
			next := randomValue(r, depth-1)
			v.Next = &next
		}
	}
	return v
}

func randomText(r *rand.Rand) string {
	const alphabet = "abcXYZ019 <>&'\"\\/\n\r\t\x00\x1f\x7fëß漢字😀\u2028\u2029\ufeff{}[],:"
	letters := []rune(alphabet)
	text := make([]rune, r.IntN(6))
	for i := range text {
		text[i] = letters[r.IntN(len(letters))]
	}
	return string(text)
}

// equal compares two values; nil and empty are the same.
func equal(a, b random) bool {
	if a.Next == nil || b.Next == nil {
		if a.Next != b.Next {
			return false
		}
	} else if !equal(*a.Next, *b.Next) {
		return false
	}
	return a.ID == b.ID && a.Unsigned == b.Unsigned && a.Text == b.Text && a.Flag == b.Flag &&
		a.Ratio == b.Ratio && a.Plain == b.Plain &&
		slices.Equal(a.List, b.List) && bytes.Equal(a.Bytes, b.Bytes) && maps.Equal(a.Map, b.Map) &&
		slices.EqualFunc(a.Children, b.Children, equal)
}

// damage cuts, copies and changes some bytes of a document.
func damage(r *rand.Rand, text string) string {
	const pieces = "{}[]:,\"\\0-.eEtfn \xff\x00"
	b := []byte(text)
	for range 1 + r.IntN(3) {
		if len(b) == 0 {
			break
		}
		i := r.IntN(len(b))
		switch r.IntN(4) {
		case 0:
			b[i] = pieces[r.IntN(len(pieces))]
		case 1:
			b = b[:max(i, 1)] // an empty document is another check's business
		case 2:
			b = slices.Delete(b, i, min(len(b), i+1+r.IntN(5)))
		case 3:
			b = slices.Insert(b, i, pieces[r.IntN(len(pieces))])
		}
	}
	return string(b)
}

// endless is a body that counts what is read of it. It ends at a size that a check can afford.
type endless struct {
	head        string
	bytes, read int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.read >= e.bytes {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = 'x'
	}
	if e.read == 0 {
		copy(p, e.head)
	}
	e.read += len(p)
	return len(p), nil
}

// filling is a writer that has room for some bytes.
type filling struct {
	room int
	err  error
}

func (f *filling) Write(p []byte) (int, error) {
	if len(p) > f.room {
		n := f.room
		f.room = 0
		return n, f.err
	}
	f.room -= len(p)
	return len(p), nil
}

// pausing returns nothing, and no error, before each piece: io.Reader allows it, and it is not the end.
type pausing struct {
	r     io.Reader
	ready bool
}

func (p *pausing) Read(b []byte) (int, error) {
	if p.ready = !p.ready; p.ready {
		return 0, nil
	}
	return p.r.Read(b)
}

// breaking returns its bytes and the error at once, and the end to whoever asks again.
type breaking struct {
	text string
	err  error
}

func (b *breaking) Read(p []byte) (int, error) {
	n := copy(p, b.text)
	if b.text = b.text[n:]; b.text != "" {
		return n, nil
	}
	err := b.err
	b.err = io.EOF
	return n, err
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }
