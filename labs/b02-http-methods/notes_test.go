package notes_test

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/big"
	"math/rand/v2"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	notes "github.com/backend-labs/backend-labs/labs/b02-http-methods"
)

const (
	milk = `{"text":"buy milk","tags":["home","food"]}`
	call = `{"text":"call ann","tags":["work"]}`
)

func TestNotesCanBeRead(t *testing.T) {
	readAgain(t)
	readNotes(t)
	readOtherPaths(t)
	readWithoutTags(t)
	readMany(t)
	readInABrowser(t)
}

func readNotes(t *testing.T) {
	t.Helper()
	b := newBook(t)
	b.wantAll(t, "asked for GET /notes of a new handler")
	want := []string{"buy milk [home food]", "call ann [work]"}
	wantJSON(t, "/notes", b.do(t, "GET", "/notes", ""))
	ids := []string{b.create(t, milk), b.create(t, call)}
	b.wantAll(t, "posted two notes and asked for GET /notes", want...)
	for i, id := range ids {
		n, got := b.note(t, id)
		expect.That(t, got.status == 200 && n.ID == id && n.String() == want[i], expect.Message{
			Did:  "asked for GET /notes/" + id + ", one of two notes",
			Want: fmt.Sprintf("200 and the note with the id %q: %s", id, want[i]),
			Got:  got.String(),
		})
		wantJSON(t, "/notes/"+id, got)
		var members map[string]json.RawMessage
		json.Unmarshal([]byte(got.body), &members)
		for _, name := range []string{"id", "text", "tags"} {
			expect.That(t, members[name] != nil, expect.Message{
				Did:  "asked for a note, and looked for its " + name,
				Want: fmt.Sprintf(`{"id":"…","text":"…","tags":["…"]}: a member %q`, name),
				Got:  got.body,
				Why:  "in JSON names are told apart letter by letter; Text is not text",
			})
		}
	}
}

func wantJSON(t *testing.T, path string, got answer) {
	t.Helper()
	kind, _, _ := mime.ParseMediaType(got.header.Get("Content-Type"))
	expect.That(t, kind == "application/json", expect.Message{
		Did:  "asked for GET " + path + ", and looked at its Content-Type",
		Want: "application/json, with parameters or without",
		Got:  strconv.Quote(got.header.Get("Content-Type")),
		Why: "without it net/http guesses text/plain from the first bytes, and clients that go by " +
			"the header do not decode the body",
	})
}

// readInABrowser asks for notes as a browser does whose user has typed their address.
func readInABrowser(t *testing.T) {
	t.Helper()
	b := newBook(t)
	accept := http.Header{"Accept": {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}}
	for _, path := range []string{"/notes", "/notes/" + b.create(t, milk)} {
		got := b.send(t, "GET", path, "", accept)
		kind, _, _ := mime.ParseMediaType(got.header.Get("Content-Type"))
		expect.That(t, got.status == 200 && kind == "application/json" && json.Valid([]byte(got.body)), expect.Message{
			Did:  "asked for GET " + path + " as a browser does, with Accept: " + accept.Get("Accept"),
			Want: "200, application/json, and JSON",
			Got:  fmt.Sprintf("%s, Content-Type %q", got, got.header.Get("Content-Type")),
			Why: "the service has one form of a note; a browser takes anything, and whoever looks at a note in one " +
				"wants to see what programs see",
		})
	}
}

// readAgain is a client that keeps what it has read, and asks whether it is still so.
func readAgain(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) { // all of it at one moment
		for _, path := range []string{"/notes/n1", "/notes"} {
			for _, change := range []struct{ method, body, want string }{
				{"PUT", `{"text":"buy milk","tags":["home","food"]}`, "buy milk [home food]"},
				{"PUT", `{"text":"buy milk","tags":["home","work"]}`, "buy milk [home work]"},
				{"PUT", `{"text":"buy silk","tags":["home","food"]}`, "buy silk [home food]"},
				{"DELETE", "", "nothing"},
			} {
				b := newBook(t)
				b.do(t, "PUT", "/notes/n1", `{"text":"buy milk","tags":["food","home"]}`)
				known, header := b.do(t, "GET", path, ""), http.Header{}
				for ask, answer := range map[string]string{"If-None-Match": "ETag", "If-Modified-Since": "Last-Modified"} {
					if v := known.header.Get(answer); v != "" {
						header.Set(ask, v)
					}
				}
				b.do(t, change.method, "/notes/n1", change.body)
				again := b.send(t, "GET", path, "", header)
				shown := "nothing"
				if path == "/notes" {
					again.body = strings.Trim(again.body, "[]\r\n\t ")
				}
				var n note
				if again.status == 200 && json.Unmarshal([]byte(again.body), &n) == nil {
					shown = n.String()
				}
				expect.That(t, shown == change.want && again.status != 304, expect.Message{
					Did: fmt.Sprintf("asked for GET %s, sent %s, and asked for GET %s again with what the first answer "+
						"had given as a mark of what it is: %v", path,
						strings.TrimSpace(change.method+" /notes/n1 "+change.body), path, header),
					Want: "what is there now: " + change.want,
					Got:  again.String(),
					Why: "a 304 says that nothing has changed; a mark that is not another one after every change lets the " +
						"client show for ever what it read once",
				})
			}
		}
	})
}

func readOtherPaths(t *testing.T) {
	t.Helper()
	b := newBook(t)
	id := b.create(t, milk)
	for _, path := range []string{"/notes/no-such-note", "/", "/note", "/notes/" + id + "/text",
		"/notes/" + id + "/", "/notess", "/Notes", "/NOTES/" + id, "/note/" + id, "/v1/notes"} {
		got := b.do(t, "GET", path, "")
		expect.That(t, got.status == 404, expect.Message{
			Did:  "asked for GET " + path,
			Want: "404: there is nothing at this path",
			Got:  got.String(),
		})
	}
	for _, path := range []string{"/note", "/notes/" + id + "/text", "/notes/a/b"} {
		for _, method := range []string{"PUT", "POST", "DELETE", "OPTIONS", "PATCH", "HEAD"} {
			got := b.do(t, method, path, call)
			expect.That(t, got.status == 404, expect.Message{
				Did:  "sent " + method + " " + path,
				Want: "404: there is nothing at this path, and can be nothing",
				Got:  got.String(),
				Why:  "what is stored at a path that nobody knows of, nobody finds again",
			})
		}
	}
	b.wantAll(t, "sent requests to paths that are not those of a note, after posting one",
		"buy milk [home food]")
}

