package retry_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	retry "github.com/backend-labs/backend-labs/labs/b12-safe-retry"
)

func TestAPostIsSentOnce(t *testing.T) {
	for _, lost := range []fault{answerLost, requestLost} {
		bubble.Run(t, func(t *testing.T) {
			n := over(t, 3, linear, lost)
			got := n.do(t, request(t, "POST", "/charges", `{"amount":4200}`))
			did := fmt.Sprintf("sent POST /charges without an Idempotency-Key; it was %s", lost)
			expect.That(t, n.count() == 1, expect.Message{
				Did:  did,
				Want: "1 attempt: from here nobody can tell whether it was executed",
				Got: fmt.Sprintf("%s; the server has made %d charges", n.attempts(),
					len(n.work())),
				Why: "an error says that there is no answer, not that nothing was done; sent " +
					"again, the customer is charged twice",
			})
			expect.That(t, isReset(got.err), expect.Message{
				Did:  did,
				Want: fmt.Sprintf("the error of that attempt, %q", errReset),
				Got:  got.String(),
				Why: "whether to send it again is now for somebody who can find out what has " +
					"happened",
			})
		})
	}
}

func TestAGatewayDoesNotKnowEither(t *testing.T) {
	for _, status := range []fault{unavailable, badGateway, gatewayTimeout} {
		bubble.Run(t, func(t *testing.T) {
			n := over(t, 3, linear, status)
			got := n.do(t, request(t, "POST", "/charges", `{"amount":4200}`))
			expect.That(t, n.count() == 1 && got.status == int(status) && got.body == page,
				expect.Message{
					Did: fmt.Sprintf(
						"sent POST /charges without an Idempotency-Key; the charge was made, and "+
							"the request %s", status),
					Want: "1 attempt, and that response",
					Got: fmt.Sprintf("%s; %s; the server has made %d charges", got, n.attempts(),
						len(n.work())),
					Why: "such an answer often comes from a gateway whose connection to the server " +
						"broke: it knows no better than you whether the work was done",
				})
		})
	}
}

func TestAKeyMakesAPostRepeatable(t *testing.T) {
	const order = `{"amount":4200,"currency":"EUR"}`
	for _, verb := range []string{"POST", "PATCH"} {
		bubble.Run(t, func(t *testing.T) {
			r := request(t, verb, "/charges", order)
			r.Header.Set("Idempotency-Key", "order-8841")
			n := over(t, 4, linear, answerLost, requestLost, unavailable)
			got := n.do(t, r)
			did := fmt.Sprintf(
				"sent a %s with Idempotency-Key: order-8841; attempt 1 was %s, attempt 2 %s, "+
					"attempt 3 %s", verb, answerLost, requestLost, unavailable)
			expect.That(t, n.count() == 4 && got.status == 200, expect.Message{
				Did:  did,
				Want: "4 attempts, the last one with 200",
				Got:  got.String() + "; " + n.attempts(),
				Why: "with a key the server recognises a request that it has seen, and " +
					"executes it only once; that makes it idempotent, whatever its method",
			})
			for i, s := range n.sent {
				expect.That(t, s.key == "order-8841", expect.Message{
					Did:  did,
					Want: "the key order-8841 on every attempt",
					Got:  fmt.Sprintf("attempt %d with the key %q", i+1, s.key),
					Why: "the key is how the server knows that this is the order that it has " +
						"already; under any other it is one more order",
				})
			}
			for _, w := range n.work() {
				expect.That(t, w.body == order, expect.Message{
					Did:  did,
					Want: fmt.Sprintf("every attempt with the body %s", order),
					Got:  fmt.Sprintf("the server received %q", w.body),
					Why: "one key stands for one order; a server that sees it with another " +
						"body refuses it",
				})
			}
		})
	}
	bubble.Run(t, func(t *testing.T) {
		r := request(t, "POST", "/charges", order)
		r.Header.Set("Idempotency-Key", "")
		n := over(t, 4, linear, answerLost)
		n.do(t, r)
		expect.That(t, n.count() == 1, expect.Message{
			Did: "sent a POST whose Idempotency-Key is empty; it was executed, but its answer " +
				"was lost",
			Want: "1 attempt: an empty key is none",
			Got:  n.attempts(),
			Why:  "a server cannot tell two orders apart by a key that both lack",
		})
	})
}

