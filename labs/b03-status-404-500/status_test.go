package status_test

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	"github.com/backend-labs/backend-labs/harness/kit/secrecy"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	status "github.com/backend-labs/backend-labs/labs/b03-status-404-500"
)

var lamp, sofa = status.Item{ID: "7", Name: "lamp"}, status.Item{ID: "8", Name: "sofa"}

// errDatabase is a failure as a database driver describes it.
var errDatabase = errors.New("pq: permission denied for table items")

func TestItemsAreServed(t *testing.T) {
	type key struct{}
	var ids []string
	ours := true
	s := &shop{
		find: func(ctx context.Context, id string) (status.Item, error) {
			ids = append(ids, id)
			ours = ours && ctx.Value(key{}) == "this request"
			return lamp, nil
		},
		list: func(ctx context.Context) ([]status.Item, error) {
			ours = ours && ctx.Value(key{}) == "this request"
			return []status.Item{sofa, lamp}, nil
		},
	}
	ctx := context.WithValue(t.Context(), key{}, "this request")

	one := s.get(t, ctx, "/items/7")
	// A map, for a struct takes names in any case.
	item, sold := map[string]string{"ID": "7", "Name": "lamp"}, map[string]string{}
	err := json.Unmarshal([]byte(one.body), &sold)
	expect.That(t, one.status == 200 && err == nil && maps.Equal(sold, item), expect.Message{
		Did:  "asked for GET /items/7, which find has",
		Want: `200 and the item: {"ID":"7","Name":"lamp"}`,
		Got:  one.String(),
		Why:  "to a client that looks for \"Name\", \"name\" is another member",
	})
	wantJSON(t, "/items/7", one)
	expect.That(t, slices.Equal(ids, []string{"7"}), expect.Message{
		Did:  "asked for GET /items/7",
		Want: `find called once, with the id "7"`,
		Got:  fmt.Sprintf("find called with %q", ids),
	})
	s.get(t, ctx, "/items/Ab%20")
	expect.That(t, slices.Equal(ids, []string{"7", "Ab "}), expect.Message{
		Did:  "asked for GET /items/7 and GET /items/Ab%20",
		Want: `find called with the ids "7" and "Ab "`,
		Got:  fmt.Sprintf("find called with %q", ids),
		Why:  "each letter of an id counts: changed on the way, it is that of another item, or of none",
	})
	ids = nil
	var wantIDs []string
	for _, one := range []struct{ path, id string }{
		{"/items/a+b", "a+b"}, {"/items/50%25", "50%"}, {"/items/%2541", "%41"},
		{"/items/%C3%A9", "é"}, {"/items/7?id=8", "7"}, {"/items/007", "007"},
		{"/items/" + strings.Repeat("x", 300), strings.Repeat("x", 300)},
	} {
		got := s.get(t, ctx, one.path)
		wantIDs = append(wantIDs, one.id)
		expect.That(t, got.status == 200 && slices.Equal(ids, wantIDs), expect.Message{
			Did:  "asked for GET " + one.path,
			Want: fmt.Sprintf("find called with the id %q, and 200", one.id),
			Got:  fmt.Sprintf("%s; find called with %q", got, ids[min(len(ids), len(wantIDs)-1):]),
			Why: "what is an id the store decides; in a path the escapes of RFC 3986 are resolved, " +
				"once, and nothing else",
		})
	}
	for _, odd := range []status.Item{{}, {ID: " 7 ", Name: `<b>"Lamp" & Co `}} {
		got := (&shop{find: func(context.Context, string) (status.Item, error) { return odd, nil }}).get(t, ctx, "/items/7")
		sold := map[string]string{}
		err := json.Unmarshal([]byte(got.body), &sold)
		expect.That(t, got.status == 200 && err == nil &&
			maps.Equal(sold, map[string]string{"ID": odd.ID, "Name": odd.Name}), expect.Message{
			Did:  fmt.Sprintf("asked for GET /items/7, for which find returned %+q and no error", odd),
			Want: "200 and that item, as it is",
			Got:  got.String(),
			Why:  "whether there is such an item the error says, and not what is in it",
		})
	}
	wantAskedAgain(t)
	wantNoneWaits(t)
	all := s.get(t, ctx, "/items")
	var items []status.Item
	err = json.Unmarshal([]byte(all.body), &items)
	expect.That(t, all.status == 200 && err == nil &&
		slices.Equal(items, []status.Item{sofa, lamp}), expect.Message{
		Did:  "asked for GET /items, of which list has two",
		Want: "200 and an array of the two, in list's order",
		Got:  all.String(),
	})
	wantJSON(t, "/items", all)
	many := make([]status.Item, 12_000)
	for i := range many {
		many[i].ID = strconv.Itoa(i / 2) // each of them twice
	}
	big := &shop{list: func(context.Context) ([]status.Item, error) { return many, nil }}
	all, items = big.get(t, ctx, "/items"), nil
	err = json.Unmarshal([]byte(all.body), &items)
	expect.That(t, all.status == 200 && err == nil && slices.Equal(items, many), expect.Message{
		Did:  "asked for GET /items, of which list has 12000",
		Want: "200 and an array of the 12000, in list's order",
		Got:  fmt.Sprintf("%d and an array of %d", all.status, len(items)),
		Why:  "an array that ends early looks like a whole one: nobody asks for the rest",
	})
	odd := []status.Item{{}, {ID: " 7 ", Name: `<b>"Lamp" & Co `}, {}}
	list := func(context.Context) ([]status.Item, error) { return slices.Clone(odd), nil }
	got := (&shop{list: list}).get(t, ctx, "/items")
	var oddly []status.Item
	oddErr := json.Unmarshal([]byte(got.body), &oddly)
	expect.That(t, got.status == 200 && oddErr == nil && slices.Equal(oddly, odd), expect.Message{
		Did:  fmt.Sprintf("asked for GET /items, for which list returned %+q and no error", odd),
		Want: "200 and these items, as they are",
		Got:  got.String(),
		Why:  "what is an item the store decides; one that is left out is taken for one that is no longer sold",
	})
	expect.That(t, ours, expect.Message{
		Did: "asked for GET /items/7 and GET /items, and looked at the contexts that find and " +
			"list were called with",
		Want: "the request's context, or one made from it",
		Got:  "another one",
		Why: "the request's context ends when the client goes away; a query under another one " +
			"runs on for nobody",
	})
	expect.That(t, status.StatusFor(nil) == 200, expect.Message{
		Did: "asked StatusFor(nil)", Want: "200: nothing has failed",
		Got: fmt.Sprint(status.StatusFor(nil)),
	})
	for _, path := range []string{"/items/7", "/items"} {
		var limit time.Time
		limited := false
		look := func(ctx context.Context) error {
			limit, limited = ctx.Deadline()
			return nil
		}
		(&shop{
			find: func(ctx context.Context, _ string) (status.Item, error) { return lamp, look(ctx) },
			list: func(ctx context.Context) ([]status.Item, error) { return nil, look(ctx) },
		}).get(t, context.WithoutCancel(ctx), path)
		expect.That(t, !limited, expect.Message{
			Did: "asked for GET " + path + " with a request whose context has no deadline, and looked at the context " +
				"that the store was called with",
			Want: "no deadline: it ends when the request's does",
			Got:  fmt.Sprintf("a deadline in %v", time.Until(limit).Round(time.Millisecond)),
			Why:  "how long an answer is worth waiting for is not decided here; a slow store would become a 504",
		})
		ctx, hangUp := context.WithCancel(t.Context())
		var ended error
		hangsUp := func(ctx context.Context) error {
			hangUp()
			ended = ctx.Err()
			return ended
		}
		(&shop{
			find: func(ctx context.Context, _ string) (status.Item, error) { return lamp, hangsUp(ctx) },
			list: func(ctx context.Context) ([]status.Item, error) { return nil, hangsUp(ctx) },
		}).get(t, ctx, path)
		expect.That(t, ended != nil, expect.Message{
			Did: "asked for GET " + path + ", hung up while the store was at work, and looked at " +
				"the context that it was called with",
			Want: "it has ended with the request's",
			Got:  "it lives",
			Why:  "a query for a client that has gone away keeps the database busy for nobody",
		})
	}
}

