package docs_test

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	docs "github.com/backend-labs/backend-labs/labs/i17-status-2xx"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

const sent = `{"id":"mine","slug":"lamp","text":"  it glows "}`

func TestANewDocumentIsCreated(t *testing.T) {
	s := newStore(docs.Doc{ID: "1", Slug: "desk", Text: "it stands"})
	h := docs.Documents(s)
	got := ask(h, "POST", "/docs", sent)
	did := "POST /docs with " + sent
	wantJSON(t, got, 201, `{"id":"n1","slug":"lamp","text":"it glows"}`, expect.Message{Did: did,
		Why: "201 says that something exists now that did not; its body is what was stored"})
	to := where(t, "/docs", got)
	expect.That(t, to != "", expect.Message{Did: did, Want: "one Location", Got: got.String(),
		Why: "created: where?"})
	there := ask(h, "GET", to, "")
	did += ", then GET " + to + ", where its Location leads to"
	wantJSON(t, there, 200, got.body, expect.Message{Did: did})
	tag := got.header.Get("ETag")
	expect.That(t, tag != "" && tag == there.header.Get("ETag"), expect.Message{Did: did,
		Want: "an ETag in both answers, and the same", Got: got.String() + "; " + there.String(),
		Why: "the creator can change the document without asking for it first"})
}

// TestALocationLeadsThere has ids that cannot stand in a path as they are.
func TestALocationLeadsThere(t *testing.T) {
	for _, id := range []string{"n1", "a/b", "50%", "a%2Fb", "what?", "a#b", "a b", "für", "a+b", "a;b", `"`, "..b"} {
		s := newStore()
		s.id = id
		h := docs.Documents(s)
		got := ask(h, "POST", "/docs", sent)
		did := fmt.Sprintf("POST /docs, where the store gives the id %q, then GET of its Location", id)
		wantStatus(t, got, expect.Message{Did: did}, 201)
		there := answer{}
		to := where(t, "/docs", got)
		if to != "" {
			there = ask(h, "GET", to, "")
		}
		expect.That(t, there.status == 200 && sameJSON(there.body, got.body), expect.Message{Did: did,
			Want: "a Location, and there the document", Got: got.String() + "; " + there.String(),
			Why: "what stands in an id means something else in a path, until it is escaped"})

		put := ask(h, "PUT", to+"x", sent)
		did = fmt.Sprintf("PUT %sx, which does not exist", to)
		wantStatus(t, put, expect.Message{Did: did}, 201)
		if len(put.header.Values("Location")) > 0 {
			expect.That(t, where(t, to+"x", put) == to+"x", expect.Message{Did: did,
				Want: "no Location, or one that leads there", Got: put.String()})
		}
	}
}

var strong = regexp.MustCompile(`^"[!#-~]*"$`)