// readMany reads what a small service has after a year.
func readMany(t *testing.T) {
	t.Helper()
	b := newBook(t)
	const many = 600
	for i := range many {
		b.do(t, "PUT", fmt.Sprintf("/notes/client-%d", i), milk)
		b.do(t, "POST", "/notes", call)
	}
	all := b.all(t)
	first, _ := b.note(t, "client-0")
	expect.That(t, len(all) == 2*many && first.String() == "buy milk [home food]", expect.Message{
		Did:  fmt.Sprintf("put %d notes and posted as many, and asked for GET /notes and GET /notes/client-0", many),
		Want: fmt.Sprintf("an array of all %d, and the note", 2*many),
		Got:  fmt.Sprintf("an array of %d, and the note %+v", len(all), first),
		Why:  "an array that ends early looks like a whole one: nobody asks for the rest",
	})
	tags := make([]string, 1000)
	for i := range tags {
		tags[i] = fmt.Sprintf("tag %d", i)
	}
	tagged, _ := json.Marshal(map[string]any{"tags": tags})
	b.do(t, "PUT", "/notes/client-1", string(tagged))
	second, _ := b.note(t, "client-1")
	expect.That(t, slices.Equal(second.Tags, tags), expect.Message{
		Did:  fmt.Sprintf("put a note with %d tags, and read it", len(tags)),
		Want: "all of them, in their order",
		Got:  fmt.Sprintf("%d tags", len(second.Tags)),
		Why:  "a limit that the contract does not name loses what was agreed on",
	})
	long := strings.Repeat("buy milk, ", 200_000)
	b.do(t, "PUT", "/notes/client-0", `{"text":"`+long+`"}`)
	got := b.do(t, "POST", "/notes", `{"text":"`+long+`"}`)
	first, _ = b.note(t, "client-0")
	expect.That(t, got.status == 201 && first.Text == long, expect.Message{
		Did:  "sent PUT and POST with a text of 2 MB, and read the note that was put",
		Want: "201 for the POST, and the whole text",
		Got: fmt.Sprintf("%d %.80q for the POST, and a text of %d bytes", got.status, got.body,
			len(first.Text)),
		Why: "a limit that the contract does not name refuses what was agreed on",
	})
}

func readWithoutTags(t *testing.T) {
	t.Helper()
	for _, body := range []string{`{"text":"no tags"}`, `{"text":"no tags","tags":[]}`,
		`{"text":"no tags","tags":null}`} {
		b := newBook(t)
		b.do(t, "PUT", "/notes/n1", body)
		posted := b.create(t, body)
		for _, one := range []struct{ made, id string }{{"posted", posted}, {"put", "n1"}} {
			got := b.do(t, "GET", "/notes/"+one.id, "")
			var n map[string]json.RawMessage
			json.Unmarshal([]byte(got.body), &n)
			expect.That(t, string(n["tags"]) == "[]", expect.Message{
				Did:  "sent " + body + " with POST and with PUT, and read the note that was " + one.made,
				Want: `"tags":[]`,
				Got:  got.String(),
				Why:  "clients loop over the array without asking; null makes them crash",
			})
		}
		for _, text := range b.raw(t) {
			expect.That(t, strings.Contains(text, `"tags":[]`), expect.Message{
				Did:  "sent " + body + " with POST and with PUT, and read GET /notes",
				Want: `"tags":[] in both notes`,
				Got:  text,
			})
		}
	}
}

func TestPostMakesANewNoteEachTime(t *testing.T) {
	postAtOneMoment(t)
	postWithAnID(t)
	followLocation(t)
	postAnyText(t)
}

func postAtOneMoment(t *testing.T) {
	t.Helper()
	bubble.RunLeaky(t, func(t *testing.T) { // both at the very same moment
		b := newBook(t)
		for range 2 {
			got := b.do(t, "POST", "/notes", milk)
			expect.That(t, got.status == 201, expect.Message{
				Did: "sent POST /notes " + milk, Want: "201: a note has been created",
				Got: got.String(),
			})
		}
		b.wantTwo(t, "sent POST /notes twice at one moment with the same body, "+milk)
	})
}

