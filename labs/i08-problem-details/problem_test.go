package problem_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/secrecy"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	problem "github.com/backend-labs/backend-labs/labs/i08-problem-details"
)

// What the shop knows to go wrong. Each text is one that must not be told.
var (
	errSoldOut = errors.New("shelf 7 of warehouse east")
	errLimit   = errors.New("bucket of tenant 4711")
	errGone    = errors.New("row 12 of table items")
	errDown    = errors.New("warehouse.internal:8443")
	errNoon    = errors.New("warehouse.internal:8444")
	errClosed  = errors.New("connection 5 of 9")
)

var soldOut = problem.Problem{Type: "https://api.example.com/problems/sold-out",
	Title: "The item is sold out", Status: 409, Detail: `"Lamp" <b>& more</b> come on Friday`,
	Instance: "urn:req:not-this-one"}

func TestARegisteredErrorIsItsProblem(t *testing.T) {
	problem.Register(errSoldOut, soldOut)
	problem.Register(errGone, problem.Problem{Status: 410})
	problem.Register(errors.ErrUnsupported, problem.Problem{Status: 501, Title: "Not yet"})
	problem.Register(fs.ErrExist, problem.Problem{Status: 412})
	problem.Register(errClosed, problem.Problem{Status: 499})
	for _, err := range []error{
		errSoldOut,
		fmt.Errorf("place order: %w", fmt.Errorf("reserve: %w", errSoldOut)),
		errors.Join(errors.New("two things"), errSoldOut),
		fmt.Errorf("%w, %w", errGone, errSoldOut),
	} {
		got := write(err, "r-1", newLogbook())
		did := fmt.Sprintf("wrote the error %q, in which a registered one is wrapped", err)
		expect.That(t, got.status == 409, expect.Message{Did: did, Want: "the status 409, which it " +
			"was registered with", Got: got.String(), Why: "every layer adds its words with %w; " +
			"what the error is stays the same"})
		media := got.header.Values("Content-Type")
		expect.That(t, slices.Equal(media, []string{"application/problem+json"}), expect.Message{
			Did: did, Want: "the media type application/problem+json", Got: fmt.Sprintf("%q", media),
			Why: "by the media type a client knows that it may read the body as a problem"})
		wantMember(t, did, got, "type", soldOut.Type, "programs decide by the type")
		wantMember(t, did, got, "title", soldOut.Title, "")
		wantMember(t, did, got, "status", 409, "the body may be stored or passed on without its "+
			"status line")
		wantMember(t, did, got, "detail", soldOut.Detail, "a quote or a bracket in it is no end of it")
		wantMember(t, did, got, "instance", "urn:req:r-1", "it names this one request, not its kind")
	}
	for _, tt := range []struct {
		err           error
		status        int
		title, nature string
	}{
		{errGone, 410, "Gone", "only a status"},
		{errors.ErrUnsupported, 501, "Not yet", "a status and a title"},
		{fmt.Errorf("write: %w", syscall.EEXIST), 412, "Precondition Failed", "only a status, as errors.Is says"},
		{errClosed, 499, "", "only a status, which http.StatusText does not know"},
	} {
		got := write(tt.err, "r-2", newLogbook())
		did := "wrote an error that was registered with " + tt.nature
		expect.That(t, got.status == tt.status, expect.Message{Did: did,
			Want: fmt.Sprint("the status ", tt.status), Got: got.String()})
		wantMember(t, did, got, "type", "about:blank", "RFC 9457, 4.2.1: it says that there is "+
			"nothing to know beyond the status")
		wantMember(t, did, got, "title", tt.title, "")
		wantMember(t, did, got, "detail", nil, "an empty detail is one that somebody shows")
	}
	problem.Register(errNoon, problem.Problem{Status: 503, Detail: "It is back at noon",
		Ext: map[string]any{"until": "12:00"}})
	got := write(fmt.Errorf("10.1.2.3: %w", errNoon), "r-3", newLogbook())
	const did, why = "wrote an error that was registered with the status 503, a detail and an Ext",
		"what is registered is meant to be read, whoever has made the mistake"
	wantMember(t, did, got, "detail", "It is back at noon", why)
	wantMember(t, did, got, "until", "12:00", why)
}

