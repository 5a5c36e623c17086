package docs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/timeline"
	docs "github.com/backend-labs/backend-labs/labs/i13-put-patch"
)

// together sends n requests at the same moment, and counts the statuses.
func together(n int, send func(i int) answer) (answers []answer, counts map[int]int) {
	answers, counts = make([]answer, n), map[int]int{}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { answers[i] = send(i) })
	}
	all.Wait()
	for _, a := range answers {
		counts[a.status]++
	}
	return answers, counts
}

// said is how often each status came.
func said(counts map[int]int) string { return fmt.Sprint(counts)[len("map"):] + " (status:times)" }

// two sends two requests at the same moment and draws what they do in the store.
func (s *service) two(send func(ctx context.Context, i int) answer) ([]answer, *timeline.Timeline) {
	names := []string{"alice", "bob"}
	s.store.tl = timeline.New("alice", "bob", "document")
	defer func() { s.store.tl = nil }()
	tl := s.store.tl
	answers, _ := together(2, func(i int) answer {
		got := send(context.WithValue(context.Background(), lane{}, names[i]), i)
		tl.Point(names[i], "is told %d", got.status)
		return got
	})
	return answers, tl
}

func TestNoEditIsLost(t *testing.T) {
	const why = "each was told that it is saved; the edit of whoever read first is overwritten with " +
		"what was there before"
	bubble.Run(t, func(t *testing.T) {
		s := open(time.Millisecond)
		s.begin(t, "tea", `{"a":1}`)
		answers, tl := s.two(func(ctx context.Context, i int) answer {
			return s.send(ctx, "PATCH", "tea", []string{`{"title":"Tea"}`, `{"price":3}`}[i])
		})
		got, want := s.members("tea"), canonical(`{"a":1,"title":"Tea","price":3}`)
		if got != want {
			tl.Point("document", "is %s", got).Breaks()
		}
		expect.That(t, answers[0].ok() && answers[1].ok() && got == want, expect.Message{
			Did:  `sent PATCH {"title":"Tea"} and PATCH {"price":3} at the same moment`,
			Want: "2xx for both, and a document " + want,
			Got:  fmt.Sprintf("%d, %d and a document %s", answers[0].status, answers[1].status, got),
			Why:  why, Picture: tl})

		_, counts := together(40, func(i int) answer {
			return s.patch("many", fmt.Sprintf(`{"f%d":%d}`, i, i))
		})
		expect.That(t, counts[404] == 40, expect.Message{
			Did: "sent 40 PATCHes at once to what does not exist", Want: "40 × 404",
			Got: said(counts)})
		s.begin(t, "many", `{}`)
		_, counts = together(40, func(i int) answer {
			return s.patch("many", fmt.Sprintf(`{"f%d":{"n":%d}}`, i, i))
		})
		all := map[string]any{}
		for i := range 40 {
			all[fmt.Sprintf("f%d", i)] = map[string]any{"n": i}
		}
		did := "sent 40 PATCHes at once, each with a member of its own"
		expect.That(t, counts[200]+counts[204] == 40, expect.Message{Did: did,
			Want: "40 × 200 or 204", Got: said(counts),
			Why: "that somebody else was faster is no client's concern: their changes do not collide"})
		s.want(t, "many", text(all), did, why)
	})
}

