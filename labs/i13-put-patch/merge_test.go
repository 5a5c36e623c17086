package docs_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	docs "github.com/backend-labs/backend-labs/labs/i13-put-patch"
)

// merged is the result of MergePatch in canonical form, or its error.
func merged(target, patch string) string {
	got, err := docs.MergePatch([]byte(target), []byte(patch))
	if err != nil {
		return "the error " + err.Error()
	}
	return canonical(string(got))
}

// wantMerged demands what a target and a patch give.
func wantMerged(t *testing.T, target, patch, want, why string) {
	t.Helper()
	got := merged(target, patch)
	expect.That(t, got == canonical(want), expect.Message{
		Did:  fmt.Sprintf("MergePatch(%s, %s)", target, patch),
		Want: canonical(want), Got: got, Why: why})
}

func TestTheExamplesOfTheRFC(t *testing.T) {
	for _, tt := range [][3]string{ // RFC 7396, appendix A
		{`{"a":"b"}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"b"}`, `{"b":"c"}`, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, `{"a":null}`, `{}`},
		{`{"a":"b","b":"c"}`, `{"a":null}`, `{"b":"c"}`},
		{`{"a":["b"]}`, `{"a":"c"}`, `{"a":"c"}`},
		{`{"a":"c"}`, `{"a":["b"]}`, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, `{"a":{"b":"d","c":null}}`, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, `{"a":[1]}`, `{"a":[1]}`},
		{`["a","b"]`, `["c","d"]`, `["c","d"]`},
		{`{"a":"b"}`, `["c"]`, `["c"]`},
		{`{"a":"foo"}`, `null`, `null`},
		{`{"a":"foo"}`, `"bar"`, `"bar"`},
		{`{"e":null}`, `{"a":1}`, `{"e":null,"a":1}`},
		{`[1,2]`, `{"a":"b","c":null}`, `{"a":"b"}`},
		{`{}`, `{"a":{"bb":{"ccc":null}}}`, `{"a":{"bb":{}}}`},
	} {
		wantMerged(t, tt[0], tt[1], tt[2], "RFC 7396, appendix A: clients are written against it")
	}
}

const (
	whyName = "a name is any text, letter by letter: two that look alike, or mean something elsewhere, are two " +
		"members"
	whyText = "a text is a value, whatever it says: only null removes"
)

func TestMembersAreMergedAtAnyDepth(t *testing.T) {
	long := strings.Repeat("a long name ", 25)
	for _, tt := range [][4]string{
		{`{"address":{"street":"A","city":"B"}}`, `{"address":{"street":"C"}}`,
			`{"address":{"street":"C","city":"B"}}`, "a corrected street leaves the city alone"},
		{`{"a":{"b":{"c":{"d":1,"e":2}}}}`, `{"a":{"b":{"c":{"d":null,"f":3}}}}`,
			`{"a":{"b":{"c":{"e":2,"f":3}}}}`, "the rule is the same on each level"},
		{`{"a":{"b":null,"c":1}}`, `{"a":{"c":2}}`, `{"a":{"b":null,"c":2}}`,
			"a null that was there is a value, and the patch does not mention it"},
		{`{"a":{"b":1}}`, `{"a":{}}`, `{"a":{"b":1}}`, "an empty object mentions nothing"},
		{`{"a":{"b":1}}`, `{"a":{"b":null}}`, `{"a":{}}`, "the member b goes, a is still there"},
		{`{"a":{"b":1}}`, `{"a":7}`, `{"a":7}`, ""},
		{`{"a":7}`, `{"a":{"b":1,"c":null}}`, `{"a":{"b":1}}`,
			"what is no object counts as an empty one"},
		{`{"a":[{"b":1}]}`, `{"a":{"c":{"d":null}}}`, `{"a":{"c":{}}}`,
			"what is no object counts as an empty one"},
		{`"text"`, `{"a":{"b":null}}`, `{"a":{}}`, "what is no object counts as an empty one"},
		{`null`, `{"a":1}`, `{"a":1}`, "what is no object counts as an empty one"},
		{`{"a":""}`, `{"b":""}`, `{"a":"","b":""}`, "an empty text is a value, too"},
		{`{"a":true}`, `{"a":false,"b":0}`, `{"a":false,"b":0}`, "false and 0 are values, too"},
		{`{"A":1}`, `{"a":null}`, `{"A":1}`, "two names that differ in case are two names"},
		{`{"a.b":1,"a":{"b":2}}`, `{"a":{"b":3}}`, `{"a.b":1,"a":{"b":3}}`,
			"a name is any text, and no path: a.b is not the b of a"},
		{`{"a":{"b":2},"a/b":1}`, `{"a.b":3,"a/b":null,"/a":4}`, `{"a":{"b":2},"a.b":3,"/a":4}`,
			"a name is any text, and no path: a.b is not the b of a"},
		{`{"":1,"a":{"":2}}`, `{"":null,"a":{"":3}}`, `{"a":{"":3}}`,
			"an empty name is a name, too"},
		{`{"a":1}`, `{" a":2,"a ":3,"\ta":null}`, `{"a":1," a":2,"a ":3}`, whyName},
		{`{"k":1}`, `{"\u212a":2}`, `{"k":1,"\u212a":2}`, whyName},
		{`{"\u00e9":1}`, `{"e\u0301":2}`, `{"\u00e9":1,"e\u0301":2}`, whyName},
		{`{"a":1}`, `{"$set":{"a":2},"__proto__":3,"-":4}`, `{"a":1,"$set":{"a":2},"__proto__":3,"-":4}`, whyName},
		{`{"` + long + `1":1}`, `{"` + long + `2":2}`, `{"` + long + `1":1,"` + long + `2":2}`, whyName},
		{`{"a":1,"b":2}`, `{"a":"null","b":" x "}`, `{"a":"null","b":" x "}`, whyText},
		{`{"a":1}`, `{"a":"\u0000\u2028<&>","b":"\u00e9"}`, `{"a":"\u0000\u2028<&>","b":"\u00e9"}`, whyText},
	} {
		wantMerged(t, tt[0], tt[1], tt[2], tt[3])
	}
	for _, depth := range []int{8, 200, 3000} {
		deep := func(members string) string {
			return strings.Repeat(`{"a":`, depth) + members + strings.Repeat("}", depth)
		}
		got, want := merged(deep(`{"b":1,"c":2}`), deep(`{"b":null}`)), canonical(deep(`{"c":2}`))
		expect.That(t, got == want, expect.Message{
			Did:  fmt.Sprintf(`merged {"b":1,"c":2} with {"b":null}, both %d levels deep`, depth),
			Want: `{"c":2} there`, Got: strings.Trim(strings.ReplaceAll(got, `{"a":`, ""), "}") + "}",
			Why: "the rule is the same on each level"})
	}
}