func TestTheFirstRegisteredCounts(t *testing.T) {
	both := fmt.Errorf("%w: %w", errGone, errSoldOut)
	problem.Register(errSoldOut, soldOut)
	problem.Register(errGone, problem.Problem{Status: 410})
	problem.Register(errSoldOut, problem.Problem{Status: 503})
	outer := fmt.Errorf("the last one: %w", errSoldOut)
	problem.Register(outer, problem.Problem{Status: 404})
	for _, err := range []error{errSoldOut, both, outer, fmt.Errorf("order: %w", outer)} {
		got := write(err, "r-1", newLogbook())
		expect.That(t, got.status == 409, expect.Message{
			Did: fmt.Sprintf("wrote the error %q, which fits what was registered first, with 409, "+
				"and something later", err),
			Want: "409: the first that fits counts",
			Got:  got.String(),
			Why:  "whoever reads the list of registrations must be able to tell what happens",
		})
	}
}

func TestAllInvalidFieldsAtOnce(t *testing.T) {
	fields := problem.Invalid{{Pointer: "#/lines/1/qty", Detail: "must be at least 1"},
		{Pointer: "#/lines/0/sku", Detail: "is missing"}, {Pointer: "#/email", Detail: `has no "@"`}}
	given := slices.Clone(fields)
	first := write(fields, "r-1", newLogbook())
	for _, err := range []error{fields, fmt.Errorf("place order: %w", fields)} {
		got := write(err, "r-1", newLogbook())
		did := fmt.Sprintf("wrote the error %q: Invalid with three fields", err)
		expect.That(t, got.status == 422, expect.Message{Did: did, Want: "the status 422",
			Got: got.String(), Why: "the request was understood, and its content cannot be used"})
		wantMember(t, did, got, "errors", given, "told one at a time, five mistakes take five rounds; "+
			"and a pointer leads a program to the field in its form")
		wantMember(t, did, got, "status", 422, "")
	}
	other := write(problem.Invalid{{Pointer: "#/city", Detail: "is missing"}}, "r-2", newLogbook())
	for _, name := range []string{"type", "title"} {
		a, b := first.members()[name], other.members()[name]
		expect.That(t, a == b && a != nil && a != "", expect.Message{
			Did:  "wrote two errors with different invalid fields, and compared their " + name,
			Want: "the same for both", Got: fmt.Sprintf("%v and %v", a, b),
			Why: "programs decide by the type; what differs from one request to the next stands in " +
				"the member errors",
		})
	}
	for _, v := range []problem.Invalid{{}, nil} {
		noField(t, v)
	}
	many := problem.Invalid{{Pointer: "#/city", Detail: "is too long"}, {Pointer: "#/city", Detail: "is no city"},
		{Pointer: "#/city", Detail: "is too long"}, {Pointer: "#/zip"}, {Pointer: "", Detail: "is no order"}}
	for i := range 300 {
		many = append(many, problem.FieldError{Pointer: fmt.Sprintf("#/lines/%d", 299-i), Detail: "is missing"})
	}
	wantMember(t, "wrote an error that is Invalid and names 305 fields, one of them twice for two reasons and once more "+
		"for the first", write(many, "r-4", newLogbook()), "errors", many,
		"what is left out is found out in the next round, and a number of their own for each field is no longer theirs")
}

func noField(t *testing.T, v problem.Invalid) {
	t.Helper()
	none := write(v, "r-3", newLogbook())
	did := fmt.Sprintf("wrote an error that is Invalid and names no field (nil: %t)", v == nil)
	expect.That(t, none.status == 422, expect.Message{Did: did, Want: "the status 422: what is " +
		"Invalid is the client's mistake", Got: none.String(),
		Why: "whoever made the error has seen what is wrong; a 500 wakes somebody for it"})
	wantMember(t, did, none, "errors", []string{}, "who goes through the array finds one")
}

// noNumber and noJSON are what the standard library says of a text that does not fit.
func noNumber(text string) error {
	_, err := strconv.Atoi(text)
	return err
}