func TestOneOfManyCreates(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		s := open(time.Millisecond)
		answers, counts := together(20, func(i int) answer {
			return s.put("tea", fmt.Sprintf(`{"n":%d}`, i))
		})
		did := "sent 20 PUTs at once for a document that does not exist yet"
		expect.That(t, counts[201] == 1 && counts[200]+counts[204] == 19, expect.Message{Did: did,
			Want: "1 × 201 and 19 × 200 or 204", Got: said(counts),
			Why: "a document is created once; the others have replaced what the first has made"})
		left := s.members("tea")
		for i, a := range answers {
			if a.status == 201 {
				own := fmt.Sprintf(`{"n":%d}`, i)
				expect.That(t, left != own, expect.Message{Did: did,
					Want: "a document of one that has replaced the first", Got: left,
					Why: "a replacement that was answered with 2xx has been made"})
			}
		}
	})
	bubble.Run(t, func(t *testing.T) {
		s := open(0)
		s.store.slowly("tea", 2*time.Hour)
		var second sync.WaitGroup
		second.Go(func() {
			time.Sleep(time.Hour)
			s.put("tea", `{"n":2}`)
		})
		s.put("tea", `{"n":1}`)
		s.store.slowly("tea", 0)
		created := s.own("tea", "createdAt")
		second.Wait()
		is := s.own("tea", "createdAt")
		expect.That(t, created != nil && is == created && s.members("tea") == `{"n":2}`,
			expect.Message{
				Did: "sent two PUTs, an hour apart, to a slow store that has the document for neither; " +
					"the first creates it, the second has to replace it",
				Want: fmt.Sprintf(`{"n":2} and createdAt still %v`, created), Got: s.get("tea").body,
				Why: "what is known of a document is to be found out again when somebody else was faster"})
	})
}

func TestThePreconditionHoldsWhenTheChangeIsMade(t *testing.T) {
	const why = "a tag that is compared before the change says nothing about the moment of the " +
		"change: between the two, others have changed the document"
	bubble.Run(t, func(t *testing.T) {
		for _, method := range []string{"PATCH", "PUT"} {
			s := open(time.Millisecond)
			s.begin(t, "tea", `{"n":0}`)
			tag := s.get("tea").header.Get("ETag")
			answers, tl := s.two(func(ctx context.Context, i int) answer {
				return s.send(ctx, method, "tea", fmt.Sprintf(`{"by":%d}`, i+1), "If-Match", tag)
			})
			one := answers[0].ok() && answers[1].status == 412 ||
				answers[1].ok() && answers[0].status == 412
			if !one {
				tl.Point("document", "two changes of version 1").Breaks()
			}
			expect.That(t, one, expect.Message{
				Did:  "sent " + method + " twice at the same moment, both with If-Match and the same tag",
				Want: "200 or 204 for one and 412 for the other",
				Got:  fmt.Sprintf("%d and %d", answers[0].status, answers[1].status),
				Why:  why, Picture: tl})

			tag = s.get("tea").header.Get("ETag")
			answers, counts := together(40, func(i int) answer {
				return s.send(context.Background(), method, "tea", fmt.Sprintf(`{"by":1%d}`, i),
					"If-Match", tag)
			})
			did := fmt.Sprintf("sent %s 40 times at once, all with If-Match and the same tag", method)
			expect.That(t, counts[200]+counts[204] == 1 && counts[412] == 39, expect.Message{Did: did,
				Want: "200 or 204 for one and 412 for 39", Got: said(counts), Why: why})
			for i, a := range answers {
				if a.ok() {
					s.wantBy(t, i, did)
				}
			}
		}
	})
}

// wantBy demands that the document is the one of the request that was told so.
func (s *service) wantBy(t *testing.T, i int, did string) {
	t.Helper()
	m, _ := value(s.get("tea").body).(map[string]any)
	expect.That(t, fmt.Sprint(m["by"]) == fmt.Sprintf("1%d", i), expect.Message{Did: did,
		Want: fmt.Sprintf("a document by request %d, the one that was told 2xx", i),
		Got:  s.members("tea"), Why: "the 39 others were told that nothing has happened"})
}

// conflicts lets so many calls of CompareAndSwap fail, and returns how to see how many are left.
func (s *service) conflicts(n int) {
	s.store.fault = func(method string) error {
		if method != "swap" || n == 0 {
			return nil
		}
		n--
		return fmt.Errorf("page 7 was split: %w", docs.ErrConflict)
	}
}