// wantNoneWaits asks the same handler ten times at once, of a store that takes a second.
func wantNoneWaits(t *testing.T) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		s := &shop{
			find: func(context.Context, string) (status.Item, error) {
				time.Sleep(time.Second)
				return lamp, nil
			},
			list: func(context.Context) ([]status.Item, error) {
				time.Sleep(time.Second)
				return []status.Item{lamp}, nil
			},
		}
		h := s.handler(t)
		began := time.Now()
		var wg sync.WaitGroup
		for i := range 10 {
			wg.Go(func() { s.ask(t.Context(), h, []string{"/items/7", "/items"}[i%2]) })
		}
		wg.Wait()
		took := time.Since(began)
		expect.That(t, took < 2*time.Second, expect.Message{
			Did:  "asked the same handler ten times at once, for GET /items/7 and GET /items; find and list take 1 s each",
			Want: "all answered after 1 s: none waits for another",
			Got:  fmt.Sprintf("the last one after %v", took),
			Why:  "one slow query of the store would hold up everybody",
		})
	})
}

// wantAskedAgain asks the same handler several times, while the shop changes.
func wantAskedAgain(t *testing.T) {
	t.Helper()
	var now status.Item
	var failure error
	s := &shop{
		find: func(context.Context, string) (status.Item, error) { return now, failure },
		list: func(context.Context) ([]status.Item, error) { return []status.Item{now}, failure },
	}
	h := s.handler(t)
	for _, path := range []string{"/items/7", "/items"} {
		for i, name := range []string{"lamp", "", "large lamp"} {
			now, failure = status.Item{ID: "7", Name: name}, nil
			want, what := 200, fmt.Sprintf("the store had %q", name)
			if name == "" {
				failure = errDatabase
				want, what = 500, fmt.Sprintf("the store returned the error %q", errDatabase)
			}
			got := s.ask(t.Context(), h, path)
			expect.That(t, got.status == want && (want == 500 ||
				strings.Contains(got.body, strconv.Quote(name))), expect.Message{
				Did:  fmt.Sprintf("asked the same handler for GET %s, time %d, when %s", path, i+1, what),
				Want: fmt.Sprintf("%d, by what the store says now", want),
				Got:  got.String(),
				Why:  "each request is answered by what the store returns for it, whatever was before",
			})
		}
	}
}

