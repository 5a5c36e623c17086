package docs_test

import (
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
)

func TestPutReplacesAndPatchModifies(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := open(0)
		const menu = `{"name":"Pad Thai","price":9,"allergens":["nuts"],"from":{"city":"B","zip":"1"}}`
		s.begin(t, "dish", menu)

		got := s.patch("dish", `{"price":10,"from":{"zip":"2"}}`)
		did := "PATCH with a price and a zip; the document was " + menu
		expect.That(t, got.ok(), expect.Message{Did: did, Want: "200 or 204", Got: got.String()})
		s.want(t, "dish", strings.NewReplacer("9", "10", `"1"`, `"2"`).Replace(menu), did,
			"what a patch does not mention stays: an app that does not know the allergens cannot "+
				"remove them")

		got = s.patch("dish", `{"from":null,"spice":null,"note":""}`)
		did = `then PATCH {"from":null,"spice":null,"note":""}`
		expect.That(t, got.ok(), expect.Message{Did: did, Want: "200 or 204", Got: got.String()})
		s.want(t, "dish", `{"name":"Pad Thai","price":10,"allergens":["nuts"],"note":""}`, did,
			"in a merge patch null says remove; there is no other way to say it")

		got = s.put("dish", `{"name":"Pad Thai","price":null,"from":{"city":null}}`)
		did = `then PUT {"name":"Pad Thai","price":null,"from":{"city":null}}`
		expect.That(t, got.ok(), expect.Message{Did: did, Want: "200 or 204", Got: got.String()})
		s.want(t, "dish", `{"name":"Pad Thai","price":null,"from":{"city":null}}`, did,
			"the body of a PUT is the new document: what it leaves out is gone, and its nulls are "+
				"values like any other")

		got = s.put("dish", `{}`)
		expect.That(t, got.ok(), expect.Message{Did: "PUT {}", Want: "200 or 204",
			Got: got.String()})
		s.want(t, "dish", `{}`, "PUT {}", "an empty object is a complete document")
	})
}

func TestStatuses(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := open(0)
		for _, tt := range []struct {
			did      string
			got      answer
			statuses []int
			why      string
		}{
			{"GET a document that does not exist", s.get("soup"), []int{404}, ""},
			{"PATCH a document that does not exist", s.patch("soup", `{"a":1}`), []int{404},
				"a patch says what to change, and there is nothing to be changed"},
			{"GET it afterwards", s.get("soup"), []int{404}, "half a document is worse than none"},
			{"PUT it", s.put("soup", `{"a":1}`), []int{201},
				"RFC 9110, 9.3.4: the client learns that it has created something"},
			{"GET it", s.get("soup"), []int{200}, ""},
			{"PUT it again", s.put("soup", `{"a":2}`), []int{200, 204},
				"it has replaced something, and created nothing"},
			{"PUT the same once more", s.put("soup", `{"a":2}`), []int{200, 204},
				"PUT is idempotent, and what does not change anything has worked"},
			{"PATCH it", s.patch("soup", `{"b":1}`), []int{200, 204}, ""},
			{"PATCH it with the same again", s.patch("soup", `{"b":1}`), []int{200, 204}, ""},
			{"PATCH it with {}", s.patch("soup", `{}`), []int{200, 204}, ""},
			{"PUT another one", s.put("stew", `{"c":1}`), []int{201}, ""},
		} {
			want := strings.ReplaceAll(strings.Trim(fmt.Sprint(tt.statuses), "[]"), " ", " or ")
			expect.That(t, tt.got.is(tt.statuses...), expect.Message{Did: tt.did, Want: want,
				Got: tt.got.String(), Why: tt.why})
		}
		s.want(t, "soup", `{"a":2,"b":1}`, "PUT one document after the other",
			"each path has a document of its own")
		media, _, _ := mime.ParseMediaType(s.get("soup").header.Get("Content-Type"))
		expect.That(t, media == "application/json", expect.Message{Did: "GET the document",
			Want: "the Content-Type application/json", Got: fmt.Sprintf("%q", media),
			Why: "a client that gets text/plain has to guess"})
	})
}

// own is a member id or createdAt of a document.
func (s *service) own(id, name string) any {
	m, _ := value(s.get(id).body).(map[string]any)
	return m[name]
}