// postAnyText posts what is JSON, and a note, as clients write it.
func postAnyText(t *testing.T) {
	t.Helper()
	for _, body := range []string{`{"text":""}`, `{"text":"","tags":[""]}`, " \r\n" + milk + "\r\n\t ",
		`{"tags":[],"text":"\u0062"}`} {
		b := newBook(t)
		w := httpwire.New()
		r := httptest.NewRequestWithContext(t.Context(), "POST", "/notes", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded") // as curl -d does
		b.handler.ServeHTTP(w.Writer(), r)
		var sent note
		json.Unmarshal([]byte(body), &sent)
		expect.That(t, w.Status() == 201, expect.Message{
			Did:  fmt.Sprintf("sent POST /notes %q with the Content-Type that curl sets", body),
			Want: "201: a note has been created",
			Got:  fmt.Sprintf("%d %s", w.Status(), w.Body()),
			Why:  "it is a note in JSON; that a text is empty, too, is for whoever writes it",
		})
		b.wantAll(t, fmt.Sprintf("sent POST /notes %q", body), sent.String())
	}
}

func postWithAnID(t *testing.T) {
	t.Helper()
	b := newBook(t)
	for range 2 {
		b.do(t, "POST", "/notes", `{"id":"mine","text":"buy milk","tags":["home","food"]}`)
	}
	b.wantTwo(t, `sent POST /notes twice with an id in the body, "mine"`)
	got := b.do(t, "GET", "/notes/mine", "")
	expect.That(t, got.status == 404, expect.Message{
		Did:  `sent POST /notes with an id in the body, "mine", and asked for GET /notes/mine`,
		Want: "404: with POST the server picks the id, whatever the body says",
		Got:  got.String(),
		Why: "POST says \"make a new one\"; if the client could name it, it could overwrite " +
			"somebody else's",
	})
}

func followLocation(t *testing.T) {
	t.Helper()
	b := newBook(t)
	for _, at := range []struct{ path, body string }{{"/notes", milk}, {"/notes", call}, {"/notes?from=phone", milk}} {
		body := at.body
		got := b.do(t, "POST", at.path, body)
		location := got.header.Get("Location")
		base := &url.URL{Scheme: "http", Host: "example.com", Path: "/notes"}
		target, err := base.Parse(location)
		ok := got.status == 201 && location != "" && err == nil
		found := answer{}
		if ok {
			found = b.do(t, "GET", target.Path, "")
			var sent, stored note
			ok = found.status == 200 && json.Unmarshal([]byte(found.body), &stored) == nil &&
				json.Unmarshal([]byte(body), &sent) == nil &&
				stored.String() == sent.String()
		}
		expect.That(t, ok, expect.Message{
			Did:  fmt.Sprintf("sent POST %s %s and asked for what its Location says", at.path, body),
			Want: "201 with the URL of the new note in Location, and the note at that URL",
			Got:  fmt.Sprintf("%s, Location %q; and there %s", got, location, found),
			Why: "the server has picked the name; without Location the client has made " +
				"something that it cannot find",
		})
	}
}

func TestAnIDIsPickedOnce(t *testing.T) {
	afterDelete(t)
	amongThoseOfClients(t)
	amongThoseThatClientsHaveDeleted(t)
}

func afterDelete(t *testing.T) {
	t.Helper()
	b := newBook(t)
	seen := map[string]bool{}
	for i := range 10 {
		id := b.create(t, milk)
		expect.That(t, !seen[id], expect.Message{
			Did:  fmt.Sprintf("posted %d notes, and deleted some of them in between", i+1),
			Want: "an id that has not been in use before, each time",
			Got:  fmt.Sprintf("the id %q again", id),
			Why: "a link to the deleted note now shows another one, and a late DELETE for the " +
				"old one removes it",
		})
		seen[id] = true
		if i%3 != 0 {
			b.do(t, "DELETE", "/notes/"+id, "")
		}
	}
}

func amongThoseOfClients(t *testing.T) {
	t.Helper()
	b := newBook(t)
	id := b.create(t, call)
	names := guesses(id)
	mine := map[string]bool{id: true}
	for _, name := range names {
		if !mine[name] {
			mine[name] = true
			b.do(t, "PUT", "/notes/"+name, `{"text":"put by a client"}`)
		}
	}
	before := len(b.all(t))
	for range 10 {
		b.do(t, "POST", "/notes", milk)
	}
	all := b.all(t)
	put := 0
	for _, n := range all {
		if n.Text == "put by a client" {
			put++
		}
	}
	expect.That(t, len(all) == before+10 && put == len(mine)-1, expect.Message{
		Did: fmt.Sprintf("posted a note (the server named it %q), put %d notes under ids like "+
			"that one, and posted 10 more", id, len(mine)-1),
		Want: fmt.Sprintf("%d notes, and every one that was put is still there", before+10),
		Got:  fmt.Sprintf("%d notes; %d of %d that were put are there", len(all), put, len(mine)-1),
		Why: "clients may name notes, too; a server that counts without looking overwrites " +
			"what they have put",
	})
}

// guesses are ids that a client would expect behind one that the server has picked.
func guesses(id string) []string {
	names := []string{"1", "2", "3", "note-2", "0"}
	for _, bits := range []int{31, 32, 53, 63, 64} { // where a counter ends, and goes on from
		most := new(big.Int).Lsh(big.NewInt(1), uint(bits))
		names = append(names, most.String(), "-"+most.String(), most.Sub(most, big.NewInt(1)).String())
	}
	digits := strings.LastIndexFunc(id, func(r rune) bool { return r < '0' || r > '9' }) + 1
	if n, err := strconv.ParseUint(id[digits:], 10, 62); err == nil {
		for i := range uint64(5) {
			next := strconv.FormatUint(n+1+i, 10)
			names = append(names, id[:digits]+strings.Repeat("0",
				max(0, len(id)-digits-len(next)))+next)
		}
	}
	return names
}

func amongThoseThatClientsHaveDeleted(t *testing.T) {
	t.Helper()
	b := newBook(t)
	id := b.create(t, call)
	names := slices.DeleteFunc(guesses(id), func(name string) bool { return name == id })
	for _, name := range names {
		b.do(t, "PUT", "/notes/"+name, milk)
		b.do(t, "DELETE", "/notes/"+name, "")
	}
	for range 10 {
		next := b.create(t, milk)
		expect.That(t, !slices.Contains(names, next), expect.Message{
			Did: fmt.Sprintf("posted a note (the server named it %q), put notes under ids like "+
				"that one, deleted them, and posted another", id),
			Want: "an id that has not been in use before, by nobody",
			Got:  fmt.Sprintf("the id %q, under which a client had put a note", next),
			Why: "the client that has put it knows it by this name: its next PUT overwrites " +
				"somebody else's note",
		})
	}
}

func TestPutReplacesTheWholeNote(t *testing.T) {
	putOver(t)
	putUnderAnyWord(t)
}

func putOver(t *testing.T) {
	t.Helper()
	b := newBook(t)
	for _, step := range []struct{ body, want string }{
		{`{"text":"a","tags":["x"]}`, "a [x]"},
		{`{"text":"b"}`, "b []"},
		{`{"tags":["y","z"]}`, " [y z]"},
		{
			`{"text":" <a> \"ü\"\r\n\t ","tags":["z","y","z"," y ","Y","","x,y"]}`,
			" <a> \"ü\"\r\n\t  [z y z  y  Y  x,y]",
		},
		{
			`{"text":"&amp;lt; 5%25+\u0000|\ud83d\ude00|e\u0301|\u200d|\ufeff|","tags":["#x","x","x","&lt;","%41"]}`,
			"&amp;lt; 5%25+\x00|\U0001f600|e\u0301|\u200d|\ufeff| [#x x x &lt; %41]",
		},
		{`{}`, " []"},
		{`{"id":"other","text":"c","tags":["y"]}`, "c [y]"},
	} {
		b.do(t, "PUT", "/notes/n1", step.body)
		n, got := b.note(t, "n1")
		expect.That(t, got.status == 200 && n.ID == "n1" && n.String() == step.want, expect.Message{
			Did:  "sent PUT /notes/n1 " + step.body + " over an earlier one, and read the note",
			Want: "what the last PUT said and nothing else, under the id n1: " + strconv.Quote(step.want),
			Got:  got.String(),
			Why: "PUT carries the complete new state; if what is left out stays, a client can " +
				"never remove anything, and what the note is depends on its history",
		})
	}
	b.wantAll(t, "sent PUT /notes/n1 seven times", "c [y]")
	b.do(t, "PUT", "/notes/n1?id=n2", milk)
	b.wantAll(t, "sent PUT /notes/n1 seven times, and PUT /notes/n1?id=n2 once", "buy milk [home food]")
	for _, kind := range []string{"application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8"} {
		body := `{"text":"` + kind + `"}`
		b.send(t, "PUT", "/notes/n1", body, http.Header{"Content-Type": {kind}})
		b.wantAll(t, "sent PUT /notes/n1 "+body+" with this Content-Type", kind+" []")
	}
}

func putUnderAnyWord(t *testing.T) {
	t.Helper()
	b := newBook(t)
	ids := []string{"a", "A", "7", "007", "-", "x-1", "X-1", "x--1", "notes", "new", "null", strings.Repeat("long-", 400)}
	for _, id := range ids {
		b.do(t, "PUT", "/notes/"+id, `{"text":"this is `+id+`"}`)
	}
	for _, id := range ids {
		n, got := b.note(t, id)
		expect.That(t, n.ID == id && n.Text == "this is "+id, expect.Message{
			Did: fmt.Sprintf("put notes under the ids %s and a long one, and read the one under %.40q",
				strings.Join(ids[:len(ids)-1], ", "), id),
			Want: fmt.Sprintf("the note with the text %.40q", "this is "+id),
			Got:  got.String(),
			Why: "an id is a name that the client has chosen; two names that only look alike are " +
				"two notes",
		})
	}
}

func TestPutSaysWhetherTheNoteIsNew(t *testing.T) {
	b := newBook(t)
	first := b.do(t, "PUT", "/notes/n1", milk)
	expect.That(t, first.status == 201, expect.Message{
		Did:  "sent PUT /notes/n1 for a note that does not exist",
		Want: "201: with PUT the client names the resource, and it has been created",
		Got:  first.String(),
		Why: "a client that keeps its own names can create and update with one request, and " +
			"repeat it without fear",
	})
	second := b.do(t, "PUT", "/notes/n1", call)
	expect.That(t, second.status == 200 || second.status == 204, expect.Message{
		Did:  "sent PUT /notes/n1 for a note that exists",
		Want: "200 or 204: it has been replaced, and nothing was created",
		Got:  second.String(),
		Why:  "the status is how the client learns whether there was something before",
	})
	b.do(t, "DELETE", "/notes/n1", "")
	third := b.do(t, "PUT", "/notes/n1", milk)
	expect.That(t, third.status == 201, expect.Message{
		Did:  "sent PUT /notes/n1 for a note that has been deleted",
		Want: "201: it was not there, and has been created",
		Got:  third.String(),
		Why:  "what was deleted is gone; who puts it there again has made a new one",
	})
	putWhatWasAskedFor(t)
	putSlowly(t)
}

// putWhatWasAskedFor puts a note that others have asked for in vain.
func putWhatWasAskedFor(t *testing.T) {
	t.Helper()
	for _, earlier := range []step{{"GET", "n1", ""}, {"HEAD", "n1", ""}, {"OPTIONS", "n1", ""}, {"DELETE", "n1", ""},
		{"PATCH", "n1", call}, {"POST", "n1", call}, {"PUT", "n1", "buy milk"}} {
		b := newBook(t)
		b.do(t, earlier.method, "/notes/"+earlier.id, earlier.body)
		got := b.do(t, "PUT", "/notes/n1", milk)
		expect.That(t, got.status == 201, expect.Message{
			Did: fmt.Sprintf("sent %s to a new handler, where there is no such note, and then PUT /notes/n1",
				strings.TrimSpace(earlier.method+" /notes/n1 "+earlier.body)),
			Want: "201: the note is new",
			Got:  got.String(),
			Why:  "that somebody has asked for a note, or was refused, does not make one",
		})
	}
}

// putSlowly has a PUT whose body takes a while, and another request for the same note meanwhile.
func putSlowly(t *testing.T) {
	t.Helper()
	b := newBook(t)
	b.do(t, "PUT", "/notes/n2", call)
	for _, c := range []struct {
		method, id string
		fits       func(slow, other int, left string) bool
		want       string
	}{
		{"PUT", "n1", func(slow, other int, left string) bool {
			return slow == 201 && other != 201 && left == "call ann [work]" ||
				slow != 201 && other == 201 && left == "buy milk [home food]"
		}, "201 for one of the two, 200 or 204 for the other, and the note that this one has sent"},
		{"DELETE", "n2", func(slow, _ int, left string) bool {
			return slow == 201 && left == "buy milk [home food]" || slow != 201 && left == "nothing"
		}, "201 and the note, or 200 or 204 and no note"},
	} {
		body := &pausedBody{half: make(chan struct{}), goOn: make(chan struct{}), text: milk}
		done, between := make(chan int, 1), make(chan int, 1)
		go func() {
			w := httpwire.New()
			b.handler.ServeHTTP(w.Writer(), httptest.NewRequestWithContext(t.Context(), "PUT", "/notes/"+c.id, body))
			done <- w.Status()
		}()
		select {
		case <-body.half:
		case <-time.After(3 * time.Second):
		}
		go func() { between <- b.do(t, c.method, "/notes/"+c.id, call).status }()
		other := 0
		select {
		case other = <-between:
		case <-time.After(3 * time.Second): // that nobody may be kept waiting is another check's business
			close(body.goOn)
			return
		}
		close(body.goOn)
		slow, left := <-done, "nothing"
		if n, got := b.note(t, c.id); got.status == 200 {
			left = n.String()
		}
		expect.That(t, c.fits(slow, other, left), expect.Message{
			Did: fmt.Sprintf("sent PUT /notes/%s %s, and %s /notes/%s when half of that body had come, "+
				"before the rest of it", c.id, milk, c.method, c.id),
			Want: c.want,
			Got:  fmt.Sprintf("%d for the slow PUT, %d for the %s, and %s", slow, other, c.method, left),
			Why: "what was there is known when the note is stored, and not when its body has begun to " +
				"arrive; the statuses have to fit one order of the two",
		})
	}
}

func TestDeleteRemovesThatNote(t *testing.T) {
	b := newBook(t)
	first, second := b.create(t, milk), b.create(t, call)
	got := b.do(t, "DELETE", "/notes/"+first, "")
	expect.That(t, got.status == 204, expect.Message{
		Did:  "sent DELETE for the first of two notes",
		Want: "204: it is gone, and there is nothing to say about it", Got: got.String(),
	})
	b.wantAll(t, "sent DELETE for the first of two notes", "call ann [work]")
	gone := b.do(t, "GET", "/notes/"+first, "")
	expect.That(t, gone.status == 404, expect.Message{
		Did: "deleted a note and asked for it", Want: "404", Got: gone.String(),
	})
	for _, missing := range []struct{ what, id string }{
		{"a note that has been deleted already", first}, {"a note that never was", "never-was"},
	} {
		got := b.do(t, "DELETE", "/notes/"+missing.id, "")
		expect.That(t, got.status == 204 || got.status == 404, expect.Message{
			Did:  "sent DELETE for " + missing.what,
			Want: "204 or 404: it is not there, which is what was asked for",
			Got:  got.String(),
		})
	}
	b.wantAll(t, "sent DELETE for notes that are not there", "call ann [work]")
	for _, alike := range [][]string{
		{"ab-1", "Ab-1", "ab-10", "b-1"}, {"ab-1", "ab-1-", "-ab-1", "ab-1-2", "ab--1", "ab1"}, {"7", "07", "7-0", "77"},
	} {
		want := []string{"call ann [work]"}
		for _, id := range alike {
			b.do(t, "PUT", "/notes/"+id, `{"text":"`+id+`"}`)
		}
		for _, id := range alike[1:] {
			want = append(want, id+" []")
		}
		b.do(t, "DELETE", "/notes/"+alike[0], "")
		b.do(t, "DELETE", "/notes/"+alike[0], "")
		b.wantAll(t, fmt.Sprintf("sent PUT for the notes %s, and DELETE for %s twice", strings.Join(alike, ", "), alike[0]),
			want...)
		for i, id := range alike[1:] {
			b.do(t, "DELETE", "/notes/"+id, "")
			b.wantAll(t, "then sent DELETE for "+strings.Join(alike[1:i+2], ", "), slices.Concat(want[:1], want[i+2:])...)
		}
	}
	if n, got := b.note(t, second); n.ID != second {
		expect.Fatal(t, expect.Message{Did: "deleted one of two notes and asked for the other",
			Want: "the note", Got: got.String()})
	}
}

func TestReadingChangesNothing(t *testing.T) {
	b := newBook(t)
	paths := []string{"/notes", "/notes/" + b.create(t, milk), "/notes/" + b.create(t, call),
		"/notes/none"}
	before := b.raw(t)
	random := seeded()
	for i := range 50 {
		method := []string{"GET", "HEAD", "OPTIONS"}[random.IntN(3)]
		path := paths[random.IntN(len(paths))]
		if i < len(paths) {
			method, path = "GET", paths[i]
		}
		b.do(t, method, path, "")
		after := b.raw(t)
		expect.That(t, slices.Equal(before, after), expect.Message{
			Did: fmt.Sprintf("sent %s %s, after %d other requests with GET, HEAD and OPTIONS",
				method, path, i),
			Want: "the same notes as before: " + strings.Join(before, ", "),
			Got:  strings.Join(after, ", "),
			Why: "GET, HEAD and OPTIONS are safe: browsers prefetch, crawlers follow every " +
				"link, caches answer in your place, and none of them means to change anything",
		})
	}
}

func TestAQueryDoesNotMakeGetDangerous(t *testing.T) {
	b := newBook(t)
	id := b.create(t, milk)
	b.create(t, call)
	before := b.raw(t)
	for _, path := range []string{"/notes/" + id + "?delete=1", "/notes?delete=" + id,
		"/notes/" + id + "?_method=DELETE", "/notes/" + id + "?text=changed", "/notes?text=new",
		"/notes/" + id + "?action=delete", "/notes?action=delete", "/notes?action=delete&id=" + id,
		"/notes/" + id + "?method=delete", "/notes/" + id + "?DELETE", "/notes?clear=true"} {
		for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
			b.do(t, method, path, "")
			after := b.raw(t)
			expect.That(t, slices.Equal(before, after), expect.Message{
				Did:  fmt.Sprintf("sent %s %s", method, path),
				Want: "the same notes as before: " + strings.Join(before, ", "),
				Got:  strings.Join(after, ", "),
				Why: "a crawler that follows a link has deleted whole sites that way; what a " +
					"request does is said by its method and not by its query",
			})
		}
	}
	for _, name := range []string{"X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"} {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/notes/"+id, nil)
		r.Header.Set(name, "DELETE")
		b.handler.ServeHTTP(httpwire.New().Writer(), r)
		after := b.raw(t)
		expect.That(t, slices.Equal(before, after), expect.Message{
			Did:  fmt.Sprintf("sent GET /notes/%s with the header %s: DELETE", id, name),
			Want: "the same notes as before: " + strings.Join(before, ", "),
			Got:  strings.Join(after, ", "),
			Why: "caches, proxies and firewalls go by the method; a GET that deletes passes " +
				"all of them",
		})
		w := httpwire.New()
		r = httptest.NewRequestWithContext(t.Context(), "POST", "/notes/"+id+"?_method=DELETE", nil)
		r.Header.Set(name, "DELETE")
		b.handler.ServeHTTP(w.Writer(), r)
		after = b.raw(t)
		expect.That(t, w.Status() == 405 && slices.Equal(before, after), expect.Message{
			Did:  fmt.Sprintf("sent POST /notes/%s?_method=DELETE with the header %s: DELETE", id, name),
			Want: "405, and the same notes as before: " + strings.Join(before, ", "),
			Got:  fmt.Sprintf("%d, and %s", w.Status(), strings.Join(after, ", ")),
			Why: "a POST to a note is not supported, whatever else it carries; a proxy that lets " +
				"nobody DELETE has let it pass",
		})
	}
}