func wantJSON(t *testing.T, path string, a answer) {
	t.Helper()
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	expect.That(t, kind == "application/json", expect.Message{
		Did:  "asked for GET " + path + ", and looked at its Content-Type",
		Want: "application/json, with parameters or without",
		Got:  strconv.Quote(a.header.Get("Content-Type")),
		Why: "without it net/http guesses text/plain from the first bytes, and clients that go by " +
			"the header do not decode the body",
	})
}

func TestAnEmptyListIsThereAndAnUnknownRouteIsNot(t *testing.T) {
	for what, none := range map[string][]status.Item{"an empty slice": {}, "a nil slice": nil} {
		s := &shop{list: func(context.Context) ([]status.Item, error) { return none, nil }}
		got := s.get(t, t.Context(), "/items")
		did := "asked for GET /items of a shop that sells nothing yet: list returned " + what +
			" and no error"
		expect.That(t, got.status == 200, expect.Message{
			Did:  did,
			Want: "200: the list is there, it is just empty",
			Got:  got.String(),
			Why: "404 says that there is nothing at this address; a client that reads it will " +
				"think that it has the wrong URL, or that its shop is gone",
		})
		expect.That(t, strings.Join(strings.Fields(got.body), "") == "[]", expect.Message{
			Did:  did,
			Want: "the body []: an array of no items",
			Got:  got.String(),
			Why: "clients loop over the array without asking; null or nothing at all makes " +
				"them crash on the day when the shop is empty",
		})
		wantJSON(t, "/items of a shop that sells nothing yet", got)
		expect.That(t, len(s.reported()) == 0, expect.Message{
			Did:  did,
			Want: "nothing reported: nothing has failed",
			Got:  quoted(s.reported()),
			Why:  "a shop that is empty is no reason to wake somebody",
		})
	}
	for _, path := range []string{"/", "/nope", "/item", "/items/7/parts", "/items/", "/items/7/",
		"/itemss", "/Items", "/ITEMS/7", "/item/7", "/v1/items", "/healthz", "/metrics",
		"/favicon.ico", "/robots.txt", "/index.html"} {
		s := &shop{find: func(context.Context, string) (status.Item, error) { return lamp, nil }}
		got := s.get(t, t.Context(), path)
		expect.That(t, got.status == 404, expect.Message{
			Did:  "asked for GET " + path + ", a path that this API does not have",
			Want: "404: there is nothing at this address",
			Got:  got.String(),
			Why: "the request is well-formed and the server is well; it is only that this " +
				"resource does not exist",
		})
	}
}

func TestAMissingItemIs404(t *testing.T) {
	for _, err := range []error{
		status.ErrNotFound,
		fmt.Errorf("load %s: %w", "7", status.ErrNotFound),
		fmt.Errorf("page: %w", fmt.Errorf("load: %w", status.ErrNotFound)),
		errors.Join(errors.New("looked in two places"), status.ErrNotFound),
		missing{},
	} {
		wantStatusFor(t, err, 404, "an error that is or wraps ErrNotFound")
		for _, path := range []string{"/items/7", "/items"} {
			got := failing(err).get(t, t.Context(), path)
			expect.That(t, got.status == 404, expect.Message{
				Did: fmt.Sprintf("asked for GET %s, for which the store returned %s", path,
					describe(err)),
				Want: "404: what was asked for is not here",
				Got:  got.String(),
				Why:  "every layer adds its words to an error with %w; what the error is stays the same",
			})
		}
	}
}

func TestAnInvalidIDIs400(t *testing.T) {
	for _, err := range []error{status.ErrInvalidID, fmt.Errorf("parse: %w", status.ErrInvalidID)} {
		wantStatusFor(t, err, 400, "an error that is or wraps ErrInvalidID")
		for _, path := range []string{"/items/seven", "/items"} {
			got := failing(err).get(t, t.Context(), path)
			expect.That(t, got.status == 400, expect.Message{
				Did: fmt.Sprintf("asked for GET %s, for which the store returned %s", path,
					describe(err)),
				Want: "400: the request itself is malformed",
				Got:  got.String(),
				Why: "nothing ever had or will have this id; the client must correct its request, " +
					"and a 404 would send it looking for a lost item",
			})
		}
	}
}