func TestItIsTriedAgain(t *testing.T) {
	const why = "under load the unlucky ones would be refused, and they are those with the most to do"
	bubble.Run(t, func(t *testing.T) {
		s := open(0)
		s.begin(t, "tea", `{"n":0}`)
		for i, method := range []string{"PUT", "PATCH", "PUT", "PATCH", "PUT", "PATCH"} {
			body, tag := fmt.Sprintf(`{"n":%d}`, i+1), s.get("tea").header.Get("ETag")
			headers := [][]string{nil, {"If-Match", "*"}, {"If-Match", tag}}[i/2]
			s.conflicts(1000)
			got := s.send(context.Background(), method, "tea", body, headers...)
			did := fmt.Sprintf("%s %s, headers %q; 1,000 times the store says ErrConflict, though the "+
				"document is still the same", method, body, headers)
			expect.That(t, got.is(200, 204), expect.Message{Did: did,
				Want: "200 or 204, at the 1,001st time", Got: got.String(), Why: why})
			s.want(t, "tea", body, did, "")
		}
		s.conflicts(1000)
		got := s.put("new", `{"n":1}`)
		expect.That(t, got.status == 201, expect.Message{
			Did:  "PUT a new document; 1,000 times the store says ErrConflict",
			Want: "201, at the 1,001st time", Got: got.String(), Why: why})
	})
	bubble.Run(t, func(t *testing.T) {
		_, counts := together40(`*`)
		expect.That(t, counts[200]+counts[204] == 40, expect.Message{
			Did:  "sent 40 PATCHes at once with If-Match: *",
			Want: "40 × 200 or 204: whichever tag the document has, it is one of those",
			Got:  said(counts), Why: "a conflict is not yet a precondition that fails"})
	})
}

// together40 sends 40 PATCHes with that If-Match to a document that exists.
func together40(tags string) ([]answer, map[int]int) {
	s := open(time.Millisecond)
	s.put("tea", `{}`)
	return together(40, func(i int) answer {
		return s.patch("tea", fmt.Sprintf(`{"f%d":1}`, i), "If-Match", tags)
	})
}

func TestItVanishesMeanwhile(t *testing.T) {
	const why = "what was decided about the document that is gone says nothing about none"
	bubble.Run(t, func(t *testing.T) {
		for _, tt := range []struct {
			method, tag string
			statuses    []int
		}{
			{"PUT", "", []int{201}}, {"PUT", "*", []int{412, 404}}, {"PUT", "its", []int{412, 404}},
			{"PATCH", "", []int{404}}, {"PATCH", "*", []int{412, 404}},
			{"PATCH", "its", []int{412, 404}},
		} {
			s := open(0)
			s.begin(t, "tea", `{"n":0,"a":1}`)
			var headers []string
			if tag := strings.ReplaceAll(tt.tag, "its", s.get("tea").header.Get("ETag")); tag != "" {
				headers = []string{"If-Match", tag}
			}
			time.Sleep(time.Hour)
			s.vanishes("tea")
			got := s.send(context.Background(), tt.method, "tea", `{"n":1}`, headers...)
			did := fmt.Sprintf(`%s {"n":1} with the headers %q; before it is stored, somebody else `+
				"removes the document: ErrConflict", tt.method, headers)
			want := strings.ReplaceAll(strings.Trim(fmt.Sprint(tt.statuses), "[]"), " ", " or ")
			expect.That(t, got.is(tt.statuses...), expect.Message{Did: did, Want: want,
				Got: fmt.Sprintf("%d for %s, headers %q", got.status, tt.method, headers), Why: why})
			if tt.statuses[0] != 201 {
				got = s.get("tea")
				expect.That(t, got.status == 404, expect.Message{Did: did, Want: want + ", and no document",
					Got: got.String(), Why: why})
				continue
			}
			s.want(t, "tea", `{"n":1}`, did, why)
			created, _ := time.Parse(time.RFC3339, fmt.Sprint(s.own("tea", "createdAt")))
			expect.That(t, time.Since(created) < time.Minute, expect.Message{Did: did,
				Want: "a document that was created just now", Got: s.get("tea").body,
				Why: "the one that was created an hour ago does not live any more"})
		}
	})
}