func TestTheServerKnowsWhoAndSinceWhen(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := open(0)
		s.begin(t, "old", `{}`)
		time.Sleep(3*time.Hour + 400*time.Millisecond)
		at := time.Now()
		s.begin(t, "tea", `{"a":1}`)
		time.Sleep(time.Hour)

		id := s.own("tea", "id")
		expect.That(t, id == "tea", expect.Message{Did: `PUT {"a":1} to /docs/tea, then GET`,
			Want: `the member "id":"tea"`, Got: s.get("tea").String(),
			Why: "whoever holds a document must be able to tell where it belongs"})
		created := fmt.Sprint(s.own("tea", "createdAt"))
		when, err := time.Parse(time.RFC3339, created)
		expect.That(t, err == nil && when.After(at.Add(-time.Second)) && !when.After(at),
			expect.Message{
				Did:  "PUT a new document at " + at.Format(time.RFC3339Nano) + ", and GET it an hour later",
				Want: "createdAt: that moment in RFC 3339, to the second or finer",
				Got:  s.get("tea").String()})

		since := fmt.Sprintf(`{"createdAt":%q}`, created)
		for _, change := range []struct {
			did string
			do  func() answer
		}{
			{`PUT {"id":"tea"}`, func() answer { return s.put("tea", `{"id":"tea"}`) }},
			{`PATCH {"id":"tea"}`, func() answer { return s.patch("tea", `{"id":"tea"}`) }},
			{"PUT " + since, func() answer { return s.put("tea", since) }},
			{"PATCH " + since, func() answer { return s.patch("tea", since) }},
			{`PUT {"CREATEDAT":"now","createdat":null,"ID":"x"}`, func() answer {
				return s.put("tea", `{"CREATEDAT":"now","createdat":null,"ID":"x"}`)
			}},
			{`PUT {"b":2}`, func() answer { return s.put("tea", `{"b":2}`) }},
			{`PATCH {"c":3}`, func() answer { return s.patch("tea", `{"c":3}`) }},
			{"PUT what GET has given", func() answer { return s.put("tea", s.get("tea").body) }},
			{"PATCH with what GET has given",
				func() answer { return s.patch("tea", s.get("tea").body) }},
		} {
			time.Sleep(time.Hour)
			got := change.do()
			did := change.did + ", an hour after the last change"
			expect.That(t, got.is(200, 204), expect.Message{Did: did, Want: "200 or 204",
				Got: got.String(), Why: "to GET, to edit and to PUT is what everybody does"})
			is := s.own("tea", "createdAt")
			expect.That(t, is == created && s.own("tea", "id") == "tea", expect.Message{Did: did,
				Want: `"id":"tea" and "createdAt":"` + created + `", as before`,
				Got:  s.get("tea").String(),
				Why:  "a document is created once; what a client leaves out, the server knows"})
		}
	})
}

func TestAnyPathIsAnId(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := open(0)
		long := strings.Repeat("tea-", 75)
		for _, tt := range [][2]string{{"tea", "tea"}, {"Tea", "Tea"}, {"te", "te"},
			{long + "1", long + "1"}, {long + "2", long + "2"},
			{"caf%C3%A9", "café"}, {"a%20%22b%22%3F", `a "b"?`}, {"7", "7"}, {"null", "null"}} {
			path, id := "/docs/"+tt[0], tt[1]
			got := s.put(tt[0], `{"n":1}`)
			expect.That(t, got.status == 201, expect.Message{Did: "PUT " + path + ", a new document",
				Want: "201", Got: fmt.Sprintf("%d for %s", got.status, path),
				Why: "each path has a document of its own"})
			got = s.patch(tt[0], fmt.Sprintf(`{"id":%q}`, id))
			expect.That(t, got.ok(), expect.Message{
				Did:  fmt.Sprintf(`PATCH {"id":%q} to %s`, id, path),
				Want: "200 or 204", Got: fmt.Sprintf("%d for %s", got.status, path),
				Why: "that is the id that the path names, whichever way it is written there"})
			is := s.own(tt[0], "id")
			expect.That(t, is == id, expect.Message{Did: "GET " + path,
				Want: fmt.Sprintf(`the member "id":%q`, id), Got: s.get(tt[0]).String(),
				Why: "whoever holds a document must be able to tell where it belongs"})
		}
	})
}