func TestTheCallersMistakesWakeNobody(t *testing.T) {
	for _, one := range []struct {
		what, path string
		err        error
	}{
		{"a missing item", "/items/7", fmt.Errorf("load: %w", status.ErrNotFound)},
		{"an invalid id", "/items/seven", status.ErrInvalidID},
		{"a list that is not there", "/items", fmt.Errorf("load: %w", status.ErrNotFound)},
		{"a path that does not exist", "/wp-login.php", nil},
		{"an item that is there", "/items/7", nil},
	} {
		s := failing(one.err)
		s.get(t, t.Context(), one.path)
		expect.That(t, len(s.reported()) == 0, expect.Message{
			Did:  "asked for " + one.what + " and counted the calls of report",
			Want: "none: the server did all that it should",
			Got:  fmt.Sprintf("%d: %s", len(s.reported()), quoted(s.reported())),
			Why: "report wakes a person; crawlers ask for missing pages all night, and a pager " +
				"that rings for them is soon muted for the real failures, too",
		})
	}
	s := failing(errDatabase)
	s.get(t, t.Context(), "/items/7")
	expect.That(t, len(s.reported()) > 0, expect.Message{
		Did: fmt.Sprintf("asked for GET /items/7, for which find returned %q, and counted the "+
			"calls of report", errDatabase),
		Want: "one: this is not the caller's mistake",
		Got:  "none",
		Why:  "the shop is down, and nobody knows",
	})
}

func TestAnyOtherFailureIsA500AndReportedOnce(t *testing.T) {
	for _, err := range []error{errDatabase, io.EOF, io.ErrUnexpectedEOF, os.ErrDeadlineExceeded, fs.ErrNotExist,
		sql.ErrNoRows, fmt.Errorf("query: %w", errDatabase)} {
		wantStatusFor(t, err, 500, "an error that is none of the known ones")
		for _, path := range []string{"/items/7", "/items"} {
			s := failing(err)
			got := s.get(t, t.Context(), path)
			did := fmt.Sprintf("asked for GET %s, for which the store returned the error %q", path,
				err)
			expect.That(t, got.status == 500, expect.Message{
				Did:  did,
				Want: "500: the request was fine and the server failed",
				Got:  got.String(),
				Why: "the status says who must look for the mistake; a client that is told " +
					"anything but a 5xx believes it and, say, deletes its copy of an item, " +
					"while it is you who is down",
			})
			expect.That(t, s.calls == 1, expect.Message{
				Did:  did + ", and counted the calls of the store",
				Want: "one",
				Got:  strconv.Itoa(s.calls),
				Why: "a store that fails under load gets twice the load from whoever asks it twice; whether to ask " +
					"again the caller decides, who knows how long it can wait",
			})
			wantReport(t, s, err, did,
				"a failure that is not reported is found by the customers; one that is reported "+
					"twice makes every number in every graph wrong")
		}
	}
	s := failing(errDatabase)
	h := s.handler(t)
	var bodies []string
	for i, path := range []string{"/items/7", "/items/7", "/items", "/items/8"} {
		bodies = append(bodies, s.ask(t.Context(), h, path).body)
		expect.That(t, len(s.reported()) == i+1 && bodies[i] == bodies[0], expect.Message{
			Did: fmt.Sprintf("asked the same handler %d times, last for GET %s; each time the store "+
				"returned the error %q", i+1, path, errDatabase),
			Want: fmt.Sprintf("%d calls of report, one for each, and the same body each time", i+1),
			Got:  fmt.Sprintf("%d calls; bodies %q", len(s.reported()), bodies),
			Why: "how often it fails decides who is woken; whoever counts reports takes what is " +
				"told once for over",
		})
	}
}

func TestTheTextOfAnErrorDoesNotMatter(t *testing.T) {
	for _, text := range []string{`relation "items" not found`, "not found", "host db-3 NOT FOUND",
		"invalid id", "context deadline exceeded"} {
		err := errors.New(text)
		why := "a database that is broken says \"not found\" as well, of a table, a host, a " +
			"file; taken for a missing item, the outage looks like a careless client, and " +
			"nobody is woken"
		got := status.StatusFor(err)
		expect.That(t, got == 500, expect.Message{
			Did: fmt.Sprintf(
				"asked StatusFor for errors.New(%q), which is no error of this package, "+
					"whatever it says", text),
			Want: "500: nothing is known about this error",
			Got:  fmt.Sprint(got),
			Why:  why,
		})
		one := failing(err).get(t, t.Context(), "/items/7")
		expect.That(t, one.status == 500, expect.Message{
			Did: fmt.Sprintf("asked for GET /items/7, for which find returned errors.New(%q)",
				text),
			Want: "500: nothing is known about this error",
			Got:  one.String(),
			Why:  why,
		})
	}
}