func TestIdempotentMethodsAreSentAgain(t *testing.T) {
	for _, verb := range []string{"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", ""} {
		name := verb
		if verb == "" {
			name = `"", which is GET`
		}
		why := "RFC 9110 defines this method as idempotent: when it is executed twice, the " +
			"state of the server is the same as after once"
		got := retry.IsIdempotent(&http.Request{Method: verb})
		expect.That(t, got, expect.Message{
			Did: "asked IsIdempotent for a request with the method " + name, Want: "true",
			Got: "false", Why: why,
		})
		bubble.Run(t, func(t *testing.T) {
			n := over(t, 3, linear, answerLost)
			r := request(t, "GET", "/documents/1", "")
			r.Method = verb
			got := n.do(t, r)
			expect.That(t, n.count() == 2 && got.status == 200, expect.Message{
				Did: fmt.Sprintf("sent a request with the method %s; attempt 1 was %s", name,
					answerLost),
				Want: "2 attempts, the second with 200",
				Got:  got.String() + "; " + n.attempts(),
				Why:  why,
			})
		})
		bubble.Run(t, func(t *testing.T) {
			n := over(t, 3, linear, answerLost)
			r := request(t, "PUT", "/documents/1", "what is looked for")
			r.Method = verb
			got := n.do(t, r)
			expect.That(t, n.count() == 2 && got.status == 200, expect.Message{
				Did: fmt.Sprintf("sent a request with the method %s and a body that can be had again; attempt 1 was %s",
					name, answerLost),
				Want: "2 attempts, the second with 200",
				Got:  got.String() + "; " + n.attempts(),
				Why:  why + ", with a body or without",
			})
		})
		got = retry.IsIdempotent(&http.Request{Method: verb, Header: http.Header{"Idempotency-Key": {""}}})
		expect.That(t, got, expect.Message{
			Did:  fmt.Sprintf("asked IsIdempotent for a request with the method %s and an empty Idempotency-Key", name),
			Want: "true", Got: "false", Why: why + ", and an empty key takes nothing away from that",
		})
	}
}

func TestPatchIsSentOnce(t *testing.T) {
	wantSentOnce(t, "PATCH", "a PATCH is a list of changes, such as \"append x\"; done twice, x "+
		"is there twice")
}

func TestAnUnknownMethodIsSentOnce(t *testing.T) {
	wantSentOnce(t, "FROB", "nobody knows what it does, so nobody knows what it does twice; "+
		"only what is known to be harmless may be repeated")
	wantSentOnce(t, "put", "names of methods are case-sensitive: put is not PUT, but a method "+
		"that nobody knows")
	wantSentOnce(t, "Get", "names of methods are case-sensitive: Get is not GET, but a method "+
		"that nobody knows")
	got := retry.IsIdempotent(&http.Request{Method: "CONNECT"})
	expect.That(t, !got, expect.Message{
		Did: "asked IsIdempotent for a request with the method CONNECT", Want: "false", Got: "true",
		Why: "it opens a tunnel, and whatever goes through may be anything",
	})
	for _, verb := range unknown {
		for _, keys := range []http.Header{nil, {}, {"Idempotency-Key": {""}}, {"X-Request-Id": {"7"}}} {
			got := retry.IsIdempotent(&http.Request{Method: verb, Header: keys})
			expect.That(t, !got, expect.Message{
				Did:  fmt.Sprintf("asked IsIdempotent for a request with the method %q and the headers %v", verb, keys),
				Want: "false: it is none of the six, and there is no key", Got: "true",
				Why: "what is repeated by itself has to be on the list; what looks like it, or is said to be like it, " +
					"is somebody's guess",
			})
		}
	}
	for _, verb := range append(unknown, "LINK", "CONNECT") {
		r := &http.Request{Method: verb, Header: http.Header{"Idempotency-Key": {"7"}}}
		expect.That(t, retry.IsIdempotent(r), expect.Message{
			Did:  fmt.Sprintf("asked IsIdempotent for a %s with an Idempotency-Key", verb),
			Want: "true: with a key, whatever the method", Got: "false",
			Why: "the promise is the server's, for everything that comes with a key",
		})
	}
	long := strings.Repeat("signed-", 60)
	expect.That(t, retry.IsIdempotent(&http.Request{Method: "POST", Header: http.Header{"Idempotency-Key": {long}}}),
		expect.Message{
			Did:  fmt.Sprintf("asked IsIdempotent for a POST with an Idempotency-Key of %d letters", len(long)),
			Want: "true: it is not empty", Got: "false",
			Why: "how long a key may be is for the server to say; a client that counts letters leaves its own keys " +
				"without effect",
		})
}

// unknown are methods that are none of the six, though some look or sound like them.
var unknown = []string{"FROB", "POST", "PATCH", "get", "Head", "dELETE", " GET", "GET ", "PUT\t", "GETS", "GE", "T",
	"DELETEALL", "GET,PUT", "QUERY", "SEARCH", "PROPFIND", "REPORT", "MKCOL", "COPY", "MOVE", "LOCK", "UNBIND", "PRI",
	"CONNECT", "*", " ", "OPTION\u017f", "\u212aPUT"}

func wantSentOnce(t *testing.T, verb, why string) {
	t.Helper()
	got := retry.IsIdempotent(&http.Request{Method: verb})
	expect.That(t, !got, expect.Message{
		Did: "asked IsIdempotent for a request with the method " + verb, Want: "false", Got: "true",
		Why: why,
	})
	bubble.Run(t, func(t *testing.T) {
		n := over(t, 3, linear, answerLost)
		got := n.do(t, request(t, verb, "/documents/1", "append x"))
		expect.That(t, n.count() == 1 && isReset(got.err), expect.Message{
			Did:  fmt.Sprintf("sent a %s without an Idempotency-Key; it was %s", verb, answerLost),
			Want: "1 attempt, and its error",
			Got: fmt.Sprintf("%s; %s; the server has executed it %d times", got, n.attempts(),
				len(n.work())),
			Why: why,
		})
	})
}