func TestArraysAreValues(t *testing.T) {
	for _, tt := range [][4]string{
		{`{"a":[1,2]}`, `{"a":[3]}`, `{"a":[3]}`, "the list of the patch is the new list"},
		{`{"a":[1,2]}`, `{"a":[3,4,5]}`, `{"a":[3,4,5]}`, "the list of the patch is the new list"},
		{`{"a":[1,2]}`, `{"a":[]}`, `{"a":[]}`, "there must be a way to empty a list"},
		{`{"a":[{"b":1,"c":2}]}`, `{"a":[{"b":3}]}`, `{"a":[{"b":3}]}`,
			"objects in a list have no names by which they could be found again"},
		{`{"a":1}`, `{"a":[null,2]}`, `{"a":[null,2]}`, "inside an array a null is a value"},
		{`{"a":1}`, `{"a":[{"b":null}]}`, `{"a":[{"b":null}]}`,
			"inside an array a null is a value: RFC 7396, section 2, looks into objects alone"},
		{`{"a":1}`, `{"a":[null,[null,{"b":{"c":null}}]]}`,
			`{"a":[null,[null,{"b":{"c":null}}]]}`, "inside an array a null is a value"},
		{`{}`, `[{"b":null}]`, `[{"b":null}]`, "a patch that is no object is the result"},
		{`[{"b":1}]`, `[{"c":null}]`, `[{"c":null}]`, "a patch that is no object is the result"},
		{`[1,2,3]`, `[4]`, `[4]`, "a patch that is no object is the result"},
	} {
		wantMerged(t, tt[0], tt[1], tt[2], tt[3])
	}
}

// pair is a target and a patch.
type pair struct{ target, patch string }

// drawValue draws a JSON value of few names, so that names meet.
func drawValue(rt *rapid.T, depth int, label string) any {
	kind := rapid.IntRange(0, 9).Draw(rt, label)
	switch {
	case depth == 0 || kind < 3:
		return rapid.SampledFrom([]any{nil, nil, 1, 2, "x", true}).Draw(rt, "value")
	case kind < 5:
		list := make([]any, rapid.IntRange(0, 2).Draw(rt, "length"))
		for i := range list {
			list[i] = drawValue(rt, depth-1, "element")
		}
		return list
	}
	return drawObject(rt, depth)
}