func noJSON(text string) error { return json.Unmarshal([]byte(text), &struct{ Qty int }{}) }

// mistakes is an error that cannot be the key of a map, nor be compared.
type mistakes []string

func (m mistakes) Error() string { return strings.Join(m, ", ") }

func TestWhatIsUnknownSaysNothing(t *testing.T) {
	problem.Register(errSoldOut, soldOut)
	problem.Register(errDown, problem.Problem{Status: 503, Title: "The warehouse does not answer"})
	for _, tt := range []struct {
		err    error
		status int
		title  string
	}{
		{errors.New("pq: password=hunter2 at 10.1.2.3"), 500, "Internal Server Error"},
		{fmt.Errorf("reserve: %v", errSoldOut), 500, "Internal Server Error"}, // no %w
		{fmt.Errorf("reserve: %w", context.DeadlineExceeded), 500, "Internal Server Error"},
		{fmt.Errorf("reserve: %w", context.Canceled), 500, "Internal Server Error"},
		{fmt.Errorf("reserve: %w", fs.ErrNotExist), 500, "Internal Server Error"},
		{fmt.Errorf("reserve: %w", fs.ErrPermission), 500, "Internal Server Error"},
		{fmt.Errorf("reserve: %w", &http.MaxBytesError{Limit: 9}), 500, "Internal Server Error"},
		{fmt.Errorf("reserve: %w", io.EOF), 500, "Internal Server Error"},
		{fmt.Errorf("reserve: %w", noNumber("one lamp")), 500, "Internal Server Error"},
		{fmt.Errorf("reserve: %w", noJSON(`{"qty":}`)), 500, "Internal Server Error"},
		{fmt.Errorf("reserve: %w", noJSON(`{"qty":"one"}`)), 500, "Internal Server Error"},
		{later{errors.New("reserve"), time.Second}, 500, "Internal Server Error"},
		{mistakes{"pq: password=hunter2"}, 500, "Internal Server Error"},
		{fmt.Errorf("10.1.2.3: %w", errDown), 503, "The warehouse does not answer"},
		{fmt.Errorf("10.1.2.3: %w", errSoldOut), 409, soldOut.Title},
	} {
		got := write(tt.err, "r-77", newLogbook())
		did := fmt.Sprintf("wrote the error %q", tt.err)
		expect.That(t, got.status == tt.status, expect.Message{Did: did,
			Want: fmt.Sprint("the status ", tt.status), Got: got.String()})
		wantMember(t, did, got, "title", tt.title, "")
		all := got.body + fmt.Sprint(got.header)
		for _, word := range []string{"pq:", "password", "hunter2", "10.1.2.3", "reserve", "shelf",
			"warehouse.internal"} {
			expect.That(t, !strings.Contains(all, word), expect.Message{Did: did,
				Want: "an answer that has not one word of it",
				Got:  fmt.Sprintf("%q in %s, headers %v", word, got, got.header),
				Why: "whoever can cause an error then reads your addresses and passwords; the text " +
					"is for the log, where those look who can do something about it"})
		}
		if tt.status == 500 {
			wantMember(t, did, got, "type", "about:blank", "")
			wantMember(t, did, got, "detail", nil, "there is nothing to tell that is not internal")
		}
		told := secrecy.Told(100, func(secret string) string {
			again := write(fmt.Errorf("password=%s: %w", secret, tt.err), "r-77", newLogbook())
			return again.body + fmt.Sprint(again.header)
		})
		expect.That(t, told == "", expect.Message{Did: did + ", wrapped with another password each time",
			Want: "the same answer, whatever is in the error, and in whatever form",
			Got:  told,
			Why:  "what is written in another way is read by whoever knows the way back"})
	}
}