func TestNobodyElseSetsThem(t *testing.T) {
	const why = "who can change the id can make two documents of one name, and null is a change, too"
	bubble.Run(t, func(t *testing.T) {
		s := open(0)
		s.begin(t, "tea", `{"a":1}`)
		time.Sleep(time.Hour)
		since, _ := time.Parse(time.RFC3339, fmt.Sprint(s.own("tea", "createdAt")))
		later := func(d time.Duration) string {
			return fmt.Sprintf(`"createdAt":%q`, since.Add(d).Format(time.RFC3339Nano))
		}
		_, offset := since.Zone()
		elsewhere := time.FixedZone("", (offset+3600)%(12*3600))
		sameMoment := fmt.Sprintf(`"createdAt":%q`, since.In(elsewhere).Format(time.RFC3339Nano))
		for _, member := range []string{`"id":"coffee"`, `"id":"Tea"`, `"id":"tea "`, `"id":"te"`, `"id":null`, `"id":7`, `"id":""`,
			`"id":{"of":"tea"}`, `"createdAt":null`, `"createdAt":"1999-12-31T23:59:59Z"`,
			`"createdAt":[]`, `"createdAt":""`, later(time.Second), later(-time.Second),
			later(time.Millisecond), sameMoment} {
			for _, method := range []string{"PATCH", "PUT"} {
				s.refused(t, method, "tea", `{"a":2,`+member+`}`, []int{422}, why)
			}
			s.refused(t, "PUT", "new", `{"a":2,`+member+`}`, []int{422}, why)
		}
		s.begin(t, "7", `{}`)
		s.refused(t, "PATCH", "7", `{"id":7}`, []int{422}, "7 and \"7\" are two values")
	})
}

func TestAllOtherMembersAreTheClients(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := open(0)
		for _, tt := range [][4]string{
			{"PUT", "tea", `{"ID":"x","createdat":null}`, `{"ID":"x","createdat":null}`},
			{"PATCH", "tea", `{"Id":1,"ID":null}`, `{"Id":1,"createdat":null}`},
			{"PUT", "tea", `{"of":{"id":7,"createdAt":null}}`, `{"of":{"id":7,"createdAt":null}}`},
			{"PATCH", "tea", `{"of":{"id":null,"createdAt":"now"}}`, `{"of":{"createdAt":"now"}}`},
			{"PATCH", "tea", `{"of":[{"id":null}]}`, `{"of":[{"id":null}]}`},
			{"PUT", "cup", `{"id":"cup","of":{"id":null}}`, `{"of":{"id":null}}`},
		} {
			got := s.send(t.Context(), tt[0], tt[1], tt[2])
			did := tt[0] + " " + tt[2] + " to /docs/" + tt[1]
			expect.That(t, got.ok(), expect.Message{Did: did, Want: "2xx",
				Got: fmt.Sprintf("%d for %s", got.status, did),
				Why: "only id and createdAt of the document itself are the server's"})
			s.want(t, tt[1], tt[3], did, "all other members are the client's")
		}
	})
}

func TestAPatchSaysWhichKindItIs(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := open(0)
		s.begin(t, "tea", `{"n":0}`)
		for _, media := range []string{"application/json", "application/json-patch+json", "",
			"text/plain", "application/merge-patch", "application/merge-patch+json2",
			"application/x; a=application/merge-patch+json"} {
			got := s.refused(t, "PATCH", "tea", `{"n":1}`, []int{415}, "the same bytes mean something "+
				"else in another format; a client that says none has not thought of any",
				"Content-Type", media)
			accepts := got.header.Get("Accept-Patch")
			expect.That(t, accepts == mergePatch, expect.Message{
				Did:  fmt.Sprintf("PATCH with the Content-Type %q", media),
				Want: "Accept-Patch: " + mergePatch, Got: fmt.Sprintf("Accept-Patch: %q", accepts),
				Why: "RFC 5789, 2.2: so that a client learns which one would have been right"})
		}
		for i, media := range []string{mergePatch, "Application/Merge-Patch+JSON",
			mergePatch + "; charset=utf-8", mergePatch + ";v=1"} {
			got := s.patch("tea", fmt.Sprintf(`{"n":%d}`, i+1), "Content-Type", media)
			did := fmt.Sprintf("PATCH with the Content-Type %q", media)
			expect.That(t, got.ok(), expect.Message{Did: did, Want: "200 or 204",
				Got: fmt.Sprintf("%d for %s", got.status, did),
				Why: "RFC 9110, 8.3.1: case and parameters do not make it another one"})
			s.want(t, "tea", fmt.Sprintf(`{"n":%d}`, i+1), did, "")
		}
	})
}