func TestTheTagIsTheDocuments(t *testing.T) {
	s := newStore(docs.Doc{ID: "1", Slug: "desk", Text: "it stands"},
		docs.Doc{ID: "2", Slug: "chair", Text: "it stands"},
		docs.Doc{ID: "3", Slug: "a", Text: "bc"}, docs.Doc{ID: "4", Slug: "ab", Text: "c"},
		docs.Doc{ID: "5", Slug: "1x", Text: "t"}, docs.Doc{ID: "51", Slug: "x", Text: "t"})
	h := docs.Documents(s)
	tags := map[string]string{}
	for _, id := range []string{"1", "2", "3", "4", "5", "51"} {
		tag := ask(h, "GET", "/docs/"+id, "").header.Get("ETag")
		did := fmt.Sprintf("GET of document %s", id)
		expect.That(t, strong.MatchString(tag), expect.Message{Did: did,
			Want: `a strong ETag: visible characters in quotes, without W/`,
			Got:  fmt.Sprintf("ETag: %s", tag),
			Why:  "a change may be made dependent on a strong one only"})
		again := ask(h, "GET", "/docs/"+id, "").header.Get("ETag")
		expect.That(t, again == tag, expect.Message{Did: did + ", twice", Want: "the same ETag",
			Got: tag + " and " + again, Why: "nothing has changed"})
		expect.That(t, tags[tag] == "", expect.Message{Did: did + ", and of others",
			Want: "another ETag for each", Got: fmt.Sprintf("%s is that of document %s, too", tag,
				tags[tag]), Why: "a cache would take one for the other"})
		tags[tag] = id
	}
	for _, text := range []string{"it stands!", "IT STANDS", "it  stands"} {
		ask(h, "PUT", "/docs/1", fmt.Sprintf(`{"slug":"desk","text":%q}`, text))
		tag := ask(h, "GET", "/docs/1", "").header.Get("ETag")
		expect.That(t, tags[tag] == "" && strong.MatchString(tag), expect.Message{
			Did:  fmt.Sprintf("replaced the text of a document by %q, and asked for it", text),
			Want: "an ETag that there has not been", Got: "ETag: " + tag,
			Why: "who has the old text would never learn of the new one"})
		tags[tag] = text
	}
	// These two texts have the same checksum, by each polynomial of hash/crc32 and hash/crc64, wherever they
	// stand; the third has the letters of the second in another order.
	for _, text := range []string{
		"cjnmmbebhmhhkgmdbhaonggjmmalhelmdjbofaaakiaogkdglaidmhhidfdkdmhe",
		"oakli`mohfehlkgdcfefkfln`ibnbkaboboenckmheclcefomhghndlndfdkdmhe",
		"`aoklimohfehlkgdcfefkfln`ibnbkaboboenckmheclcefomhghndlndfdkdmhe",
	} {
		ask(h, "PUT", "/docs/1", fmt.Sprintf(`{"slug":"desk","text":%q}`, text))
		tag := ask(h, "GET", "/docs/1", "").header.Get("ETag")
		expect.That(t, tags[tag] == "", expect.Message{
			Did:  fmt.Sprintf("replaced the text %q by %q, which has the same checksum, and asked for it", tags[tag], text),
			Want: "an ETag that there has not been", Got: "ETag: " + tag,
			Why: "a checksum tells what a bad line has done to a text; two texts often have the same"})
		tags[tag] = text
	}
	for _, id := range []string{`"`, "a b", "a\nb"} {
		s := newStore()
		s.id = id
		tag := ask(docs.Documents(s), "POST", "/docs", sent).header.Get("ETag")
		expect.That(t, strong.MatchString(tag), expect.Message{
			Did:  fmt.Sprintf("POST /docs, where the store gives the id %q", id),
			Want: `a strong ETag: visible characters in quotes, without W/`,
			Got:  fmt.Sprintf("ETag: %q", tag),
			Why:  "an id may be any text; in a tag it ends it too early, or the header"})
	}
	for _, last := range []string{"on", "off"} {
		ask(h, "PUT", "/docs/1", fmt.Sprintf(`{"slug":"desk","text":"%s %s"}`, strings.Repeat("-", 100_000), last))
		tag := ask(h, "GET", "/docs/1", "").header.Get("ETag")
		expect.That(t, tags[tag] == "", expect.Message{
			Did:  "replaced a text of 100,000 bytes by one that differs from it in its last word, and asked for it",
			Want: "an ETag that there has not been", Got: "ETag: " + tag,
			Why: "who has the old text would never learn of the new one"})
		tags[tag] = last
	}
	wantTagsApart(t)
}

// wantTagsApart asks for two documents that are one text when their parts are written one behind the other, with
// something in between.
func wantTagsApart(t *testing.T) {
	t.Helper()
	for _, between := range []string{"", "\n", "\t", "\x00", " ", ":", "|", "/", "-", ",", ";", "."} {
		join := func(parts ...string) string { return strings.Join(parts, between) }
		s := newStore(docs.Doc{ID: "a", Slug: "s", Text: join("s", "t")}, docs.Doc{ID: join("a", "s"), Slug: "s", Text: "t"},
			docs.Doc{ID: "b", Slug: join("b", "t"), Text: "t"}, docs.Doc{ID: join("b", "b"), Slug: "t", Text: "t"})
		h := docs.Documents(s)
		of := map[string]string{}
		for _, id := range []string{"a", join("a", "s"), "b", join("b", "b")} {
			tag := ask(h, "GET", "/docs/"+url.PathEscape(id), "").header.Get("ETag")
			is, was := s.all[id], s.all[of[tag]]
			expect.That(t, of[tag] == "" && strong.MatchString(tag), expect.Message{
				Did: fmt.Sprintf("GET of the document with the id %q, the slug %q and the text %q, and of one with %q, %q "+
					"and %q", is.ID, is.Slug, is.Text, was.ID, was.Slug, was.Text),
				Want: "another ETag for each",
				Got:  tag + " for both",
				Why: "parts in a row say where one ends only if what is between them cannot stand in one; ids and " +
					"texts may have anything in them"})
			of[tag] = id
		}
	}
}