func TestFailuresOfTheServerAreLoggedOnce(t *testing.T) {
	problem.Register(errDown, problem.Problem{Status: 503})
	problem.Register(errSoldOut, soldOut)
	errLeft := errors.New("the client has left")
	problem.Register(errLeft, problem.Problem{Status: 499, Title: "Client Closed Request"})
	for _, err := range []error{errors.New("pq: password=hunter2 at 10.1.2.3"),
		fmt.Errorf("reserve a lamp: %w", errDown), fmt.Errorf("reserve a lamp: %w", context.Canceled),
		errors.New("a stack: " + strings.Repeat("called from shop.go:7, ", 20_000) + "and that is all"),
		errors.Join(errors.New("reserve a lamp: no answer"), errors.New("and give it back: no answer"))} {
		log := newLogbook()
		got := write(err, "r-77", log)
		failures := log.failures(t)
		expect.That(t, len(failures) == 1 && finds(failures[0], err.Error(), "urn:req:r-77"),
			expect.Message{
				Did: fmt.Sprintf("wrote the error %q, a %d, and read the log", short(err.Error()), got.status),
				Want: "one record at the level Error, with the whole text of the error and " +
					"urn:req:r-77 in its attributes",
				Got: short(fmt.Sprintf("%d records: %q", len(failures), failures)),
				Why: "what the client may not see, the people on call need, and only the instance " +
					"leads from one to the other; what is logged twice is counted twice",
			})
	}
	afterTheClientLeft(t)
	for _, err := range []error{errSoldOut, problem.Invalid{{Pointer: "#/qty", Detail: "is missing"}},
		errLeft} {
		log := newLogbook()
		write(err, "r-78", log)
		expect.That(t, len(log.failures(t)) == 0, expect.Message{
			Did:  fmt.Sprintf("wrote the error %q, which is the client's mistake, and read the log", err),
			Want: "no record at the level Error",
			Got:  fmt.Sprintf("%q", log.failures(t)),
			Why:  "alarms hang on that level; one that rings for every typo is soon switched off",
		})
	}
	for status := 400; status <= 599; status++ {
		err := fmt.Errorf("registered as %d", status)
		problem.Register(err, problem.Problem{Status: status, Title: "An error of the shop"})
		log := newLogbook()
		write(err, "r-79", log)
		failures := log.failures(t)
		want := "no record at the level Error: that is the client's mistake"
		ok := len(failures) == 0
		if status >= 500 {
			want = "one record at the level Error, with the text of the error and urn:req:r-79 in its attributes"
			ok = len(failures) == 1 && finds(failures[0], err.Error(), "urn:req:r-79")
		}
		expect.That(t, ok, expect.Message{
			Did:  fmt.Sprintf("wrote an error that is registered with the status %d, and read the log", status),
			Want: want,
			Got:  short(fmt.Sprintf("%d records: %q", len(failures), failures)),
			Why:  "RFC 9110, 15: what a status means that one does not know its first digit says",
		})
	}
}

// afterTheClientLeft fails requests whose contexts have ended.
func afterTheClientLeft(t *testing.T) {
	t.Helper()
	for _, way := range []string{"writes an error", "panics"} {
		log := newLogbook()
		r := request("r-80")
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		h := problem.Recover(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if way == "panics" {
				panic("row 12")
			}
			problem.Write(w, r, errors.New("row 12"), log.Logger)
		}), log.Logger)
		var got answer
		went := panics(func() { got = serve(h, r.WithContext(ctx)) })
		failures := log.failures(t)
		expect.That(t, went == nil && got.status == 500 && len(failures) == 1 &&
			finds(failures[0], "row 12", "urn:req:r-80"), expect.Message{
			Did: fmt.Sprintf("served a handler that %s, for a request whose context has been cancelled", way),
			Want: "a problem with the status 500, and one record at the level Error, with the text and " +
				"urn:req:r-80 in its attributes",
			Got: short(fmt.Sprintf("%s; panic: %v; %d records: %q", got, went, len(failures), failures)),
			Why: "the client has left, perhaps because nothing works here; the mistake is still the program's"})
	}
}

// short keeps a failure readable.
func short(text string) string {
	if len(text) <= 200 {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes)", text[:150], len(text))
}