func TestABrokenBodyChangesNothing(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := open(0)
		s.begin(t, "tea", `{"a":1}`)
		for _, id := range []string{"tea", "new"} {
			for _, method := range []string{"PUT", "PATCH"} {
				broken, list := []int{400}, []int{400, 422}
				if method == "PATCH" && id == "new" { // there is nothing to be changed, either
					broken, list = []int{400, 404}, []int{400, 422, 404}
				}
				for _, body := range []string{"", " ", "{", `{"a":2}}`, `{"a":2} {"a":3}`, `{"a":2},`,
					`{"a":2`, `{"a":}`, "a=2", `{"a":2} x`} {
					s.refused(t, method, id, body, broken, "it is not exactly one JSON value: what was "+
						"meant can only be guessed")
				}
				for _, body := range []string{"null", "[]", `[{"a":2}]`, `"a"`, "7", "true"} {
					s.refused(t, method, id, body, list, "a document is an object")
				}
			}
		}
		for _, method := range []string{"PUT", "PATCH"} {
			r := httptest.NewRequest(method, "/docs/tea", io.MultiReader(
				strings.NewReader(`{"a":2} `), iotest.ErrReader(io.ErrUnexpectedEOF)))
			r.Header.Set("Content-Type", map[string]string{"PATCH": mergePatch}[method])
			w := httpwire.New()
			s.handler().ServeHTTP(w.Writer(), r)
			did := method + ` {"a":2}, and then the connection breaks off`
			expect.That(t, w.Status() == 400, expect.Message{Did: did, Want: "400",
				Got: fmt.Sprint(w.Status()), Why: "what is missing may have said something else"})
			s.want(t, "tea", `{"a":1}`, did, "what is missing may have said something else")
		}
		got := s.put("tea", " {\"a\":2}\r\n")
		expect.That(t, got.ok(), expect.Message{Did: "PUT an object with white space around it",
			Want: "200 or 204", Got: got.String(), Why: "white space says nothing in JSON"})
		s.want(t, "tea", `{"a":2}`, "PUT an object with white space around it", "")
	})
}

var strong = regexp.MustCompile(`^"[\x21\x23-\x7e]*"$`)

func TestTheTagIsTheDocuments(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := open(0)
		s.begin(t, "tea", `{"a":{"b":[1,2]}}`)
		last := ""
		for _, change := range [][2]string{{"", ""}, {"PATCH", `{"a":{"b":[2,1]}}`},
			{"PUT", `{"a":{"b":[7,1]}}`}, {"PATCH", `{"x":1}`}, {"PATCH", `{"x":null,"y":1}`},
			{"PUT", `{"a":{"b":[7,1]},"y":null}`}, {"PUT", `{"n":9007199254740992}`},
			{"PUT", `{"n":9007199254740993}`}, {"PATCH", `{"n":1}`}, {"PATCH", `{"n":1.0}`},
			{"PUT", `{"n":"1.0"}`}} {
			did := "GET the document"
			if change[0] != "" {
				did = change[0] + " " + change[1] + ", then GET"
				got := s.send(t.Context(), change[0], "tea", change[1])
				expect.That(t, got.ok(), expect.Message{Did: did, Want: "200 or 204",
					Got: got.String()})
			}
			tag := s.get("tea").header.Get("ETag")
			expect.That(t, strong.MatchString(tag), expect.Message{Did: did,
				Want: `a strong ETag: text in quotes, without W/`, Got: fmt.Sprintf("ETag: %s", tag),
				Why: "RFC 9110, 8.8.1: If-Match wants to know that it is the same, not that it is alike"})
			expect.That(t, tag != last, expect.Message{Did: did, Want: "another ETag than before",
				Got: tag, Why: "by the tag a client knows that somebody has changed the document"})
			last = tag
			time.Sleep(time.Hour)
			for range 2 {
				tag = s.get("tea").header.Get("ETag")
				expect.That(t, tag == last, expect.Message{
					Did:  did + ", and once more an hour later, from the other handler",
					Want: "the same ETag: " + last, Got: tag,
					Why: "nothing has changed; whoever sends this tag back must not be refused"})
			}
		}
	})
}