func TestInternalsStayInside(t *testing.T) {
	var secret error = dialError("dial tcp 10.0.0.5:5432: password=hunter2")
	firsts := map[int]string{} // the body of the first 500 and of the first 504
	for _, one := range []struct {
		what  string
		store func(error) *shop
		err   error
	}{
		{"failed with", failing, secret},
		{"failed with", failing, fmt.Errorf("query: %w", secret)},
		{"timed out with", failing, fmt.Errorf("%w: %w", secret, context.DeadlineExceeded)},
		{"panicked with", func(err error) *shop { return panicking(err) }, secret},
	} {
		for _, path := range []string{"/items/7", "/items"} {
			s := one.store(one.err)
			got := s.get(t, t.Context(), path)
			if got.panicked != nil {
				continue // there is a check of its own for this
			}
			did := fmt.Sprintf("asked for GET %s while the store %s %q", path, one.what, one.err)
			head := fmt.Sprint(got.header)
			for _, word := range []string{"dial", "tcp", "10.0.0.5", "5432", "password",
				"hunter2", "dialError", "wrapError"} {
				expect.That(t, !strings.Contains(got.body+head, word), expect.Message{
					Did:  did,
					Want: "an answer that has not one word of it",
					Got:  fmt.Sprintf("%q in the answer: %s, headers %s", word, got, head),
					Why: "whoever can cause an error then reads addresses, queries and " +
						"passwords; the caller could not do anything with them anyway",
				})
			}
			if got.status >= 500 {
				firsts[got.status] = cmp.Or(firsts[got.status], got.body)
				first := firsts[got.status]
				expect.That(t, first == got.body, expect.Message{
					Did:  did + ", after GET /items/7 had failed, too",
					Want: fmt.Sprintf("the same body for every %d, a fixed text: %q", got.status, first),
					Got:  got.String(),
					Why:  "what differs between two failures is information about your insides",
				})
			}
			told := secrecy.Told(100, func(secret string) string {
				again := one.store(fmt.Errorf("password=%s: %w", secret, one.err)).get(t, t.Context(), path)
				return again.body + fmt.Sprint(again.header)
			})
			expect.That(t, told == "", expect.Message{
				Did:  did + ", wrapped with another password each time",
				Want: "the same answer, whatever is in the error, and in whatever form",
				Got:  told,
				Why:  "what is written in another way is read by whoever knows the way back",
			})
			expect.That(t, strings.Contains(quoted(s.reported()), "hunter2"), expect.Message{
				Did:  did + ", and looked at what was reported",
				Want: "the whole error: what the caller must not see, the people on call need",
				Got:  quoted(s.reported()),
			})
		}
	}
}

// TestAPanicIsA500 has a real server between itself and the handler: net/http catches a panic, too,
// and cuts the connection.
func TestAPanicIsA500(t *testing.T) {
	h := (&shop{
		find: func(_ context.Context, id string) (status.Item, error) {
			if id == "7" {
				panic("index out of range")
			}
			return sofa, nil
		},
	}).handler(t)
	client := memhttp.Run(t, &http.Server{Handler: h,
		ErrorLog: log.New(io.Discard, "", 0)}).Client()

	// A client on a busy machine may now and then not get round to keeping a connection; five times
	// in a row is the server.
	reused := false
	for range 5 {
		first, _ := ask(t, client, "/items/7")
		expect.That(t, first.status == 500, expect.Message{
			Did:  "asked a server for GET /items/7, for which find panics",
			Want: "500: one request has failed",
			Got:  first.String(),
			Why: "a connection that is cut tells the client nothing: it cannot know whether " +
				"the server, the network or its own code is broken, and everything else on that " +
				"connection is lost",
		})
		var second answer
		second, reused = ask(t, client, "/items/8")
		expect.That(t, second.status == 200, expect.Message{
			Did:  "asked the server for GET /items/8 after the request for /items/7 had panicked",
			Want: "200: the failure belongs to the other request alone",
			Got:  second.String(),
		})
		if reused {
			break
		}
	}
	expect.That(t, reused, expect.Message{
		Did: "asked a server for GET /items/7, for which find panics, and then for GET " +
			"/items/8, five times",
		Want: "both on the same connection",
		Got:  "a new connection for the second request, each time",
		Why: "a connection is kept for the next request; with HTTP/2 many requests are on it " +
			"at the same time, and all of them would fail",
	})
}

func TestAPanicIsReportedOnce(t *testing.T) {
	for _, path := range []string{"/items/7", "/items"} {
		for _, value := range []any{"no shelf 12", errors.New("no shelf 12"),
			fmt.Errorf("no shelf 12: %w", status.ErrInvalidID),
			fmt.Errorf("no shelf 12: %w", status.ErrNotFound),
			fmt.Errorf("no shelf 12: %w", context.DeadlineExceeded), http.ErrAbortHandler, 4711,
			status.ErrNotFound, context.DeadlineExceeded, context.Canceled, nil} {
			said := fmt.Sprint(value)
			if value == nil {
				said = "nil"
			}
			s := panicking(value)
			got := s.get(t, t.Context(), path)
			expect.That(t, got.panicked == nil && got.status == 500, expect.Message{
				Did: fmt.Sprintf("asked for GET %s, for which the store panics with %q", path,
					fmt.Sprint(value)),
				Want: "500, whatever the panic's value is",
				Got:  got.String(),
				Why: "an error that was thrown and not returned is a bug, also if it wraps one " +
					"that would have been somebody else's fault",
			})
			reported := s.reported()
			expect.That(t, len(reported) == 1 && reported[0] != nil &&
				strings.Contains(reported[0].Error(), said), expect.Message{
				Did: fmt.Sprintf("asked for GET %s, for which the store panics with %q", path,
					fmt.Sprint(value)),
				Want: "one call of report, with an error whose text has the panic's value in it",
				Got:  fmt.Sprintf("%d: %s", len(reported), quoted(reported)),
				Why: "a panic is a bug in the server, whatever its value is; one that is " +
					"caught and never told is a bug that stays",
			})
		}
		panicsAgain(t, path)
	}
}