// TestRepeatingPutAndDeleteChangesNothing needs no right answer: whatever a sequence of requests
// leaves behind, it must be the same when every PUT and DELETE in it arrives twice.
func TestRepeatingPutAndDeleteChangesNothing(t *testing.T) {
	random := seeded()
	kept := 0
	for range 200 {
		plan := drawPlan(random)
		once := plan.run(t, false)
		kept += len(once)
		if slices.Equal(once, plan.run(t, true)) {
			continue
		}
		plan = plan.smallest(t)
		expect.Fatal(t, expect.Message{
			Did: fmt.Sprintf(
				"sent %s to one handler, and to another the same with every PUT and DELETE sent "+
					"twice", plan),
			Want: "the same notes in both, as after each was sent once: " +
				strings.Join(plan.run(t, false), ", "),
			Got: "as after each was sent twice: " + strings.Join(plan.run(t, true), ", "),
			Why: "an answer gets lost, the client sends the request again, and it arrives " +
				"twice; PUT and DELETE are the methods with which that must do no harm",
		})
	}
	expect.That(t, kept > 0, expect.Message{
		Did:  "sent 200 random sequences of POST, PUT and DELETE, each to a new handler",
		Want: "notes in at least one of them",
		Got:  "none",
	})
}

func TestHeadHasTheStatusOfGet(t *testing.T) {
	b := newBook(t)
	id := b.create(t, milk)
	for _, at := range []struct {
		path string
		want int
	}{{"/notes", 200}, {"/notes/" + id, 200}, {"/notes/none", 404}, {"/nope", 404}} {
		got := b.do(t, "HEAD", at.path, "")
		expect.That(t, got.status == at.want, expect.Message{
			Did:  "sent HEAD " + at.path,
			Want: fmt.Sprintf("%d, as for GET", at.want),
			Got:  fmt.Sprintf("%d %s", got.status, http.StatusText(got.status)),
			Why: "HEAD asks what GET would say without taking the body: whether something is " +
				"there, how large, how old",
		})
	}
}