func TestTheTypeIsStable(t *testing.T) {
	problem.Register(errSoldOut, soldOut)
	kinds, instances := map[string]bool{}, map[string]bool{}
	const times = 50
	for i := range times {
		got := write(fmt.Errorf("order %d: %w", i, errSoldOut), fmt.Sprint("r-", i), newLogbook()).members()
		kinds[fmt.Sprint(got["type"], " ", got["title"])] = true
		instances[fmt.Sprint(got["instance"])] = true
	}
	expect.That(t, len(kinds) == 1 && len(instances) == times, expect.Message{
		Did:  "wrote the same registered error for 50 requests, each time in other words",
		Want: "one type and one title, and 50 different instances",
		Got:  fmt.Sprintf("%d kinds, %d instances", len(kinds), len(instances)),
		Why:  "a program cannot switch on a sentence that changes, nor can a person name one request of many by what is the same for all",
	})
	for _, id := range []string{"a/b:c", "7 of 9", "größe", "%41", "R-7"} {
		got := write(errSoldOut, id, newLogbook())
		wantMember(t, fmt.Sprintf("wrote an error for the request with the id %q", id), got, "instance",
			"urn:req:"+id, "the log has the id as it is; in another spelling nobody finds it")
	}
}

func TestExtensionMembers(t *testing.T) {
	ext := map[string]any{"type": "evil", "title": "evil", "status": 200, "detail": "evil",
		"instance": "evil", "errors": "evil", "retry_after": 7, "balance": 30, "owner": nil,
		"accounts": []string{"/account/1", "/account/2"}, "Type": "another",
		"left": 0, "blocked": false, "note": ""}
	p := problem.Problem{Type: "https://api.example.com/problems/no-credit", Status: 403, Ext: ext}
	problem.Register(errLimit, p)
	before := asJSON(ext)
	did := "wrote an error that was registered with Ext " + before
	got := write(errLimit, "r-9", newLogbook())
	const why = "an extension is a member like the others; one that could take the place of a " +
		"standard one would make clients believe it"
	wantMember(t, did, got, "balance", 30, why)
	wantMember(t, did, got, "accounts", ext["accounts"], why)
	const whyEmpty = "0, false and the empty text are said, too: who has registered them wants them read"
	wantMember(t, did, got, "left", 0, whyEmpty)
	wantMember(t, did, got, "blocked", false, whyEmpty)
	wantMember(t, did, got, "note", "", whyEmpty)
	_, there := got.members()["owner"]
	expect.That(t, there, expect.Message{Did: did, Want: "the member owner, which is null",
		Got: got.String(), Why: "null says that there is none; a member that is missing says nothing"})
	wantMember(t, did, got, "Type", "another", "member names differ by the case of a letter, too")
	wantMember(t, did, got, "errors", "evil", "no field of the request is invalid here, so nothing else has that name")
	wantMember(t, did, got, "type", p.Type, why)
	wantMember(t, did, got, "title", "Forbidden", why)
	wantMember(t, did, got, "status", 403, why)
	wantMember(t, did, got, "detail", nil, why)
	wantMember(t, did, got, "instance", "urn:req:r-9", why)

	slow := write(later{errLimit, 3 * time.Second}, "r-10", newLogbook())
	wantMember(t, did+", and asked to come again in 3 s", slow, "retry_after", 3,
		"what the error itself says is about this request")
	expect.That(t, asJSON(ext) == before, expect.Message{
		Did:  did + ", and looked at that map afterwards",
		Want: "it is as it was", Got: asJSON(ext),
		Why: "it is shared by all requests with this error: what is written into it shows up in " +
			"other people's answers",
	})
	again := write(errLimit, "r-11", newLogbook())
	wantMember(t, "wrote the same error once more, this time without RetryAfter", again,
		"retry_after", 7, "what one request has got is no business of the next")
}

// later asks to come again after a while.
type later struct {
	error
	after time.Duration
}

func (l later) RetryAfter() time.Duration { return l.after }
func (l later) Unwrap() error             { return l.error }