// vanishes has somebody else remove a document just before it is stored.
func (s *service) vanishes(id string) {
	s.store.fault = func(method string) error {
		if method != "swap" {
			return nil
		}
		s.store.fault = nil
		s.store.next = func(version int64) int64 { return version + 100 } // no version comes again
		delete(s.store.rows, id)
		return fmt.Errorf("swap %s: it is gone: %w", id, docs.ErrConflict)
	}
}

func TestNobodyWaitsForWhoHasGone(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, method := range []string{"PUT", "PATCH"} {
			s := open(time.Millisecond)
			s.begin(t, "tea", `{"n":0}`)
			begin := time.Now()
			s.store.fault = func(method string) error {
				if method == "swap" && time.Since(begin) < 10*time.Second {
					return docs.ErrConflict
				}
				return nil
			}
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond+500)
			got := s.send(ctx, method, "tea", `{"n":1}`)
			cancel()
			took := time.Since(begin)
			did := method + "; the store says ErrConflict for 10 s, and after 50 ms the client is gone"
			expect.That(t, took >= 50*time.Millisecond && took < 60*time.Millisecond,
				expect.Message{Did: did, Want: "tried until then, and no longer",
					Got: fmt.Sprintf("the handler returned after %v", took),
					Why: "whoever is gone must not cost anything any more; and under load most are"})
			expect.That(t, !got.ok(), expect.Message{Did: did, Want: "an answer that is not 2xx",
				Got: got.String(), Why: "nothing was changed"})
		}
		for _, method := range []string{"PUT", "PATCH"} {
			for _, call := range []string{"get", "swap"} {
				s := open(0)
				s.begin(t, "tea", `{"n":0}`)
				s.store.fault = func(method string) error {
					if method != "swap" {
						return nil
					}
					s.store.hangs(call)
					return docs.ErrConflict
				}
				s.stuck(t, method, call, " from the first conflict on")
			}
		}
		for _, call := range [][2]string{{"PUT", "get"}, {"PUT", "swap"}, {"PATCH", "get"},
			{"PATCH", "swap"}, {"GET", "get"}} {
			s := open(0)
			s.begin(t, "tea", `{"n":0}`)
			s.store.hangs(call[1])
			s.stuck(t, call[0], call[1], "")
		}
	})
}

// stuck demands that a request ends with its context while the store's method takes 10 s.
func (s *service) stuck(t *testing.T, method, call, since string) {
	t.Helper()
	begin := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	s.send(ctx, method, "tea", `{"n":1}`)
	took := time.Since(begin)
	expect.That(t, took < 60*time.Millisecond, expect.Message{
		Did: fmt.Sprintf("%s; the store's %s takes 10 s%s, and after 50 ms the client is gone", method,
			call, since),
		Want: "back after 50 ms", Got: fmt.Sprintf("%s is back after %v", method, took),
		Why: "a store that is slow is not helped by calls for those who have gone"})
}

func TestNoRequestWaitsForAnother(t *testing.T) {
	const many = 200
	bubble.Run(t, func(t *testing.T) {
		for _, method := range []string{"PUT", "PATCH", "GET"} {
			s := open(0)
			s.begin(t, "slow", `{"n":0}`)
			s.begin(t, "fast", `{"n":0}`)
			s.store.slowly("slow", time.Second)
			var all sync.WaitGroup
			for range many { // half of them for each handler
				all.Go(func() { s.send(context.Background(), method, "slow", `{"n":1}`) })
			}
			time.Sleep(time.Millisecond)
			for _, other := range []string{"GET", "PUT", "PATCH"} {
				for range 2 {
					begin := time.Now()
					got := s.send(context.Background(), other, "fast", `{"n":2}`)
					expect.That(t, got.ok() && time.Since(begin) < time.Second/2, expect.Message{
						Did: fmt.Sprintf("%s a document, while a %s of another one waits for the store",
							other, method),
						Want: "2xx, before the store has answered the other",
						Got:  fmt.Sprintf("%d after %v", got.status, time.Since(begin)),
						Why: "one slow row would hold up everybody; and with a second instance the lock " +
							"protects nothing"})
				}
			}
			n := s.store.running()
			expect.That(t, n == many, expect.Message{
				Did:  fmt.Sprintf("sent %s of one document %d times at the same moment", method, many),
				Want: fmt.Sprintf("all %d asking the store", many),
				Got:  fmt.Sprintf("%d asking the store, the others waiting for them", n),
				Why: "most of what a queue keeps apart would never have collided, and the other " +
					"instances do not stand in it"})
			all.Wait()
		}
	})
}