// TestHeadHasTheHeadersOfGetAndNoBody has a real server between itself and the handler: it sees
// what goes over the wire.
func TestHeadHasTheHeadersOfGetAndNoBody(t *testing.T) {
	b := newBook(t)
	id := b.create(t, milk)
	server := memhttp.Serve(t, b.handler)
	for _, path := range []string{"/notes", "/notes/" + id, "/notes/none"} {
		status := 200
		if path == "/notes/none" {
			status = 404
		}
		get := server.Raw(t, "GET "+path+" HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n",
			5*time.Second)
		head := server.Raw(t, "HEAD "+path+" HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n",
			5*time.Second)
		getHeader, _ := splitRaw(get)
		headHeader, body := splitRaw(head)
		for _, name := range []string{"Content-Type", "Content-Length"} {
			if status != 200 && getHeader.Get("Content-Length") == "0" {
				continue // net/http does not count what is not there
			}
			expect.That(t, getHeader.Get(name) == headHeader.Get(name) &&
				(name != "Content-Type" || getHeader.Get(name) != ""), expect.Message{
				Did: "sent HEAD " + path + " and GET " + path + " to a server, and compared " +
					name,
				Want: fmt.Sprintf("the same as for GET: %q", getHeader.Get(name)),
				Got:  fmt.Sprintf("%q", headHeader.Get(name)),
				Why: "a client asks with HEAD to decide whether it wants the body; for that it " +
					"needs to know what the body would be",
			})
		}
		expect.That(t, body == "" && strings.HasPrefix(head, fmt.Sprintf("HTTP/1.1 %d ", status)), expect.Message{
			Did:  "sent HEAD " + path + " to a server",
			Want: fmt.Sprintf("%d and not one byte of a body", status),
			Got:  fmt.Sprintf("%q", head),
			Why: "the next answer on the connection begins where the client expects it; a body " +
				"that should not be there is read as part of it",
		})
	}
}