func TestPutCreatesOrReplaces(t *testing.T) {
	s := newStore(docs.Doc{ID: "1", Slug: "desk", Text: "it stands"})
	h := docs.Documents(s)
	got := ask(h, "PUT", "/docs/9", sent)
	did := "PUT /docs/9, which does not exist, with " + sent
	wantJSON(t, got, 201, `{"id":"9","slug":"lamp","text":"it glows"}`, expect.Message{Did: did,
		Why: "there was none before: it was created; its body is what was stored"})
	if len(got.header.Values("Location")) > 0 {
		expect.That(t, where(t, "/docs/9", got) == "/docs/9", expect.Message{Did: did,
			Want: "no Location, or one that leads to /docs/9", Got: got.String()})
	}
	there := ask(h, "GET", "/docs/9", "")
	wantJSON(t, there, 200, got.body, expect.Message{Did: did + ", then GET"})
	wantItsTag(t, got, there, did)
	for _, body := range []string{sent, `{"id":"8","slug":"lamp","text":" it shines "}`} {
		got := ask(h, "PUT", "/docs/9", body)
		did := "PUT /docs/9, which exists, with " + body
		there := ask(h, "GET", "/docs/9", "")
		wantStatus(t, got, expect.Message{Did: did, Why: "nothing was created: the document was " +
			"replaced"}, 200, 204)
		wantItsTag(t, got, there, did)
		if got.status == 204 {
			wantNothing(t, got, expect.Message{Did: did})
		} else {
			wantJSON(t, got, 200, there.body, expect.Message{Did: did + ", then GET",
				Why: "the body of a 200 is the document as it is now; with nothing to say it is a 204"})
		}
	}
	wantJSON(t, ask(h, "GET", "/docs/9", ""), 200, `{"id":"9","slug":"lamp","text":"it shines"}`,
		expect.Message{Did: "PUT /docs/9 with the text it shines, then GET"})
	wantStatus(t, ask(h, "GET", "/docs/8", ""), expect.Message{
		Did: "PUT /docs/9 with the id 8 in its body, then GET /docs/8"}, 404)
	wantJSON(t, ask(h, "GET", "/docs/1", ""), 200, `{"id":"1","slug":"desk","text":"it stands"}`,
		expect.Message{Did: "PUT /docs/9, then GET /docs/1"})
	putWhatArrives(t)
}

// putWhatArrives puts a document that arrives just before.
func putWhatArrives(t *testing.T) {
	t.Helper()
	s := newStore()
	s.arrives = true
	got := ask(docs.Documents(s), "PUT", "/docs/3", `{"slug":"chair","text":"it is put"}`)
	did := "PUT /docs/3, where another client puts it, too, as soon as the store has said that there is none"
	status := []int{201}
	if !s.created {
		status = []int{200, 204}
	}
	wantStatus(t, got, expect.Message{
		Did: fmt.Sprintf("%s; Put has said created: %t", did, s.created),
		Why: "between a Get and a Put others come; the store alone knows who was first"}, status...)
}

// wantItsTag demands that an ETag, if there is one, is that of the document as it is.
func wantItsTag(t *testing.T, got, there answer, did string) {
	t.Helper()
	tag := got.header.Get("ETag")
	expect.That(t, tag == "" || tag == there.header.Get("ETag"), expect.Message{Did: did + ", then GET",
		Want: "the same ETag, or none in the first answer", Got: got.String() + "; " + there.String(),
		Why: "it is the document's as it was stored; who makes a change dependent on it could never change anything"})
}

func TestDeleteHasNothingToSay(t *testing.T) {
	s := newStore(docs.Doc{ID: "1", Slug: "desk"}, docs.Doc{ID: "2", Slug: "lamp"})
	h := docs.Documents(s)
	wantNothing(t, ask(h, "DELETE", "/docs/1", ""), expect.Message{Did: "DELETE /docs/1",
		Why: "it is done, and there is nothing left to show"})
	wantStatus(t, ask(h, "GET", "/docs/1", ""), expect.Message{Did: "DELETE /docs/1, then GET"}, 404)
	wantStatus(t, ask(h, "GET", "/docs/2", ""), expect.Message{Did: "DELETE /docs/1, GET /docs/2"},
		200)
	wantStatus(t, ask(h, "DELETE", "/docs/1", ""), expect.Message{Did: "DELETE /docs/1, twice",
		Why: "it is as it should be: gone; or it was not there to delete; but not a failure"}, 204, 404)
	expect.That(t, s.count() == 1, expect.Message{Did: "DELETE /docs/1 of two documents",
		Want: "one is left", Got: fmt.Sprint(s.count())})
}

