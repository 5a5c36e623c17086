package docs_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	docs "github.com/backend-labs/backend-labs/labs/i17-status-2xx"
)

// stage is where four clients work that know nothing of this API but its paths: they go by status
// and headers alone.
type stage struct {
	client *http.Client
	tl     *timeline.Timeline
}

func TestFourClientsThatKnowNothing(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := newStore()
		st := stage{memhttp.Serve(t, docs.Documents(s)).Client(),
			timeline.New("importer", "copies", "cache", "browser")}
		st.importer(t, s)
		st.copies(t)
		st.cache(t)
		st.browser(t)
		expect.Show(t, "what four clients made of your answers", st.tl)
	})
}

// step draws what a client makes of its answers, and whether that is right.
func (st stage) step(ok bool, lane, format string, args ...any) {
	if p := st.tl.Point(lane, format, args...); !ok {
		p.Breaks()
	}
}

// importer brings three documents, each of them twice, as somebody does who has lost an answer.
func (st stage) importer(t *testing.T, s *store) {
	created, there, lost := 0, 0, 0
	for i := range 6 {
		got := over(t, st.client, "POST", "/docs", fmt.Sprintf(`{"slug":"s%d","text":"t"}`, i/2))
		switch {
		case got.status == 201 && where(t, "/docs", got) != "":
			created++
		case got.status == 200 || got.status == 409:
			there++
		default:
			lost++
		}
	}
	ok := created == 3 && there == 3 && s.count() == 3
	st.step(ok, "importer", "%d new, %d known, %d unclear", created, there, lost)
	expect.That(t, ok, expect.Message{
		Did:     "let an importer bring three documents, each of them twice",
		Want:    "it counts 3 as created, with a Location, and 3 as known",
		Got:     fmt.Sprintf("%d created, %d known, %d of which it cannot tell", created, there, lost),
		Why:     "its report says how many are new, and its next run begins where it says",
		Picture: st.tl})
}

// copies keeps what it has written: the body of an answer, or, where there is none, what it gets.
func (st stage) copies(t *testing.T) {
	for i, want := range []string{"created", "replaced"} {
		got := over(t, st.client, "PUT", "/docs/c", fmt.Sprintf(`{"slug":"c","text":" v%d "}`, i))
		copied, what := got.body, "replaced"
		if got.status == 201 {
			what = "created"
		}
		if got.status == 204 {
			copied = over(t, st.client, "GET", "/docs/c", "").body
		}
		is := over(t, st.client, "GET", "/docs/c", "")
		ok := what == want && sameJSON(copied, is.body)
		st.step(ok, "copies", "%s: %s", what, got.brief())
		expect.That(t, ok, expect.Message{
			Did: "let a program that keeps copies PUT a document for the " +
				[]string{"first", "second"}[i] + " time",
			Want: want + ", and a copy like " + is.body,
			Got:  what + ", and the copy " + copied, Picture: st.tl,
			Why: "it takes the body of a 200 or 201 for the document, and asks again after a 204"})
	}
}

// cache keeps what was created, with its tag, until somebody deletes it.
func (st stage) cache(t *testing.T) {
	got := over(t, st.client, "POST", "/docs", `{"slug":"k","text":" kept "}`)
	to := where(t, "/docs", got)
	is := over(t, st.client, "GET", to, "")
	ok := got.status == 201 && got.header.Get("ETag") != "" && sameJSON(got.body, is.body) &&
		got.header.Get("ETag") == is.header.Get("ETag")
	st.step(ok, "cache", "keeps %s: %t", to, ok)
	gone := over(t, st.client, "DELETE", to, "")
	after := over(t, st.client, "GET", to, "")
	dropped := gone.status == 204 && after.status == 404
	st.step(dropped, "cache", "drops it: %d", gone.status)
	expect.That(t, ok && dropped, expect.Message{
		Did:  "let a cache keep a new document under its Location, and drop it when it is deleted",
		Want: "what it keeps is what GET gives, with its ETag; then 204, then 404",
		Got:  fmt.Sprintf("%s; GET: %s; then %d, then %d", got, is, gone.status, after.status),
		Why:  "with the tag of the 201 the first GET costs nothing", Picture: st.tl})
}

// browser submits the form of an export, shows the way to its monitor and goes where it is led.
func (st stage) browser(t *testing.T) {
	got := over(t, st.client, "POST", "/exports", "")
	at, asked := where(t, "/exports", got), 0
	for got.status != 303 && at != "" && asked < 10 {
		time.Sleep(2 * time.Second)
		got = over(t, st.client, "GET", at, "")
		asked++
	}
	shown := answer{}
	if to := where(t, at, got); to != "" {
		shown = over(t, st.client, "GET", to, "")
	}
	ok := shown.status == 200 && asked == 3
	st.step(ok, "browser", "asked %d times: %s", asked, shown.brief())
	expect.That(t, ok, expect.Message{
		Did:  "let a browser submit an export, which takes 5 s, and reload its monitor every 2 s",
		Want: "after the third time it shows the result",
		Got:  fmt.Sprintf("after %d times it shows %s", asked, shown),
		Why:  "303 takes everybody to the result, who knows that word of HTTP", Picture: st.tl})
}

// brief is an answer for a picture.
func (a answer) brief() string {
	if a.body == "" {
		return fmt.Sprint(a.status, ", no body")
	}
	return fmt.Sprint(a.status, ", a body")
}