// panicsAgain has a handler panic several times, the last time for a request that is late already.
func panicsAgain(t *testing.T, path string) {
	t.Helper()
	s := panicking("no shelf 12")
	h := s.handler(t)
	late, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	for i, ctx := range []context.Context{t.Context(), t.Context(), late} {
		got := s.ask(ctx, h, path)
		did := fmt.Sprintf("asked the same handler for GET %s, for which the store panics, time %d", path, i+1)
		if ctx == late {
			did += ", with a request whose deadline had passed"
		}
		expect.That(t, got.status == 500 && len(s.reported()) == i+1, expect.Message{
			Did:  did,
			Want: fmt.Sprintf("500, and %d calls of report by now: one for each panic", i+1),
			Got:  fmt.Sprintf("%s; %d calls", got, len(s.reported())),
			Why:  "a panic is a bug each time, and how often it happens decides how fast somebody has to look",
		})
	}
}

func TestAListThatFailsHalfwayIsAFailure(t *testing.T) {
	s := &shop{list: func(context.Context) ([]status.Item, error) {
		return []status.Item{lamp}, errDatabase
	}}
	got := s.get(t, t.Context(), "/items")
	expect.That(t, got.status == 500 && !strings.Contains(got.body, lamp.Name), expect.Message{
		Did: "asked for GET /items, for which list returned the first of two items together " +
			"with an error",
		Want: "500, and no part of the list",
		Got:  got.String(),
		Why: "the status goes out before the body and cannot be taken back; half a list under " +
			"a 200 is taken for the whole one, and the other half for deleted",
	})
}

func TestADeadlineIs504(t *testing.T) {
	for _, err := range []error{context.DeadlineExceeded,
		fmt.Errorf("query: %w", context.DeadlineExceeded)} {
		wantStatusFor(t, err, 504, "an error that is or wraps context.DeadlineExceeded")
		for _, path := range []string{"/items/7", "/items"} {
			got := failing(err).get(t, t.Context(), path)
			expect.That(t, got.status == 504, expect.Message{
				Did: fmt.Sprintf("asked for GET %s, for which the store returned %s", path,
					describe(err)),
				Want: "504: what is behind this server did not answer in time",
				Got:  got.String(),
				Why: "whoever is woken looks for a bug after a 500, and for a slow dependency " +
					"after a 504",
			})
		}
	}

	// Late, and yet found: the store has the last word.
	for _, path := range []string{"/items/7", "/items"} {
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		late := failing(nil)
		got := late.get(t, ctx, path)
		cancel()
		expect.That(t, got.status == 200 && len(late.reported()) == 0, expect.Message{
			Did: "asked for GET " + path + " with a request whose deadline passed, and yet the " +
				"store returned what was asked for, and no error",
			Want: "200, and nothing reported: nothing has failed",
			Got:  fmt.Sprintf("%s; reported: %s", got, quoted(late.reported())),
			Why:  "the answer is there, and its client may well be waiting for it",
		})
	}

	// The deadline of the request itself is no different: its client may well be waiting.
	err := fmt.Errorf("query: %w", context.DeadlineExceeded)
	for _, path := range []string{"/items/7", "/items"} {
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		s := failing(err)
		s.get(t, ctx, path)
		cancel()
		wantReport(t, s, err,
			fmt.Sprintf("asked for GET %s with a request whose deadline passed: its context has "+
				"ended with DeadlineExceeded, and the store returned %s", path, describe(err)),
			"a request that was too slow has failed, and its client may well be waiting for it")
	}

	// Late, and something else has failed.
	for _, path := range []string{"/items/7", "/items"} {
		ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
		late, missed := failing(errDatabase), failing(status.ErrNotFound)
		got, none := late.get(t, ctx, path), missed.get(t, ctx, path)
		cancel()
		did := "asked for GET " + path + " with a request whose deadline passed, and the store " +
			"returned another error: "
		expect.That(t, got.status == 500, expect.Message{
			Did:  did + strconv.Quote(errDatabase.Error()),
			Want: "500: the status is that of the error",
			Got:  got.String(),
			Why:  "that it was late, too, does not make a missing permission a slow dependency",
		})
		wantReport(t, late, errDatabase, did+strconv.Quote(errDatabase.Error()),
			"whoever is woken needs the error that came back, not the one that one might expect")
		expect.That(t, none.status == 404 && len(missed.reported()) == 0, expect.Message{
			Did:  did + "ErrNotFound",
			Want: "404, and nothing reported: the status is that of the error",
			Got:  fmt.Sprintf("%s; reported: %s", none, quoted(missed.reported())),
			Why:  "the store has answered: there is no such thing",
		})
	}
}