func TestRetryAfter(t *testing.T) {
	problem.Register(errLimit, problem.Problem{Status: 429})
	for _, tt := range []struct {
		after time.Duration
		want  any
	}{
		{1200 * time.Millisecond, 2}, {2 * time.Second, 2}, {time.Millisecond, 1},
		{time.Nanosecond, 1}, {time.Second, 1}, {time.Second + 1, 2}, {90 * time.Minute, 5400},
		{1<<63 - 1, 9223372037}, {1e9*time.Second + 1, 1000000001}, {0, nil}, {-time.Second, nil}, {-time.Nanosecond, nil},
	} {
		for _, err := range []error{later{errLimit, tt.after},
			fmt.Errorf("tenant 9: %w", later{errLimit, tt.after}),
			errors.Join(errors.New("tenant 9"), later{errLimit, tt.after})} {
			got := write(err, "r-1", newLogbook())
			did := fmt.Sprintf("wrote an error that says RetryAfter %v", tt.after)
			if _, bare := err.(later); !bare {
				did += fmt.Sprintf(", wrapped in another one (%T)", err)
			}
			wantMember(t, did, got, "retry_after", tt.want, "")
			header := got.header.Values("Retry-After")
			ok := len(header) == 0
			if tt.want != nil {
				ok = slices.Equal(header, []string{fmt.Sprint(tt.want)})
			}
			want := "no header Retry-After"
			if tt.want != nil {
				want = fmt.Sprintf("the header Retry-After: %v", tt.want)
			}
			expect.That(t, ok, expect.Message{Did: did, Want: want, Got: fmt.Sprintf("%q", header),
				Why: "the header has whole seconds; rounded down, all who obey it come too early, " +
					"and at the same time"})
		}
	}
	got := write(fmt.Errorf("db: %w", later{errors.New("busy"), 2 * time.Second}), "r-1", newLogbook())
	wantMember(t, "wrote an error that is not registered and says RetryAfter 2s", got, "retry_after", 2, "")
	field := problem.Invalid{{Pointer: "#/slot", Detail: "is taken until noon"}}
	got = write(later{field, 2 * time.Second}, "r-1", newLogbook())
	const did = "wrote an error that is Invalid and says RetryAfter 2s"
	const why = "what is the client's mistake now may be none in a while; both were said"
	wantMember(t, did, got, "retry_after", 2, why)
	wantMember(t, did, got, "errors", field, why)
	expect.That(t, got.header.Get("Retry-After") == "2", expect.Message{Did: did, Want: "Retry-After: 2",
		Got: fmt.Sprintf("%q", got.header.Values("Retry-After")), Why: why})
	saidOnce(t)
	got = write(later{errLimit, 2 * time.Second}, "r-1", newLogbook(), "Retry-After", "120")
	header := got.header.Values("Retry-After")
	expect.That(t, slices.Equal(header, []string{"2"}), expect.Message{
		Did:  "wrote an error that says RetryAfter 2s into an answer whose header Retry-After had been set to 120",
		Want: "Retry-After: 2, and no other", Got: fmt.Sprintf("%q", header),
		Why: "of two headers a client obeys the first or the last, and its body says something else"})
}

// sooner asks for another time whenever it is asked.
type sooner struct {
	error
	left *time.Duration
}

func (s sooner) RetryAfter() time.Duration {
	*s.left -= 10 * time.Second
	return *s.left
}

// saidOnce compares what header and body say of a wait that ends by and by.
func saidOnce(t *testing.T) {
	t.Helper()
	left := time.Hour
	got := write(sooner{errLimit, &left}, "r-1", newLogbook())
	header, member := got.header.Values("Retry-After"), got.members()["retry_after"]
	expect.That(t, member != nil && slices.Equal(header, []string{fmt.Sprint(member)}), expect.Message{
		Did:  "wrote an error whose RetryAfter returns 10 s less at each call",
		Want: "Retry-After and the member retry_after with one and the same number",
		Got:  fmt.Sprintf("Retry-After: %q, retry_after: %v", header, member),
		Why:  "who computes it from the clock returns less each time; a client that reads the one and a proxy that reads the other disagree"})
}