func drawObject(rt *rapid.T, depth int) map[string]any {
	object := map[string]any{}
	for _, name := range []string{"a", "b", "a.b", ""} {
		if rapid.Bool().Draw(rt, name) {
			object[name] = drawValue(rt, depth-1, "member")
		}
	}
	return object
}

// drawPairs draws ten pairs; most patches are objects.
func drawPairs(rt *rapid.T) []pair {
	pairs := make([]pair, 10)
	for i := range pairs {
		var patch any = drawObject(rt, 3)
		if rapid.IntRange(0, 7).Draw(rt, "kind") == 0 {
			patch = drawValue(rt, 3, "patch")
		}
		pairs[i] = pair{text(drawValue(rt, 3, "target")), text(patch)}
	}
	return pairs
}

// rfc is section 2 of RFC 7396 on decoded values.
func rfc(target, patch any) any {
	changes, ok := patch.(map[string]any)
	if !ok {
		return patch
	}
	members, _ := target.(map[string]any)
	result := maps.Clone(members)
	if result == nil {
		result = map[string]any{}
	}
	for _, name := range slices.Sorted(maps.Keys(changes)) {
		if result[name] = rfc(result[name], changes[name]); changes[name] == nil {
			delete(result, name)
		}
	}
	return result
}

func TestAnyTargetAndAnyPatch(t *testing.T) {
	bubble.Property(t, drawPairs, func(pairs []pair) *expect.Message {
		for _, p := range pairs {
			want := text(rfc(value(p.target), value(p.patch)))
			once := merged(p.target, p.patch)
			did := fmt.Sprintf("MergePatch(%s, %s)", p.target, p.patch)
			if once != want {
				return &expect.Message{Did: did, Want: want, Got: once,
					Why: "RFC 7396, section 2: two servers that merge differently make two " +
						"documents of one patch"}
			}
			if twice := merged(once, p.patch); twice != once {
				return &expect.Message{Did: did + ", and the same patch again", Want: once,
					Got: twice, Why: "a merge patch that arrives twice must do no more than once"}
			}
		}
		return nil
	})
}

func TestNumbersKeepTheirText(t *testing.T) {
	const why = "what nobody touches stays as it is; through a float64, which has 53 bits, an id " +
		"becomes another one"
	for _, n := range []string{"9007199254740993", "1.0", "1e2", "-0", "0.10", "1E+400",
		"3.141592653589793238462643"} {
		wantMerged(t, `{"n":`+n+`}`, `{"x":1}`, `{"n":`+n+`,"x":1}`, why)
		wantMerged(t, `{"x":1}`, `{"n":`+n+`}`, `{"n":`+n+`,"x":1}`, why)
		deep := `{"a":{"b":[{"n":` + n + `},[` + n + `]]}}`
		wantMerged(t, deep, `{"a":{"c":true}}`,
			`{"a":{"b":[{"n":`+n+`},[`+n+`]],"c":true}}`, why)
		wantMerged(t, `{}`, deep, deep, why)
		wantMerged(t, `7`, n, n, why)
	}
	bubble.Run(t, func(t *testing.T) {
		const doc = `{"n":9007199254740993,"list":[1.0,{"m":1e2}]}`
		s := open(0)
		s.begin(t, "tea", doc)
		s.want(t, "tea", doc, "PUT "+doc, why)
		did := `PUT ` + doc + `, then PATCH {"x":0.10}`
		got := s.patch("tea", `{"x":0.10}`)
		expect.That(t, got.ok(), expect.Message{Did: did, Want: "200 or 204", Got: got.String()})
		s.want(t, "tea", `{"n":9007199254740993,"list":[1.0,{"m":1e2}],"x":0.10}`, did, why)
	})
}

func TestMergePatchWantsOneValue(t *testing.T) {
	wantMerged(t, " {\"a\":1}\n", "\t{\"b\":2} ", `{"a":1,"b":2}`, "white space may stand around it")
	for _, broken := range []string{"", " ", "{", `{"a":1}}`, `{"a":1} {"b":2}`, `{"a":1},`, "nul",
		`{"a":}`, `{"a":{"b":[1,}}`, `{a:1}`, `1 2`, `{"a":01}`} {
		for _, p := range []pair{{broken, `{"a":2}`}, {broken, `[]`}, {`{"a":2}`, broken}} {
			got, err := docs.MergePatch([]byte(p.target), []byte(p.patch))
			expect.That(t, err != nil, expect.Message{
				Did:  fmt.Sprintf("MergePatch(%q, %q)", p.target, p.patch),
				Want: "an error: one of them is not exactly one JSON value",
				Got:  fmt.Sprintf("%s, and no error", got),
				Why:  "half a patch that is applied is a change that nobody has asked for"})
		}
	}
}