func TestAWrongMethodIs405(t *testing.T) {
	b := newBook(t)
	id := b.create(t, milk)
	for _, one := range unsupported(id) {
		got := b.do(t, one.method, one.path, call)
		expect.That(t, got.status == 405, expect.Message{
			Did:  fmt.Sprintf("sent %s %s", one.method, one.path),
			Want: "405: the resource is there, and does not support this method",
			Got:  got.String(),
			Why: "404 would say that there is nothing at this address, and the client would go " +
				"and look for another one",
		})
	}
	b.wantAll(t, "sent only methods that are not supported, after posting one note",
		"buy milk [home food]")
}

func TestA405SaysWhatIsAllowed(t *testing.T) {
	b := newBook(t)
	id := b.create(t, milk)
	for _, one := range unsupported(id) {
		wantAllow(t, b.do(t, one.method, one.path, call), one.method, one.path)
	}
}

func TestOptionsSaysWhatIsAllowed(t *testing.T) {
	b := newBook(t)
	for _, path := range []string{"/notes", "/notes/" + b.create(t, milk), "/notes/not-yet"} {
		got := b.do(t, "OPTIONS", path, "")
		expect.That(t, got.status == 200 || got.status == 204, expect.Message{
			Did:  "sent OPTIONS " + path,
			Want: "200 or 204: OPTIONS asks what may be done here, and is always answered",
			Got:  got.String(),
			Why: "browsers ask with OPTIONS before a script of another site may send anything " +
				"(CORS); a refusal there is a refusal of everything",
		})
		wantAllow(t, got, "OPTIONS", path)
		got = b.send(t, "OPTIONS", path, "", http.Header{
			"Origin": {"https://example.org"}, "Access-Control-Request-Method": {"PATCH"},
		})
		wantAllow(t, got, "OPTIONS", path+" as a browser does before a PATCH, with Access-Control-Request-Method")
	}
}

func TestABodyThatIsNotJSONIs400(t *testing.T) {
	noJSON(t)
	brokenOff(t)
}

func brokenOff(t *testing.T) {
	t.Helper()
	b := newBook(t)
	b.do(t, "PUT", "/notes/n1", milk)
	for _, to := range []struct{ method, path string }{{"POST", "/notes"}, {"PUT", "/notes/n1"},
		{"PUT", "/notes/n2"}} {
		body := io.MultiReader(strings.NewReader(call), iotest.ErrReader(io.ErrUnexpectedEOF))
		b.handler.ServeHTTP(httpwire.New().Writer(),
			httptest.NewRequestWithContext(t.Context(), to.method, to.path, body))
		b.wantAll(t, fmt.Sprintf("after one note had been put, sent %s %s with a body that broke off "+
			"after %s", to.method, to.path, call), "buy milk [home food]")
	}
}

func noJSON(t *testing.T) {
	t.Helper()
	b := newBook(t)
	b.do(t, "PUT", "/notes/n1", milk)
	for _, body := range []string{"buy milk", `{"text":"buy milk"`, "", " \r\n",
		`{"text":"a"}, and more`, `{"text":"a"}{"text":"b"}`, `{"text":"a"}}`, `{"text":"a"}]`, `{"text":"a"}` + "\x00",
		`{"text":"a",}`, `{'text':'a'}`} {
		for _, to := range []struct{ method, path string }{{"POST", "/notes"}, {"PUT", "/notes/n1"},
			{"PUT", "/notes/n2"}} {
			got := b.do(t, to.method, to.path, body)
			did := fmt.Sprintf("sent %s %s with the body %q, which is not JSON", to.method, to.path,
				body)
			expect.That(t, got.status == 400, expect.Message{
				Did: did, Want: "400: the request cannot be understood", Got: got.String(),
			})
			b.wantAll(t, did+", after one note had been put", "buy milk [home food]")
		}
	}
}

func TestConcurrentPostsGetDifferentIDs(t *testing.T) {
	const posts = 100
	b := newBook(t)
	// All requests have been taken in before the first body arrives, unless somebody waits for
	// somebody: then they go on after a moment.
	all := &gate{missing: posts, open: make(chan struct{})}
	var wg sync.WaitGroup
	for i := range posts {
		wg.Go(func() {
			body := &slowBody{gate: all, rest: strings.NewReader(fmt.Sprintf(`{"text":"note %d"}`,
				i))}
			b.handler.ServeHTTP(httpwire.New().Writer(), httptest.NewRequest("POST", "/notes", body))
		})
	}
	wg.Wait()
	ids, texts := map[string]bool{}, map[string]bool{}
	for _, n := range b.all(t) {
		ids[n.ID], texts[n.Text] = true, true
	}
	expect.That(t, len(ids) == posts && len(texts) == posts, expect.Message{
		Did:  fmt.Sprintf("sent %d POSTs with different texts at the same time", posts),
		Want: fmt.Sprintf("%d notes with %d different ids", posts, posts),
		Got:  fmt.Sprintf("%d different texts and %d different ids", len(texts), len(ids)),
		Why: "each request is served by its own goroutine; where two of them are given the " +
			"same id, somebody's note is gone, and both were told 201",
	})
}

func TestRequestsOfAllKindsAtOnce(t *testing.T) {
	// Each kind is the first in its turn: what reads before all others write has read nothing that is not settled.
	for i := range 12 {
		b := newBook(t)
		ids := []string{"n0", "n1", "n2", "n3"}
		for _, id := range ids[:3] {
			b.do(t, "PUT", "/notes/"+id, milk)
		}
		var wg sync.WaitGroup
		requests := []struct{ method, path, body string }{
			{"GET", "/notes", ""}, {"GET", "/notes/n0", ""}, {"PUT", "/notes/n1", call},
			{"DELETE", "/notes/n2", ""}, {"PUT", "/notes/n3", call}, {"GET", "/notes/n3", ""},
		}
		first := i % len(requests)
		for _, q := range slices.Concat(requests[first:], requests[:first]) {
			wg.Go(func() { b.do(t, q.method, q.path, q.body) })
		}
		wg.Wait()
		b.wantAll(t, "put three notes, and at one moment read all and one of them, put another one "+
			"and a new one, and deleted the third", "buy milk [home food]", "call ann [work]",
			"call ann [work]")
	}
}