func TestHeadersOfAnotherBodyGo(t *testing.T) {
	got := write(errors.New("boom"), "r-1", newLogbook(), "Content-Length", "5000",
		"Content-Encoding", "gzip", "ETag", `"v7"`, "Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT",
		"Cache-Control", "public, max-age=3600", "Content-Type", "text/csv",
		"X-Request-Id", "r-1", "Vary", "Accept-Language",
		"Content-Security-Policy", "default-src 'none'", "Content-Language", "en", "Set-Cookie", "theme=dark", "Set-Cookie", "lang=en",
		"Expires", "Mon, 02 Jan 2006 15:04:05 GMT", "Content-Disposition", "attachment", "Content-Range", "bytes 0-9/10")
	const did = "wrote an error into an answer whose headers had been set for a compressed, " +
		"cached file of 5000 bytes"
	for _, name := range []string{"Content-Length", "Content-Encoding", "ETag", "Last-Modified",
		"Cache-Control"} {
		expect.That(t, len(got.header.Values(name)) == 0, expect.Message{Did: did,
			Want: "no header " + name, Got: fmt.Sprintf("%s: %q", name, got.header.Values(name)),
			Why: "a client that believes it cannot read the problem, or keeps it for an hour"})
	}
	expect.That(t, got.header.Get("Content-Type") == "application/problem+json", expect.Message{
		Did: did, Want: "the media type application/problem+json", Got: got.header.Get("Content-Type")})
	for _, h := range [][2]string{{"X-Request-Id", "r-1"}, {"Vary", "Accept-Language"}, {"Set-Cookie", "theme=dark, lang=en"},
		{"Content-Security-Policy", "default-src 'none'"}, {"Content-Language", "en"}, {"Expires", "Mon, 02 Jan 2006 15:04:05 GMT"},
		{"Content-Disposition", "attachment"}, {"Content-Range", "bytes 0-9/10"}} {
		name, want := h[0], h[1]
		expect.That(t, strings.Join(got.header.Values(name), ", ") == want, expect.Message{Did: did,
			Want: fmt.Sprintf("%s: %s, as it was set", name, want),
			Got:  fmt.Sprintf("%s: %q", name, got.header.Values(name)),
			Why:  "the contract names five that go; what others mean to this service only it can know"})
	}
}

// TestTheSupportCall fails 200 requests at once, and goes from what a user has to the log and back.
func TestTheSupportCall(t *testing.T) {
	problem.Register(errDown, problem.Problem{Status: 503})
	log := newLogbook()
	const calls = 200
	answers := make([]answer, calls)
	var wg sync.WaitGroup
	h := problem.Recover(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := problem.RequestID(r.Context())
		if strings.HasSuffix(id, "7") {
			panic("order of " + id)
		}
		problem.Write(w, r, fmt.Errorf("order of %s: %w", id, errDown), log.Logger)
	}), log.Logger)
	for i := range calls {
		wg.Go(func() { answers[i] = serve(h, request(fmt.Sprint("r-", i))) })
	}
	wg.Wait()
	records := log.failures(t)
	for i, got := range answers {
		instance, _ := got.members()["instance"].(string)
		order := fmt.Sprintf("order of r-%d", i)
		tl := timeline.New("user", "log")
		tl.Point("user", "reads out %q", instance)
		found := 0
		for _, r := range records {
			if slices.ContainsFunc(r, func(v string) bool { return v == instance }) {
				found++
				tl.Point("log", "%s", strings.Join(r, ", "))
			}
		}
		ok := instance != "" && found == 1 && slices.ContainsFunc(records, func(r []string) bool {
			return slices.Contains(r, instance) && slices.ContainsFunc(r, func(v string) bool {
				return strings.HasSuffix(strings.TrimSuffix(v, ": "+errDown.Error()), order)
			})
		})
		if !ok {
			tl.Point("log", "%d records of it, and not of %q", found, order).Breaks()
		}
		expect.That(t, ok, expect.Message{
			Did: fmt.Sprintf("failed 200 requests at once, took the instance %q from the answer to "+
				"request r-%d, and looked for it in the log", instance, i),
			Want:    "exactly one record has it, and says what went wrong: " + order,
			Got:     fmt.Sprintf("%d records", found),
			Why:     "an id that does not lead to one record is a decoration",
			Picture: tl,
		})
	}
	expect.That(t, len(records) == calls, expect.Message{
		Did:  "failed 200 requests at once, and counted the records at the level Error",
		Want: "200: each leads back to what one user saw", Got: fmt.Sprint(len(records)),
	})
}
