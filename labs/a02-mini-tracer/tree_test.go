package tracer_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	tracer "github.com/backend-labs/backend-labs/labs/a02-mini-tracer"
)

func TestClocksDiffer(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := newShop()
		s.order(t.Context(), 1, 20*ms, 10*ms, 30*ms)
		all := s.only(t, "sent an order through six services", 6)
		services := []string{"frontend", "auth", "cart", "price", "db", "mail"}
		for clocks := range 1 << len(services) {
			skewed := slices.Clone(all)
			var slow []string
			for i, service := range services {
				skew := 2 * time.Second
				if clocks&(1<<i) != 0 {
					skew = -skew
					slow = append(slow, service)
				}
				for j := range skewed {
					if skewed[j].Service == service {
						skewed[j].Start = skewed[j].Start.Add(skew)
						skewed[j].End = skewed[j].End.Add(skew)
					}
				}
			}
			root, orphans := tracer.Assemble(skewed)
			assembled(t, root, orphans, orderShape, "nothing", expect.Message{
				Did: fmt.Sprintf("gave the spans of an order to Assemble; the clocks of some services are 2 s slow "+
					"(%s), and all others 2 s fast", list(slow)),
				Why: "an answer that came before its question is seen every day; ids cannot be late"})
		}
	})
}

// bar is a span of a trace that is given; under is the number of its parent in the list.
type bar struct {
	service         string
	under, from, to int
}

// begin is when the given traces do.
var begin = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// spansOf makes spans of them, the first of which is the root, with times in this unit.
func spansOf(bars []bar, unit time.Duration) []tracer.Span {
	id := func(n int) [8]byte { return [8]byte{0xaa, byte(n)} }
	var spans []tracer.Span
	for i, b := range bars {
		s := tracer.Span{Trace: [16]byte{15: 1}, ID: id(i), Service: b.service,
			Start: begin.Add(time.Duration(b.from) * unit), End: begin.Add(time.Duration(b.to) * unit)}
		if i > 0 {
			s.Parent = id(b.under)
		}
		spans = append(spans, s)
	}
	return spans
}

func TestOrphans(t *testing.T) {
	virtual(t, func(t *testing.T) {
		bars := []bar{{"frontend", 0, 0, 100}, {"auth", 0, 5, 30}, {"ldap", 1, 10, 20}, {"disk", 2, 12, 14},
			{"cart", 0, 40, 90}, {"db", 4, 50, 80}}
		rng := rand.New(rand.NewPCG(3, 3))
		for _, test := range []struct {
			without       string
			tree, orphans string
		}{
			{"", "frontend(auth(ldap(disk)) cart(db))", "nothing"},
			{"disk", "frontend(auth(ldap) cart(db))", "nothing"},
			{"cart", "frontend(auth(ldap(disk)))", "db"},
			{"auth", "frontend(cart(db))", "disk, ldap"},
			{"auth ldap", "frontend(cart(db))", "disk"},
			{"auth cart", "frontend", "db, disk, ldap"},
			{"frontend", "nil", "auth, cart, db, disk, ldap"},
			{"frontend auth db", "nil", "cart, disk, ldap"},
			{"frontend auth ldap disk cart db", "nil", "nothing"},
		} {
			for i := range 20 {
				all := spansOf(bars, ms)
				all = slices.DeleteFunc(all, func(s tracer.Span) bool {
					return slices.Contains(strings.Fields(test.without), s.Service)
				})
				how := ""
				if i%2 == 1 {
					all = append(all, all...)
					how = ", and each twice"
				}
				rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
				given := slices.Clone(all)
				root, orphans := tracer.Assemble(all)
				did := fmt.Sprintf("gave frontend(auth(ldap(disk)) cart(db)) to Assemble, without %s%s",
					list(strings.Fields(test.without)), how)
				assembled(t, root, orphans, test.tree, test.orphans, expect.Message{Did: did,
					Why: "spans get lost, and the rest is still worth seeing: what is missing must be seen to be missing"})
				expect.That(t, slices.Equal(all, given), expect.Message{Did: did,
					Want: "the slice has the same spans in the same order afterwards", Got: "it has not",
					Why: "whoever collects them is not done with them, and waits for those that are still missing"})
			}
		}
		copiesDiffer(t, bars)
		idsDiffer(t)
		manySpans(t)
		all := spansOf(append(bars, bar{"a", 7, 0, 1}, bar{"b", 6, 0, 1}, bar{"own parent", 8, 0, 1}), ms)
		root, orphans := tracer.Assemble(all)
		assembled(t, root, orphans, "frontend(auth(ldap(disk)) cart(db))", "a, b, own parent", expect.Message{
			Did: "gave a trace to Assemble that has two spans each of which is the other's parent, and one that is its own",
			Why: "some service has ids that are not as they should be; the traces must be looked at all the same"})
	})
}