func TestAVersionIsAnyNumberButZero(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, tt := range []struct {
			name        string
			first, step int64
		}{
			{"1, 2, 3 …", 1, 1}, {"2⁵³, 2⁵³ + 1, …", 1 << 53, 1}, {"1, 1 + 2³², …", 1, 1 << 32},
			{"-1, -2, -3 …", -1, -1},
		} {
			s := open(0)
			s.store.next = func(version int64) int64 {
				if version == 0 {
					return tt.first
				}
				return version + tt.step
			}
			s.begin(t, "tea", `{"n":0}`)
			last := ""
			for n := 1; n <= 4; n++ {
				tag := s.get("tea").header.Get("ETag")
				method := []string{"PUT", "PATCH"}[n%2]
				did := fmt.Sprintf("%s number %d, to a store whose versions are %s", method, n, tt.name)
				expect.That(t, tag != last, expect.Message{Did: "GET after each " + did,
					Want: "another ETag than before", Got: tag,
					Why: "all that is known of a version is that it is another one after each change"})
				got := s.send(t.Context(), method, "tea", fmt.Sprintf(`{"n":%d}`, n), "If-Match", tag)
				expect.That(t, got.is(200, 204), expect.Message{Did: did + ", with If-Match and its tag",
					Want: "200 or 204", Got: fmt.Sprintf("%d for %s", got.status, did),
					Why: "the version is 0 if there is no document; any other one is a document's"})
				s.want(t, "tea", fmt.Sprintf(`{"n":%d}`, n), did, "")
				last = tag
			}
		}
	})
}

func TestTagAndDocumentAreOfOneMoment(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := open(time.Millisecond)
		s.begin(t, "tea", `{"n":0}`)
		var changes sync.WaitGroup
		changes.Go(func() {
			for n := range 20 {
				s.put("tea", fmt.Sprintf(`{"n":%d}`, n+1))
			}
		})
		read, reads := map[string]string{}, sync.WaitGroup{}
		var mu sync.Mutex
		for range 100 {
			time.Sleep(400 * time.Microsecond)
			reads.Go(func() {
				got := s.get("tea")
				tag, doc := got.header.Get("ETag"), canonical(got.body)
				mu.Lock()
				defer mu.Unlock()
				if other, there := read[tag]; there && other != doc {
					expect.Fail(t, expect.Message{
						Did:  "GET the document again and again while others change it",
						Want: "a tag for each state of the document",
						Got:  fmt.Sprintf("the ETag %s with %s and with %s", tag, other, doc),
						Why:  "with the tag of a newer state a client overwrites what it has never seen"})
				}
				read[tag] = doc
			})
		}
		changes.Wait()
		reads.Wait()
		expect.That(t, len(read) > 5, expect.Message{
			Did:  "GET the document 100 times while 20 PUTs change it",
			Want: "more than 5 states, each with a tag of its own",
			Got:  fmt.Sprint(len(read), " different tags"),
			Why:  "what was answered with 2xx is there for all that read afterwards"})
	})
}

func TestIfMatch(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := open(0)
		s.begin(t, "tea", `{"n":0}`)
		first := s.get("tea").header.Get("ETag")
		stale := first
		for n := 1; n <= 12; n++ {
			method := []string{"PUT", "PATCH"}[n%2]
			body := fmt.Sprintf(`{"n":%d}`, n)
			tag := s.get("tea").header.Get("ETag")
			headers := [][]string{
				{"If-Match", tag}, {"If-Match", `"x", ` + tag}, {"If-Match", tag + ` ,W/"x"`},
				{"If-Match", "*"}, {"If-Match", `"x,y"`, "If-Match", tag}, {},
			}[n/2%6]
			for _, wrong := range []string{`"x"`, "W/" + tag, `"x", W/` + tag, "", ",",
				strings.Trim(tag, `"`), stale} {
				if wrong == tag {
					continue
				}
				s.refused(t, method, "tea", body, []int{412}, "the client has read another version than "+
					"that which it would overwrite, or says itself that the two may differ",
					"If-Match", wrong)
			}
			got := s.send(t.Context(), method, "tea", body, headers...)
			did := fmt.Sprintf("%s %s with the headers %q; the ETag is %s", method, body, headers, tag)
			expect.That(t, got.is(200, 204), expect.Message{Did: did, Want: "200 or 204",
				Got: fmt.Sprintf("%d for %s", got.status, did),
				Why: "RFC 9110, 13.1.1: it names the tag, or there is no condition"})
			s.want(t, "tea", body, did, "")
			stale = tag
		}
		for _, method := range []string{"PUT", "PATCH"} {
			for _, tag := range []string{`"x"`, "*", first, `"0"`, `""`} {
				s.refused(t, method, "none", `{"a":1}`, []int{412, http.StatusNotFound},
					"what does not exist has no tag: somebody has removed it, and must not find it back",
					"If-Match", tag)
			}
		}
	})
}