func TestASlowClientDelaysNobody(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		b := newBook(t)
		body, rest := io.Pipe()
		t.Cleanup(func() { rest.Close() })
		go b.handler.ServeHTTP(httpwire.New().Writer(),
			httptest.NewRequestWithContext(t.Context(), "POST", "/notes", body))
		go rest.Write([]byte(`{"text":`))
		time.Sleep(time.Minute)
		began := time.Now()
		done := make(chan answer, 1)
		go func() { done <- b.do(t, "GET", "/notes", "") }()
		m := expect.Message{
			Did: "sent GET /notes while another client's POST had been under way for a minute, " +
				"of whose body the second half had not come",
			Want: "200, at once",
			Why: "a client in a tunnel then holds up all others; nobody should hold a lock while " +
				"a network is being waited for",
		}
		select {
		case got := <-done:
			m.Got = fmt.Sprintf("%s, after %v", got, time.Since(began))
			expect.That(t, got.status == 200 && time.Since(began) < time.Second, m)
		case <-time.After(time.Minute):
			m.Got = "no answer for a minute"
			expect.Fatal(t, m)
		}
	})
}

func TestAClientThatDoesNotReadDelaysNobody(t *testing.T) {
	for _, to := range []target{{"GET", "/notes"}, {"GET", "/notes/n1"}, {"POST", "/notes"}, {"PUT", "/notes/n1"}} {
		bubble.RunLeaky(t, func(t *testing.T) {
			b := newBook(t)
			b.do(t, "PUT", "/notes/n1", milk)
			w := &unread{header: http.Header{}, gone: make(chan struct{})}
			t.Cleanup(func() { close(w.gone) })
			go b.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), to.method, to.path,
				strings.NewReader(milk)))
			time.Sleep(time.Minute)
			began := time.Now()
			done := make(chan answer, 1)
			go func() {
				b.do(t, "PUT", "/notes/n2", call)
				done <- b.do(t, "GET", "/notes/n2", "")
			}()
			m := expect.Message{
				Did: "sent PUT /notes/n2 and GET /notes/n2 while another client had sent " + to.method + " " +
					to.path + ", and had read nothing of the answer for a minute",
				Want: "served, at once",
				Why: "a client in a tunnel then holds up all others; nobody should hold a lock while " +
					"a network is being waited for, neither to read from it nor to write to it",
			}
			select {
			case got := <-done:
				m.Got = fmt.Sprintf("%s, after %v", got, time.Since(began))
				expect.That(t, got.status == 200 && time.Since(began) < time.Second, m)
			case <-time.After(time.Minute):
				m.Got = "no answer for a minute"
				expect.Fatal(t, m)
			}
		})
	}
}

// unread is an answer that its client does not read.
type unread struct {
	header http.Header
	gone   chan struct{}
}

func (u *unread) Header() http.Header { return u.header }
func (u *unread) WriteHeader(int)     {}

func (u *unread) Write([]byte) (int, error) {
	<-u.gone
	return 0, io.ErrClosedPipe
}

// book is a handler under test.
type book struct{ handler http.Handler }

func newBook(t *testing.T) book {
	t.Helper()
	h := notes.NewNotes()
	expect.That(t, h != nil, expect.Message{Did: "called NewNotes", Want: "an http.Handler",
		Got: "nil"})
	return book{h}
}

// do makes one request, without a network.
func (b book) do(t *testing.T, method, path, body string) answer {
	t.Helper()
	return b.send(t, method, path, body, nil)
}

// send makes one request with these headers.
func (b book) send(t *testing.T, method, path, body string, header http.Header) answer {
	t.Helper()
	w := httpwire.New()
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	maps.Copy(r.Header, header)
	b.handler.ServeHTTP(w.Writer(), r)
	return answer{w.Status(), w.Header(), w.Body()}
}

// note is one as the API shows it.
type note struct {
	ID   string
	Text string
	Tags []string
}

func (n note) String() string { return fmt.Sprintf("%s %v", n.Text, n.Tags) }

// note reads one note; without a 200, it is empty.
func (b book) note(t *testing.T, id string) (n note, got answer) {
	t.Helper()
	got = b.do(t, "GET", "/notes/"+id, "")
	if got.status != 200 {
		return note{}, got
	}
	if err := json.Unmarshal([]byte(got.body), &n); err != nil {
		got.body += " (not a note in JSON: " + err.Error() + ")"
	}
	return n, got
}

// all reads all notes.
func (b book) all(t *testing.T) (all []note) {
	t.Helper()
	got := b.do(t, "GET", "/notes", "")
	err := json.Unmarshal([]byte(got.body), &all)
	expect.That(t, got.status == 200 && err == nil && all != nil, expect.Message{
		Did:  "asked for GET /notes",
		Want: "200 and an array of notes, [] if there are none",
		Got:  got.String(),
	})
	return all
}

// raw is all notes with everything that is in them, in an order of its own.
func (b book) raw(t *testing.T) (all []string) {
	t.Helper()
	b.all(t)
	var objects []map[string]any
	json.Unmarshal([]byte(b.do(t, "GET", "/notes", "").body), &objects)
	for _, o := range objects {
		text, _ := json.Marshal(o) // sorts the keys
		all = append(all, string(text))
	}
	slices.Sort(all)
	return all
}

// create posts a note and returns its id, found by what is there that was not there before.
func (b book) create(t *testing.T, body string) string {
	t.Helper()
	before := map[string]bool{}
	for _, n := range b.all(t) {
		before[n.ID] = true
	}
	got := b.do(t, "POST", "/notes", body)
	for _, n := range b.all(t) {
		if !before[n.ID] && n.ID != "" {
			return n.ID
		}
	}
	expect.Fatal(t, expect.Message{
		Did:  "sent POST /notes " + body,
		Want: "a new note in GET /notes, with an id that no other has",
		Got:  got.String() + ", and no new id",
	})
	return ""
}

// wantAll demands that these and no other notes are there.
func (b book) wantAll(t *testing.T, did string, want ...string) {
	t.Helper()
	var got []string
	for _, n := range b.all(t) {
		got = append(got, n.String())
	}
	slices.Sort(got)
	expect.That(t, slices.Equal(got, slices.Sorted(slices.Values(want))), expect.Message{
		Did: did, Want: fmt.Sprintf("%d notes: %s", len(want), list(want)),
		Got: fmt.Sprintf("%d notes: %s", len(got), list(got)),
	})
}