// several is an error that cannot be compared.
type several []error

func (s several) Error() string { return fmt.Sprint([]error(s)) }

// copiesDiffer has spans come twice that are not the same to the last bit.
func copiesDiffer(t *testing.T, bars []bar) {
	t.Helper()
	all := spansOf(bars, ms)
	for i, s := range all {
		s.End = s.End.Local().Add(ms)
		s.Err = several{fmt.Errorf("again %d", i)}
		all = append(all, s)
	}
	without := slices.DeleteFunc(slices.Clone(all), func(s tracer.Span) bool { return s.Service == "auth" })
	const did, why = "gave frontend(auth(ldap(disk)) cart(db)) to Assemble%s, each span twice, of which one has another End and another Err",
		"a span that is sent again may have been noted anew; its ID says that it is the same"
	root, orphans := tracer.Assemble(all)
	assembled(t, root, orphans, "frontend(auth(ldap(disk)) cart(db))", "nothing", expect.Message{Did: fmt.Sprintf(did, ""), Why: why})
	root, orphans = tracer.Assemble(without)
	assembled(t, root, orphans, "frontend(cart(db))", "disk, ldap", expect.Message{Did: fmt.Sprintf(did, ", without auth"), Why: why})
}

// idsDiffer has ids that differ in one of their eight bytes.
func idsDiffer(t *testing.T) {
	t.Helper()
	for at := range 8 {
		id := func(n byte) (id [8]byte) {
			id = [8]byte{1, 1, 1, 1, 1, 1, 1, 1}
			id[at] = n
			return id
		}
		all := []tracer.Span{{ID: id(2), Service: "frontend"}, {ID: id(3), Parent: id(2), Service: "auth"},
			{ID: id(4), Parent: id(3), Service: "ldap"}, {ID: id(5), Parent: id(2), Service: "cart"},
			{ID: id(6), Parent: id(7), Service: "db"}}
		root, orphans := tracer.Assemble(all)
		assembled(t, root, orphans, "frontend(auth(ldap) cart)", "db", expect.Message{
			Did: fmt.Sprintf("gave a trace to Assemble whose ids differ in byte %d alone", at+1),
			Why: "ids are random, and half of one is not: two spans of a large trace then are one"})
	}
}

// manySpans has a trace of 2000 services that call each other in a row, and one whose root calls 2000.
func manySpans(t *testing.T) {
	t.Helper()
	const n = 2000
	for _, under := range []string{"the one before it", "the first"} {
		var all []tracer.Span
		for i := range n + 1 {
			s := tracer.Span{ID: [8]byte{1, byte(i >> 8), byte(i)}, Service: "service"}
			s.Start, s.End = begin.Add(time.Duration(i)*ms), begin.Add(time.Duration(2*n-i)*ms)
			if under == "the first" {
				s.End = s.Start.Add(ms)
			}
			if i == 0 {
				s.End = begin.Add(time.Hour)
			} else if s.Parent = all[0].ID; under != "the first" {
				s.Parent = all[i-1].ID
			}
			all = append(all, s)
		}
		root, orphans := tracer.Assemble(all)
		did := fmt.Sprintf("gave a trace of %d spans to Assemble, each of which is the child of %s", n+1, under)
		in := 0
		for left := []*tracer.Node{root}; len(left) > 0 && left[0] != nil && in <= n+1; in++ {
			left = append(left[1:], left[0].Children...)
		}
		expect.That(t, in == n+1 && len(orphans) == 0, expect.Message{Did: did,
			Want: "all are in the tree, and none is an orphan", Got: fmt.Sprintf("%d are in it, and %d orphans", in, len(orphans)),
			Why: "a batch that runs at night has a trace, too"})
		path := tracer.CriticalPath(root)
		expect.That(t, len(path) == n+1, expect.Message{Did: did + ", and the tree to CriticalPath",
			Want: fmt.Sprintf("a path of all %d: each was waited for", n+1), Got: fmt.Sprintf("one of %d", len(path))})
	}
}