func TestAClientThatWentAwayWakesNobody(t *testing.T) {
	for _, err := range []error{
		context.Canceled,
		fmt.Errorf("query: %w", context.Canceled),
		errors.New("pq: canceling statement due to user request"),
		fmt.Errorf("query: %w", context.DeadlineExceeded),
	} {
		for _, path := range []string{"/items/7", "/items"} {
			ctx, hangUp := context.WithCancel(t.Context())
			gone := &shop{
				find: func(context.Context, string) (status.Item,
					error) {
					hangUp()
					return status.Item{}, err
				},
				list: func(context.Context) ([]status.Item, error) { hangUp(); return nil, err },
			}
			gone.get(t, ctx, path)
			expect.That(t, len(gone.reported()) == 0, expect.Message{
				Did: fmt.Sprintf(
					"asked for GET %s and went away while the store was at work: the request's "+
						"context was cancelled, and the store returned %s", path, describe(err)),
				Want: "nothing reported",
				Got:  fmt.Sprintf("%d: %s", len(gone.reported()), quoted(gone.reported())),
				Why: "people close tabs and phones lose their network all day long; nothing is " +
					"broken, and there is nobody left to answer",
			})
		}
	}
	// What somebody gives as the cause of a cancellation does not change what it is.
	ctx, hangUp := context.WithCancelCause(t.Context())
	hangUp(errors.New("the connection was closed by its client"))
	gone := failing(context.Canceled)
	gone.get(t, ctx, "/items/7")
	expect.That(t, len(gone.reported()) == 0, expect.Message{
		Did: "asked for GET /items/7 with a request whose context was cancelled with a cause of " +
			"its own: Err is context.Canceled, context.Cause is another error",
		Want: "nothing reported",
		Got:  quoted(gone.reported()),
		Why:  "the client has gone away, whatever somebody noted down as the reason",
	})
	for _, path := range []string{"/items/7", "/items"} {
		s := failing(nil)
		s.handler(t).ServeHTTP(deaf{http.Header{}}, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		expect.That(t, len(s.reported()) == 0, expect.Message{
			Did: "asked for GET " + path + ", which the store has, over a connection that broke before the answer: " +
				"nothing could be written",
			Want: "nothing reported",
			Got:  quoted(s.reported()),
			Why:  "the server did all that it should; phones lose their network all day long",
		})
	}
	for _, path := range []string{"/items/7", "/items"} {
		there := failing(fmt.Errorf("query: %w", context.Canceled))
		there.get(t, t.Context(), path)
		wantReport(t, there, context.Canceled,
			"asked for GET "+path+" and stayed: the request's context is alive, yet the store "+
				"returned an error that wraps context.Canceled",
			"something in the server has given up while its client was waiting; only the request's "+
				"own context knows whether it was the client")
	}
}

func TestRetryable(t *testing.T) {
	for _, code := range []int{400, 401, 403, 404, 409, 410, 422} {
		expect.That(t, !status.Retryable(code), expect.Message{
			Did:  fmt.Sprintf("asked Retryable(%d), %s", code, http.StatusText(code)),
			Want: "false: this request, unchanged, will be answered the same tomorrow",
			Got:  "true",
			Why:  "a client that repeats what cannot succeed only makes load, again and again",
		})
	}
	for _, code := range []int{408, 425, 429, 500, 502, 503, 504} {
		expect.That(t, status.Retryable(code), expect.Message{
			Did:  fmt.Sprintf("asked Retryable(%d), %s", code, http.StatusText(code)),
			Want: "true: nothing is wrong with this request, only with the moment",
			Got:  "false",
			Why: "the first digit says who must change something; after a failure of the " +
				"server, or a \"not now\", the same request may well succeed, and a client that " +
				"gives up turns a moment into an outage",
		})
	}
}

// shop has what Items is made from. Without find or list there are the lamp and the sofa.
type shop struct {
	find func(ctx context.Context, id string) (status.Item, error)
	list func(ctx context.Context) ([]status.Item, error)

	calls int // of find and list, where it is failing that has made them

	mu      sync.Mutex
	reports []error
}

// failing is a shop whose store returns err.
func failing(err error) *shop {
	s := &shop{}
	s.find = func(context.Context, string) (status.Item, error) {
		s.calls++
		return lamp, err
	}
	s.list = func(context.Context) ([]status.Item, error) {
		s.calls++
		if err != nil {
			return nil, err
		}
		return []status.Item{lamp, sofa}, nil
	}
	return s
}

// panicking is a shop whose store panics.
func panicking(value any) *shop {
	return &shop{
		find: func(context.Context, string) (status.Item, error) { panic(value) },
		list: func(context.Context) ([]status.Item, error) { panic(value) },
	}
}

func (s *shop) handler(t *testing.T) http.Handler {
	t.Helper()
	if s.find == nil {
		s.find = func(context.Context, string) (status.Item, error) { return lamp, nil }
	}
	if s.list == nil {
		s.list = func(context.Context) ([]status.Item, error) {
			return []status.Item{lamp, sofa},
				nil
		}
	}
	h := status.Items(s.find, s.list, func(err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.reports = append(s.reports, err)
	})
	expect.That(t, h != nil, expect.Message{Did: "called Items", Want: "an http.Handler",
		Got: "nil"})
	return h
}

func (s *shop) reported() []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.reports)
}