// wantTwo demands two notes with ids of their own.
func (b book) wantTwo(t *testing.T, did string) {
	t.Helper()
	all := b.all(t)
	expect.That(t, len(all) == 2 && all[0].ID != all[1].ID && all[0].ID != "" && all[1].ID != "",
		expect.Message{
			Did:  did,
			Want: "two notes with different ids",
			Got:  fmt.Sprintf("%d: %+v", len(all), all),
			Why: "POST asks the server to make something new, each time; two people who write the " +
				"same thing have written two notes",
		})
}

func list(texts []string) string {
	if len(texts) == 0 {
		return "none"
	}
	return strings.Join(texts, ", ")
}

type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string {
	if a.status == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%d %s with the body %q", a.status, http.StatusText(a.status), a.body)
}

// splitRaw parses an answer as it came over the wire.
func splitRaw(raw string) (h http.Header, body string) {
	head, body, _ := strings.Cut(raw, "\r\n\r\n")
	h = http.Header{}
	for _, line := range strings.Split(head, "\r\n")[1:] {
		name, value, _ := strings.Cut(line, ":")
		h.Add(name, strings.TrimSpace(value))
	}
	return h, body
}

type target struct{ method, path string }

// unsupported is requests with methods that their path does not support.
func unsupported(id string) []target {
	return []target{
		{"PATCH", "/notes/" + id}, {"POST", "/notes/" + id},
		{"DELETE", "/notes"}, {"PUT", "/notes"}, {"PATCH", "/notes"},
		{"PROPFIND", "/notes"}, {"PROPFIND", "/notes/" + id}, {"get", "/notes/" + id},
		{"TRACE", "/notes"}, {"TRACE", "/notes/" + id}, {"CONNECT", "/notes"}, {"CONNECT", "/notes/" + id},
	}
}

// wantAllow demands that Allow lists what the path supports. It may be one header or several.
func wantAllow(t *testing.T, got answer, method, path string) {
	t.Helper()
	want := []string{"DELETE", "GET", "PUT"}
	if target, _, _ := strings.Cut(path, " "); target == "/notes" {
		want = []string{"GET", "POST"}
	}
	allowed := map[string]bool{}
	for name := range strings.SplitSeq(strings.Join(got.header.Values("Allow"), ","), ",") {
		allowed[strings.TrimSpace(name)] = true
	}
	for _, optional := range []string{"", "HEAD", "OPTIONS"} {
		delete(allowed, optional)
	}
	expect.That(t, slices.Equal(slices.Sorted(maps.Keys(allowed)), want), expect.Message{
		Did:  fmt.Sprintf("sent %s %s, and looked at the header Allow", method, path),
		Want: strings.Join(want, ", ") + "; HEAD and OPTIONS may be in it as well",
		Got:  fmt.Sprintf("Allow: %q", got.header.Values("Allow")),
		Why: "Allow tells the client what works here; one that is missing or wrong leaves it " +
			"guessing (RFC 9110, sections 10.2.1 and 15.5.6)",
	})
}

func seeded() *rand.Rand {
	request, _ := account.Current()
	return rand.New(rand.NewPCG(request.Seed, 2))
}

// plan is a sequence of requests.
type plan []step

// step is one of them. A note that was posted is called by what its text is.
type step struct{ method, id, body string }

func drawPlan(random *rand.Rand) (p plan) {
	posted := 0
	for range 1 + random.IntN(12) {
		body := fmt.Sprintf(`{"text":"text %d","tags":["tag %d"]}`, random.IntN(3), random.IntN(3))
		id := []string{"a", "b", "c"}[random.IntN(3)]
		switch random.IntN(4) {
		case 0:
			posted++
			p = append(p, step{"POST", "", fmt.Sprintf(`{"text":"posted %d"}`, posted)})
		case 1:
			if posted > 0 {
				p = append(p, step{"DELETE", fmt.Sprintf("posted %d", 1+random.IntN(posted)), ""})
			}
		case 2:
			p = append(p, step{"DELETE", id, ""})
		default:
			p = append(p, step{"PUT", id, body})
		}
	}
	return p
}

// run sends the plan to a new handler and returns the notes that are left, without the ids that the
// server has chosen.
func (p plan) run(t *testing.T, twice bool) (left []string) {
	t.Helper()
	b := newBook(t)
	names := map[string]string{} // id by text, of what was posted
	for _, s := range p {
		if s.method == "POST" {
			var n note
			json.Unmarshal([]byte(s.body), &n)
			names[n.Text] = b.create(t, s.body)
			continue
		}
		id := s.id
		if posted, ok := names[id]; ok {
			id = posted
		}
		path := "/notes/" + url.PathEscape(id)
		b.do(t, s.method, path, s.body)
		if twice {
			b.do(t, s.method, path, s.body)
		}
	}
	for _, n := range b.all(t) {
		text := n.String()
		if !strings.HasPrefix(n.Text, "posted ") {
			text = n.ID + ": " + text
		}
		left = append(left, text)
	}
	slices.Sort(left)
	return left
}

// smallest leaves out every step without which the plan still fails.
func (p plan) smallest(t *testing.T) plan {
	t.Helper()
	for i := 0; i < len(p); {
		shorter := slices.Delete(slices.Clone(p), i, i+1)
		if slices.Equal(shorter.run(t, false), shorter.run(t, true)) {
			i++
		} else {
			p = shorter
		}
	}
	return p
}

func (p plan) String() string {
	texts := make([]string, 0, len(p))
	for _, s := range p {
		texts = append(texts, strings.TrimSpace(strings.TrimSuffix(fmt.Sprintf("%s /notes/%s",
			s.method, s.id), "/")+" "+s.body))
	}
	return strings.Join(texts, ", then ")
}

// gate opens when all have come, or a moment after the first.
type gate struct {
	mu      sync.Mutex
	missing int
	open    chan struct{}
	timer   *time.Timer
}

func (g *gate) wait() {
	g.mu.Lock()
	g.missing--
	if g.timer == nil {
		g.timer = time.AfterFunc(300*time.Millisecond, sync.OnceFunc(func() { close(g.open) }))
	}
	if g.missing == 0 && g.timer.Stop() {
		close(g.open)
	}
	g.mu.Unlock()
	<-g.open
}

// slowBody arrives when the gate opens.
type slowBody struct {
	gate   *gate
	passed bool
	rest   io.Reader
}

func (s *slowBody) Read(p []byte) (int, error) {
	if !s.passed {
		s.passed = true
		s.gate.wait()
	}
	return s.rest.Read(p)
}

// pausedBody tells when its first half has been read, and waits before the second.
type pausedBody struct {
	half, goOn chan struct{}
	text       string
	read       int
}

func (p *pausedBody) Read(to []byte) (int, error) {
	end := len(p.text) / 2
	if p.read == end {
		close(p.half)
		<-p.goOn
	}
	if p.read >= end {
		end = len(p.text)
	}
	if p.read == end {
		return 0, io.EOF
	}
	n := copy(to, p.text[p.read:end])
	p.read += n
	return n, nil
}