func TestASearchFindsNothing(t *testing.T) {
	h := docs.Documents(newStore(docs.Doc{ID: "1", Slug: "desk", Text: "it stands"},
		docs.Doc{ID: "2", Slug: "lamp", Text: "it glows"}))
	wantJSON(t, ask(h, "POST", "/docs/search", `{"text":"glow"}`), 200,
		`[{"id":"2","slug":"lamp","text":"it glows"}]`, expect.Message{
			Did: "POST /docs/search, which one document fits",
			Why: "a search creates nothing, although it is a POST"})
	wantJSON(t, ask(h, "POST", "/docs/search", `{"text":"fly"}`), 200, "[]", expect.Message{
		Did: "POST /docs/search, which no document fits",
		Why: "the search was done, and this is its result; neither is it missing, nor is there " +
			"nothing to say"})
	s := newStore()
	for i := range 1500 {
		id := fmt.Sprint(i)
		s.all[id] = docs.Doc{ID: id, Slug: id, Text: "it glows"}
	}
	got := ask(docs.Documents(s), "POST", "/docs/search", `{"text":"glow"}`)
	n := strings.Count(got.body, "it glows")
	expect.That(t, got.status == 200 && n == 1500, expect.Message{
		Did:  "POST /docs/search, which 1500 documents fit",
		Want: "200, and an array of 1500", Got: fmt.Sprintf("%d, and %d of them", got.status, n),
		Why: "an array that ends earlier says that there is no more"})
}

func TestADuplicateIsNotCreated(t *testing.T) {
	s := newStore(docs.Doc{ID: "1", Slug: "lamp", Text: "it stands"})
	h := docs.Documents(s)
	before := ask(h, "GET", "/docs/1", "")
	got := ask(h, "POST", "/docs", sent)
	did := "POST /docs with the slug of a document that is there"
	wantStatus(t, got, expect.Message{Did: did, Why: "nothing was created: who is told so adds " +
		"another one to the list"}, 200, 409)
	if got.status == 200 {
		wantJSON(t, got, 200, before.body, expect.Message{Did: did,
			Why: "this is the document; what was sent is not"})
		wantItsTag(t, got, before, did)
	}
	wantJSON(t, ask(h, "GET", "/docs/1", ""), 200, before.body, expect.Message{Did: did +
		", then GET of that document"})
	expect.That(t, s.count() == 1, expect.Message{Did: did, Want: "one document",
		Got: fmt.Sprint(s.count())})
}

func TestWhatIsWrongIsNo2xx(t *testing.T) {
	s := newStore(docs.Doc{ID: "1", Slug: "lamp", Text: "it stands"})
	h := docs.Documents(s)
	for _, tt := range []struct {
		method, path, body string
		status             int
	}{
		{"GET", "/docs/7", "", 404}, {"POST", "/docs", "{", 400}, {"PUT", "/docs/1", "lamp", 400},
		{"PUT", "/docs/2", "", 400}, {"POST", "/docs/search", "x=1", 400}, {"GET", "/exports/7", "", 404},
	} {
		wantStatus(t, ask(h, tt.method, tt.path, tt.body), expect.Message{
			Did: fmt.Sprintf("%s %s with the body %q", tt.method, tt.path, tt.body)}, tt.status)
	}
	s.fails = errors.New("connection refused")
	for _, tt := range [][3]string{{"GET", "/docs/1", ""}, {"POST", "/docs", sent}, {"PUT", "/docs/1", sent},
		{"DELETE", "/docs/1", ""}, {"POST", "/docs/search", `{"text":"it"}`}} {
		wantStatus(t, ask(h, tt[0], tt[1], tt[2]), expect.Message{
			Did: fmt.Sprintf("%s %s, where the store says: %v", tt[0], tt[1], s.fails),
			Why: "it is not known whether it is there, gone or found; whoever is told so does not try again"}, 500)
	}
	s.fails = nil
	wantJSON(t, ask(h, "GET", "/docs/1", ""), 200, `{"id":"1","slug":"lamp","text":"it stands"}`,
		expect.Message{Did: "sent bodies that are not JSON, then GET of a document"})
	expect.That(t, s.count() == 1, expect.Message{Did: "sent bodies that are not JSON",
		Want: "no new document", Got: fmt.Sprint(s.count(), " documents, of which there was 1")})
	s.lost = errors.New("connection lost")
	wantStatus(t, ask(h, "PUT", "/docs/2", `{"slug":"chair","text":"it stands"}`), expect.Message{
		Did: fmt.Sprintf("PUT /docs/2, which was not there; the store puts it, and says then: %v", s.lost),
		Why: "what it has made of the document nobody knows, and an empty one in the answer is a document, too"}, 500)
}