// get makes one request of a new handler, without a network.
func (s *shop) get(t *testing.T, ctx context.Context, path string) answer {
	t.Helper()
	return s.ask(ctx, s.handler(t), path)
}

// deaf is an answer that does not reach its client.
type deaf struct{ header http.Header }

func (d deaf) Header() http.Header       { return d.header }
func (d deaf) WriteHeader(int)           {}
func (d deaf) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

// ask makes one request of this handler.
func (s *shop) ask(ctx context.Context, h http.Handler, path string) (a answer) {
	w := httpwire.New()
	defer func() {
		a = answer{status: w.Status(), header: w.Header(), body: w.Body()}
		if p := recover(); p != nil {
			a = answer{panicked: p}
		}
	}()
	h.ServeHTTP(w.Writer(), httptest.NewRequestWithContext(ctx, http.MethodGet, path, nil))
	return answer{}
}

// answer is what came back.
type answer struct {
	status   int
	header   http.Header
	body     string
	panicked any    // by the handler
	broken   string // no answer at all: why
}

func (a answer) String() string {
	switch {
	case a.broken != "":
		return "no answer: " + a.broken
	case a.panicked != nil:
		return fmt.Sprintf("the handler panicked: %v", a.panicked)
	}
	return fmt.Sprintf("%d %s with the body %q", a.status, http.StatusText(a.status), a.body)
}

// ask makes one request of the server in memory, and tells whether it went over a connection that
// had been used before.
func ask(t *testing.T, client *http.Client, path string) (a answer, reused bool) {
	t.Helper()
	ctx := httptrace.WithClientTrace(t.Context(),
		&httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) { reused = c.Reused }})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, memhttp.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{broken: "the connection was cut (" + err.Error() + ")"}, reused
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{broken: "the connection was cut in the middle of the answer (" + err.Error() +
			")"}, reused
	}
	return answer{status: resp.StatusCode, header: resp.Header, body: string(body)}, reused
}

func wantStatusFor(t *testing.T, err error, want int, what string) {
	t.Helper()
	got := status.StatusFor(err)
	expect.That(t, got == want, expect.Message{
		Did:  fmt.Sprintf("asked StatusFor for %s", describe(err)),
		Want: fmt.Sprintf("%d, for %s", want, what),
		Got:  fmt.Sprint(got),
		Why: "an error goes through many layers, and each may put its own words around it; " +
			"what the error is stays the same",
	})
}

// wantReport demands one report, of this error.
func wantReport(t *testing.T, s *shop, err error, did, why string) {
	t.Helper()
	reported := s.reported()
	expect.That(t, len(reported) == 1 && sentinel.Is(reported[0], err), expect.Message{
		Did:  did,
		Want: fmt.Sprintf("one call of report, with that error: %q", err),
		Got:  fmt.Sprintf("%d: %s", len(reported), quoted(reported)),
		Why:  why,
	})
}

// dialError has a type whose name tells something, too.
type dialError string

func (e dialError) Error() string { return string(e) }

// missing is an error that says itself that it is ErrNotFound.
type missing struct{}

func (missing) Error() string        { return "no row" }
func (missing) Is(target error) bool { return target == status.ErrNotFound }

// describe shows what an error is made of, as far as the text does not.
func describe(err error) string {
	for _, known := range []struct {
		err  error
		name string
	}{{status.ErrNotFound, "ErrNotFound"}, {status.ErrInvalidID, "ErrInvalidID"},
		{context.DeadlineExceeded, "context.DeadlineExceeded"}, {context.Canceled, "context.Canceled"}} {
		switch {
		case err == known.err:
			return known.name
		case errors.Is(err, known.err):
			return fmt.Sprintf("the error %q, which wraps %s", err, known.name)
		}
	}
	return fmt.Sprintf("the error %q", err)
}

func quoted(errs []error) string {
	if len(errs) == 0 {
		return "nothing"
	}
	texts := make([]string, 0, len(errs))
	for _, err := range errs {
		texts = append(texts, fmt.Sprintf("%q", fmt.Sprint(err)))
	}
	return strings.Join(texts, ", ")
}