func TestOnlyTheStoreKnows(t *testing.T) {
	const why = "another instance, of which this one knows nothing, works on the same store"
	bubble.Run(t, func(t *testing.T) {
		s, other := open(0), open(0)
		s.begin(t, "tea", `{"n":1}`)
		s.want(t, "tea", `{"n":1}`, `PUT {"n":1}`, "")
		got := other.get("tea")
		expect.That(t, got.status == 404, expect.Message{
			Did: "GET it from a handler over another store", Want: "404", Got: got.String(),
			Why: "two stores are two services"})

		elsewhere := s.store.rows["tea"]
		s.patch("tea", `{"n":2,"m":2}`)
		s.want(t, "tea", `{"n":2,"m":2}`, `PATCH {"n":2,"m":2}`, "")
		elsewhere.version = s.store.rows["tea"].version + 1
		s.store.rows["tea"] = elsewhere
		did := `another process stores {"n":1} again; GET`
		s.want(t, "tea", `{"n":1}`, did, why)
		tag := s.get("tea").header.Get("ETag")
		got = s.patch("tea", `{"x":1}`, "If-Match", tag)
		expect.That(t, got.ok(), expect.Message{Did: did + `, and PATCH {"x":1} with its tag`,
			Want: "200 or 204", Got: got.String(), Why: why})
		s.want(t, "tea", `{"n":1,"x":1}`, did+`, and PATCH {"x":1} with its tag`, why)
	})
}

func TestTheStoreFails(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, fault := range []error{
			errors.New("connection refused"),
			fmt.Errorf("the store took too long: %w", context.DeadlineExceeded),
			fmt.Errorf("the store gave up: %w", context.Canceled),
			errors.New(docs.ErrNotFound.Error() + " table"),
			errors.New("index: " + docs.ErrConflict.Error()),
			fs.ErrNotExist, io.EOF,
		} {
			s := open(0)
			s.begin(t, "tea", `{"n":0}`)
			s.failing(t, fault)
			s.want(t, "tea", `{"n":0}`, fmt.Sprintf("sent requests that the store has failed: %q", fault),
				"")
			got := s.get("new")
			expect.That(t, got.status == 404, expect.Message{Did: "GET what was never stored",
				Want: "404", Got: got.String()})
		}
	})
}

// failing demands an answer of 500 or above from each call that the store fails with that error.
func (s *service) failing(t *testing.T, fault error) {
	t.Helper()
	for _, method := range []string{"GET", "PUT", "PATCH"} {
		for _, fails := range []string{"swap", "get"} {
			for _, id := range []string{"tea", "new"} {
				if method == "GET" && fails == "swap" || id == "new" && method+fails != "GETget" &&
					method+fails != "PUTswap" && method+fails != "PATCHget" {
					continue // that call need not be made
				}
				left := 10
				s.store.fault = func(called string) error {
					if called == fails && left > 0 {
						left--
						return fault
					}
					return nil
				}
				got := s.send(context.Background(), method, id, `{"n":1}`)
				s.store.fault = nil
				expect.That(t, got.status >= 500, expect.Message{
					Did:  fmt.Sprintf("%s; the store's %s says %q", method, fails, fault),
					Want: "500 or above",
					Got: fmt.Sprintf("%d for %s when %s fails with %q, and the document is %s", got.status,
						method, fails, fault, s.members(id)),
					Why: "a store that does not answer has not said that there is no document, nor " +
						"that it is stored"})
			}
		}
	}
}