func TestCriticalPath(t *testing.T) {
	virtual(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(5, 5))
		for _, test := range []struct {
			path, why string
			bars      []bar
		}{
			{"frontend price", "the longest one is not the one that everybody waited for: were it faster, nobody would notice",
				[]bar{{"frontend", 0, 0, 120}, {"cart", 0, 0, 100}, {"price", 0, 50, 119}}},
			{"frontend auth cart", "who looks at the last one alone makes the cart faster, and wins 10 of 120 ms",
				[]bar{{"frontend", 0, 0, 120}, {"auth", 0, 5, 100}, {"cart", 0, 101, 111}}},
			{"frontend auth", "the mail is sent when the answer has been given: nobody waits for it",
				[]bar{{"frontend", 0, 0, 120}, {"auth", 0, 10, 60}, {"mail", 0, 50, 500}}},
			{"frontend auth ldap price db tax", "read from left to right it says what has happened, and who has asked whom",
				[]bar{{"frontend", 0, 0, 200}, {"auth", 0, 10, 80}, {"ldap", 1, 20, 70}, {"price", 0, 90, 190},
					{"db", 3, 100, 150}, {"tax", 3, 151, 180}, {"cart", 0, 12, 40}}},
			{"frontend auth price db", "one call ends when the next begins, and the last when its caller does",
				[]bar{{"frontend", 0, 0, 100}, {"auth", 0, 0, 40}, {"price", 0, 40, 100}, {"db", 2, 40, 100}}},
			{"frontend db db cache db", "three calls of a database are three, and the cure is to make them one",
				[]bar{{"frontend", 0, 0, 100}, {"db", 0, 10, 30}, {"db", 0, 31, 50}, {"cache", 0, 51, 99}, {"db", 3, 60, 90}}},
			{"frontend price tax", "what goes on when the price is known does not hold it up",
				[]bar{{"frontend", 0, 0, 100}, {"price", 0, 10, 50}, {"audit", 1, 20, 70}, {"tax", 0, 60, 90}}},
			{"frontend stock cart price", "",
				[]bar{{"frontend", 0, 0, 102}, {"auth", 0, 0, 60}, {"price", 0, 50, 100}, {"cart", 0, 41, 49},
					{"stock", 0, 5, 30}}},
			{"frontend auth ping", "",
				[]bar{{"frontend", 0, 0, 100}, {"ping", 0, 50, 50}, {"auth", 0, 10, 40}}},
			{"frontend auth stock cart", "whose clock is slow was waited for all the same",
				[]bar{{"frontend", 0, 30, 100}, {"auth", 0, 0, 20}, {"stock", 0, 21, 40}, {"cart", 0, 41, 90}}},
			{"frontend cart auth", "its clock was put back meanwhile; that it was waited for is said by its end",
				[]bar{{"frontend", 0, 0, 100}, {"auth", 0, 60, 50}, {"cart", 0, 10, 40}}},
			{"frontend", "", []bar{{"frontend", 0, 0, 100}}},
		} {
			for _, unit := range []time.Duration{ms, 1} {
				spans := spansOf(test.bars, unit)
				nodes := make([]*tracer.Node, len(spans))
				for i, s := range spans {
					nodes[i] = &tracer.Node{Span: s}
				}
				for i, b := range test.bars[1:] {
					nodes[b.under].Children = append(nodes[b.under].Children, nodes[i+1])
				}
				for range 10 {
					for _, n := range nodes {
						rng.Shuffle(len(n.Children), func(i, j int) {
							n.Children[i], n.Children[j] = n.Children[j], n.Children[i]
						})
					}
					want := strings.Fields(test.path)
					path := tracer.CriticalPath(nodes[0])
					expect.That(t, slices.Equal(path, want), expect.Message{
						Did:  "gave the tree of " + describe(test.bars) + " (in " + inWords[unit] + ") to CriticalPath",
						Want: list(want), Got: list(path), Why: test.why, Picture: waterfall(spans, want)})
				}
			}
		}
	})
}

// inWords are the units of times.
var inWords = map[time.Duration]string{ms: "ms", 1: "ns"}

// describe says what is in a trace.
func describe(bars []bar) string {
	var words []string
	for _, b := range bars {
		words = append(words, fmt.Sprintf("%s %d–%d", b.service, b.from, b.to))
	}
	return strings.Join(words, ", ")
}
