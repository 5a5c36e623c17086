package http1_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	http1 "github.com/backend-labs/backend-labs/labs/b08-request-response"
)

func TestAClientIsAnswered(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serve(t, func(*http1.Request) *http1.Response {
			return &http1.Response{
				Status: 404,
				Header: map[string][]string{"Content-Type": {"text/plain"}, "X-Tag": {"c", "d"}},
				Body:   []byte("no such thing"),
			}
		})
		req := request(t, "GET", "/things?page=2&q=a%20b", "")
		req.Header = http.Header{"X-Tag": {"a", "b"}, "Accept": {"text/plain"}}
		got := s.do(s.client, req)
		const did = "asked with net/http's client for GET /things?page=2&q=a%20b, with the " +
			"header fields Accept, X-Tag: a and X-Tag: b"
		expect.That(t, got.status == 404 && got.body == "no such thing", expect.Message{
			Did:  did,
			Want: `what handle returned: 404 "no such thing"`,
			Got:  got.String(),
			Why: "status line, header lines, an empty line, a body: a client that cannot take " +
				"it apart has got nothing",
		})
		expect.That(t, got.header.Get("Content-Type") == "text/plain" &&
			slices.Equal(got.header["X-Tag"], []string{"c", "d"}), expect.Message{
			Did:  did + ", and looked at the response's header",
			Want: "what handle returned: Content-Type: text/plain, X-Tag: c and X-Tag: d",
			Got:  fmt.Sprint(got.header),
		})
		seen := s.requests()
		expect.That(t, len(seen) == 1, expect.Message{Did: did, Want: "one call of handle",
			Got: fmt.Sprint(len(seen))})
		r := seen[0]
		expect.That(t, r.Method == "GET" && r.Target == "/things?page=2&q=a%20b" &&
			r.Proto == "HTTP/1.1", expect.Message{
			Did:  did + ", and looked at the Request",
			Want: "method GET, target /things?page=2&q=a%20b, proto HTTP/1.1",
			Got:  fmt.Sprintf("method %s, target %s, proto %s", r.Method, r.Target, r.Proto),
		})
		expect.That(t, slices.Equal(r.Header["Host"], []string{"server.test"}) &&
			slices.Equal(r.Header["X-Tag"], []string{"a", "b"}), expect.Message{
			Did:  did + ", and looked at the Request's header",
			Want: `Host with the value server.test, and X-Tag with the values a and b`,
			Got:  fmt.Sprintf("Host %q, X-Tag %q", r.Header["Host"], r.Header["X-Tag"]),
		})
		expect.That(t, r.body == "" && r.bodyErr == nil, expect.Message{
			Did:  did + ", and read the Request's body",
			Want: "nothing, and its end at once: there is no Content-Length",
			Got:  fmt.Sprintf("%q, error %v", r.body, r.bodyErr),
		})
	})
	virtual(t, func(t *testing.T) {
		s := serve(t, echo)
		long := strings.Repeat("a=b; ", 2000)
		lines := ""
		for i := range 200 {
			lines += fmt.Sprintf("X-Part-%d: %d\r\n", i, i)
		}
		text, _ := s.raw("frob /things HTTP/1.1\r\nHost: x\r\nCookie: " + long + "\r\n" + lines + "\r\n")
		seen := s.requests()
		expect.That(t, len(seen) == 1 && seen[0].Method == "frob" && len(seen[0].Header) == 202 &&
			slices.Equal(seen[0].Header["Cookie"], []string{strings.TrimSpace(long)}), expect.Message{
			Did:  fmt.Sprintf("sent a request with the method frob, a Cookie of %d bytes, and 200 other header lines", len(long)),
			Want: "handle called with the method frob and all of the 202 fields",
			Got:  fmt.Sprintf("%d calls; the answer begins %.40q", len(seen), text),
			Why:  "which methods there are, and how much a header may hold, is for handle to say",
		})
	})
	virtual(t, func(t *testing.T) {
		s := serve(t, echo)
		targets := []string{"*", "http://other.test/a?b=c", "//a/../b/./c;d?e#f", "other.test:443", "/%7e%2F+",
			"/" + strings.Repeat("x", 20_000)}
		text := ""
		for _, target := range targets {
			text += "OPTIONS " + target + " HTTP/1.1\r\nHost: x\r\n\r\n"
		}
		text, _ = s.raw(text)
		var seen []string
		for _, r := range s.requests() {
			seen = append(seen, r.Target)
		}
		expect.That(t, slices.Equal(seen, targets), expect.Message{
			Did: fmt.Sprintf("sent OPTIONS requests with the targets %.120q and so on, the last 20,001 "+
				"bytes long", targets),
			Want: "handle called for each, with the target as it was sent",
			Got:  fmt.Sprintf("%.120q; what came back begins %.40q", seen, text),
			Why:  "a target need not be a path, and what it means is for handle to say",
		})
	})
	wantFields(t)
}

// wantFields looks at an answer byte by byte.
func wantFields(t *testing.T) {
	t.Helper()
	virtual(t, func(t *testing.T) {
		s := serve(t, func(*http1.Request) *http1.Response {
			return &http1.Response{Status: 200, Body: []byte("one\ntwo\n"), Header: map[string][]string{
				"X-Empty": {""}, "X-Same": {"a", "a"}, "X-List": {"a, b", "", "c: d"},
			}}
		})
		text, _ := s.raw("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		all := responses(text)
		const did = `sent GET / with Connection: close, for which handle returns X-Empty: "", twice X-Same: "a", ` +
			`and X-List: "a, b", "" and "c: d"`
		ok := len(all) == 1 && slices.Equal(all[0].header["X-Empty"], []string{""}) &&
			slices.Equal(all[0].header["X-Same"], []string{"a", "a"}) &&
			slices.Equal(all[0].header["X-List"], []string{"a, b", "", "c: d"})
		expect.That(t, ok, expect.Message{
			Did:  did,
			Want: "a line for each of the six values",
			Got:  fmt.Sprintf("%q", text),
			Why:  "an empty value is one, and so is the same again: what they mean is for the client to say",
		})
		head, body, _ := strings.Cut(text, "\r\n\r\n")
		expect.That(t, body == "one\ntwo\n" && strings.Count(head, "\n") == strings.Count(head, "\r\n"),
			expect.Message{
				Did:  did + ", and looked at the bytes of the answer's head",
				Want: "CR LF at the end of each line, and none with LF alone",
				Got:  fmt.Sprintf("%q", text),
				Why:  "some clients forgive that, others see one long line, and take what follows for something else",
			})
	})
}

func TestABodyEndsWhereItsLengthSays(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serve(t, echo)
		large := strings.Repeat("0123456789abcdef", 1<<16)
		got := s.do(s.client, request(t, "POST", "/echo", large))
		expect.That(t, got.status == 200 && got.body == large, expect.Message{
			Did: "sent 1 MiB with net/http's client to a handle that answers with the body " +
				"that it read",
			Want: "200 and the same 1 MiB",
			Got:  got.String(),
			Why: "on a connection that stays open the end of the stream never comes: only the " +
				"length says where a body ends",
		})
		text, _ := s.raw("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello and more")
		all := responses(text, "POST")
		expect.That(t, len(all) > 0 && all[0].body == "hello", expect.Message{
			Did:  `sent a POST with Content-Length: 5, and after the empty line the bytes "hello and more"`,
			Want: `a body of 5 bytes, "hello": what follows is no part of it`,
			Got:  list(all, text),
		})
	})
	for _, c := range []struct{ what, first, body string }{
		{"GET", "GET /one HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "hello"},
		{"DELETE", "DELETE /one HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "hello"},
		{"PROPFIND", "PROPFIND /one HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "hello"},
		{"frob", "frob /one HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", "hello"},
		{
			"POST with Expect",
			"POST /one HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello", "hello",
		},
		{
			"POST with Content_Length",
			"POST /one HTTP/1.1\r\nHost: x\r\nContent_Length: 50\r\nX-Content-Length: 5\r\n\r\n", "",
		},
		{
			"POST with zeros before its length",
			"POST /one HTTP/1.1\r\nHost: x\r\nContent-Length: 0000000000000000000000010\r\n\r\nhellohello",
			"hellohello",
		},
		{"POST with a length of 0", "POST /one HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", ""},
	} {
		virtual(t, func(t *testing.T) {
			s := serve(t, echo)
			text, _ := s.raw(c.first + "GET /two HTTP/1.1\r\nHost: x\r\n\r\n")
			all := responses(text, "GET", "GET")
			if len(all) > 0 && all[0].status == 100 { // not asked for, and not forbidden
				all = all[1:]
			}
			ok := len(all) == 2 && all[0].status == 200 && all[0].body == c.body &&
				all[1].status == 200 && all[1].header.Get("Echo-Target") == "/two"
			expect.That(t, ok, expect.Message{
				Did: fmt.Sprintf("sent %q, a %s, and after it GET /two, to a handle that answers with "+
					"the body", c.first, c.what),
				Want: fmt.Sprintf("two responses, 200 %q to /one and 200 to /two", c.body),
				Got:  list(all, text),
				Why: "the length alone says whether there is a body and how long it is: where two " +
					"servers go by something else, they disagree about the next request",
			})
		})
	}
	virtual(t, func(t *testing.T) {
		s := serve(t, echo)
		text, _ := s.raw("POST /echo HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello")
		all := responses(text, "POST")
		expect.That(t, len(all) == 1 && all[0].body == "hello", expect.Message{
			Did:  `sent a POST of HTTP/1.0 with Content-Length: 5 and the body "hello"`,
			Want: `200 "hello"`,
			Got:  list(all, text),
		})
	})
	virtual(t, func(t *testing.T) {
		s := serve(t, echo)
		const length = "9223372036854775807"
		text, _ := s.raw("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: "+length+"\r\n\r\nhel", hangUp)
		all := responses(text, "POST")
		// Without the rest there need not be an answer, but it is no reason to refuse.
		expect.That(t, len(all) == 0 || all[0].status == 200, expect.Message{
			Did: "sent a POST with Content-Length: " + length + ", which fits into an int64, 3 bytes of " +
				"its body, and closed the connection",
			Want: "no refusal: the rest is waited for",
			Got:  list(all, text),
			Why:  "how much is too much is for handle to say, which reads the body",
		})
	})
	virtual(t, func(t *testing.T) {
		s := serve(t, echo)
		s.raw("POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhel", hangUp)
		synctest.Wait() // until the server has seen the end, too
		// a ServeConn that reads the body itself never calls handle, and is right
		for _, r := range s.requests() {
			expect.That(t, r.bodyErr != nil, expect.Message{
				Did:  `sent a POST with Content-Length: 10, 3 bytes of its body, "hel", and closed the connection`,
				Want: "an error when the body is read: it is not complete",
				Got:  fmt.Sprintf("the body %q, and an end like that of a whole body", r.body),
				Why:  "half an upload that looks like a whole one is stored as one",
			})
		}
	})
}

func TestAConnectionIsKept(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serve(t, func(r *http1.Request) *http1.Response {
			if r.Target == "/empty" {
				return &http1.Response{Status: 200}
			}
			return &http1.Response{Status: 200, Body: []byte("answer to " + r.Target)}
		})
		for _, c := range []struct{ method, path, want string }{
			{"GET", "/one", "answer to /one"},
			{"POST", "/empty", ""},
			{"GET", "/three", "answer to /three"},
		} {
			got := s.do(s.client, request(t, c.method, c.path, ""))
			expect.That(t, got.status == 200 && got.body == c.want, expect.Message{
				Did: "asked with net/http's client for GET /one, POST /empty and GET /three, " +
					"one after another; this is " + c.method + " " + c.path,
				Want: fmt.Sprintf("200 %q", c.want),
				Got:  got.String(),
				Why: "a client knows by Content-Length where a response ends; without it, it " +
					"waits for more until one side loses patience",
			})
			time.Sleep(time.Second)
		}
		n := len(s.all())
		expect.That(t, n == 1, expect.Message{
			Did: "asked with net/http's client for GET /one, POST /empty and GET /three, one " +
				"after another",
			Want: "all of them over one connection",
			Got:  fmt.Sprintf("%d connections", n),
			Why: "a new connection costs one to three trips through the network before the " +
				"first byte of the request",
		})
	})
	virtual(t, func(t *testing.T) {
		s := serve(t, func(r *http1.Request) *http1.Response {
			if r.Target == "/slow" {
				time.Sleep(2 * time.Hour)
			}
			return echo(r)
		})
		c, err := s.Dial(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		in := bufio.NewReader(c)
		for _, target := range []string{"/one", "/slow", "/two", "/three"} {
			c.SetDeadline(time.Now().Add(3 * time.Hour))
			io.WriteString(c, "GET "+target+" HTTP/1.1\r\nHost: x\r\n\r\n")
			var got answer
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				got.err = err
			} else {
				got = read(res)
			}
			expect.That(t, got.status == 200 && got.header.Get("Echo-Target") == target && !got.close, expect.Message{
				Did: "sent GET /one, /slow, /two and /three over one connection, with three days " +
					"between an answer and the next; handle takes two hours for /slow. This is " + target,
				Want: "200 to " + target + ", without Connection: close",
				Got:  got.String(),
				Why:  "how long one waits, for a client and for handle, is for whoever calls ServeConn to say",
			})
			time.Sleep(72 * time.Hour)
		}
		expect.That(t, s.all()[0].deadlines.Load() == 0, expect.Message{
			Did:  "sent four requests over one connection, and looked at which deadlines ServeConn has set on it",
			Want: "none",
			Got:  fmt.Sprintf("%d calls of SetDeadline, SetReadDeadline or SetWriteDeadline", s.all()[0].deadlines.Load()),
			Why: "one of its own takes the place of that of whoever calls ServeConn, who knows how long a client may " +
				"take over an answer",
		})
	})
	wantConnectionsApart(t)
}

// wantConnectionsApart has two connections, at one of which handle takes its time.
func wantConnectionsApart(t *testing.T) {
	t.Helper()
	virtual(t, func(t *testing.T) {
		goOn := make(chan struct{})
		s := serve(t, func(r *http1.Request) *http1.Response {
			if r.Target == "/slow" {
				<-goOn
			}
			return echo(r)
		})
		slow := make(chan string, 1)
		go func() {
			text, _ := s.raw("GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			slow <- text
		}()
		synctest.Wait()
		text, _ := s.raw("GET /fast HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		close(goOn)
		all := responses(text)
		expect.That(t, len(all) == 1 && all[0].header.Get("Echo-Target") == "/fast", expect.Message{
			Did:  "sent GET /slow over one connection and GET /fast over another, while handle is still busy with /slow",
			Want: "200 to /fast at once",
			Got:  list(all, text),
			Why:  "one after another is what the requests of one connection are: two clients know nothing of each other",
		})
		<-slow
	})
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	virtual(t, func(t *testing.T) {
		var running, together atomic.Int32
		s := serve(t, func(r *http1.Request) *http1.Response {
			if running.Add(1) > 1 {
				together.Add(1)
			}
			defer running.Add(-1)
			if r.Target == "/slow" {
				time.Sleep(time.Second)
			}
			return echo(r)
		})
		text, _ := s.raw("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n" +
			"POST /fast HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody" +
			"GET /last HTTP/1.1\r\nHost: x\r\n\r\n")
		all := responses(text, "GET", "POST", "GET")
		var bodies []string
		for _, a := range all {
			bodies = append(bodies, a.header.Get("Echo-Target")+a.body)
		}
		expect.That(t, slices.Equal(bodies, []string{"/slow", "/fastbody", "/last"}),
			expect.Message{
				Did: "sent GET /slow, POST /fast with the body \"body\" and GET /last in one " +
					"piece; handle takes a second for /slow",
				Want: "three responses, to /slow, to /fast with its body, to /last",
				Got:  list(all, text),
				Why: "nothing in a response says which request it belongs to: the order does. With " +
					"one missing or out of order, a user gets the answer of another",
			})
		expect.That(t, together.Load() == 0, expect.Message{
			Did: "sent GET /slow, POST /fast and GET /last in one piece; handle takes a second " +
				"for /slow",
			Want: "handle called for one after another",
			Got:  "a call of handle while another one was still running",
			Why:  "a request may rest on what the one before it has done",
		})
	})
	virtual(t, func(t *testing.T) {
		s := serve(t, echo)
		const n = 1200
		text, closed := s.raw(strings.Repeat("GET /again HTTP/1.1\r\nHost: x\r\n\r\n", n))
		all := responses(text)
		expect.That(t, len(all) == n && !all[n-1].close && !closed, expect.Message{
			Did:  fmt.Sprintf("sent %d requests over one connection", n),
			Want: fmt.Sprintf("%d responses, and the connection left open", n),
			Got:  fmt.Sprintf("%d responses; closed: %v", len(all), closed),
			Why:  "there are two reasons to close a connection, and a number of requests is none of them",
		})
	})
	wantAnsweredBefore(t)
	wantRequestsApart(t)
}

// wantAnsweredBefore has requests before one that is refused, and before one that is not complete.
func wantAnsweredBefore(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		what, then string
		statuses   []int
	}{
		{"a header line without a colon", "GET /three HTTP/1.1\r\nHost: x\r\nAccept\r\n\r\n", []int{200, 200, 400}},
		{"Transfer-Encoding", "GET /three HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", []int{200, 200, 501}},
		{"the rest still to come", "GET /three HTTP/1.1\r\nHost", []int{200, 200}},
	} {
		virtual(t, func(t *testing.T) {
			s := serve(t, echo)
			text, _ := s.raw("GET /one HTTP/1.1\r\nHost: x\r\n\r\nPOST /two HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n" +
				"body" + c.then)
			var statuses []int
			for _, a := range responses(text) {
				statuses = append(statuses, a.status)
			}
			expect.That(t, slices.Equal(statuses, c.statuses), expect.Message{
				Did: fmt.Sprintf("sent GET /one, POST /two and a third request with %s, %q, in one piece, and waited",
					c.what, c.then),
				Want: fmt.Sprintf("responses with %v", c.statuses),
				Got:  list(responses(text), text),
				Why:  "what was understood is answered, whatever comes behind it",
			})
		})
	}
}

func TestARequestMayArriveInPieces(t *testing.T) {
	const whole = "POST /pieces HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello"
	send := func(t *testing.T, did string, pieces []string) {
		t.Helper()
		virtual(t, func(t *testing.T) {
			s := serve(t, echo)
			text, _ := s.raw("", func(c net.Conn) {
				for _, piece := range pieces {
					io.WriteString(c, piece)
					time.Sleep(10 * time.Millisecond)
				}
			})
			all := responses(text, "POST")
			expect.That(t, len(all) == 1 && all[0].status == 200 && all[0].body == "hello",
				expect.Message{
					Did:  did,
					Want: `one response, 200 "hello", when all of it has arrived`,
					Got:  list(all, text),
					Why: "a connection carries bytes and not messages: the network cuts them where " +
						"it likes, and a Read returns what has come so far",
				})
		})
	}
	for i := 1; i < len(whole); i++ {
		send(t, fmt.Sprintf("sent a POST with the body \"hello\" in two pieces, %q and, 10 ms "+
			"later, %q", whole[:i], whole[i:]), []string{whole[:i], whole[i:]})
	}
	send(t, "sent a POST with the body \"hello\" byte by byte, one each 10 ms",
		strings.Split(whole, ""))
}

func TestAnUnreadBodyIsNotTheNextRequest(t *testing.T) {
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, c := range []struct{ size, read int }{{10 << 10, 0}, {10 << 10, 100}, {64 << 10, 0},
		{1, 0}, {100 << 10, 36 << 10}, {1 << 20, 1<<20 - 64<<10}, {64<<10 + 1, 0}, {1 << 20, 0}, {1 << 20, 100}} {
		mayClose := c.size-c.read > 64<<10
		virtual(t, func(t *testing.T) {
			s := serve(t, func(r *http1.Request) *http1.Response {
				io.ReadFull(r.Body, make([]byte, c.read))
				return &http1.Response{Status: 200,
					Header: map[string][]string{"Echo-Target": {r.Target}}}
			})
			s.ignoreBodies = true
			body := strings.Repeat(smuggled, c.size/len(smuggled)+1)[:c.size]
			text, closed := s.raw(fmt.Sprintf(
				"POST /one HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", c.size, body) +
				"GET /two HTTP/1.1\r\nHost: x\r\n\r\n")
			all := responses(text, "POST", "GET")
			ok := len(all) == 2 && all[0].header.Get("Echo-Target") == "/one" &&
				all[1].header.Get("Echo-Target") == "/two"
			want := "two responses, to /one and to /two"
			if mayClose {
				ok = ok || len(all) == 1 && all[0].header.Get("Echo-Target") == "/one" && closed
				want += "; or one, to /one, and the connection closed, as more than 64 KiB are left"
			}
			expect.That(t, ok, expect.Message{
				Did: fmt.Sprintf(
					"sent POST /one with a body of %d bytes, of which handle reads %d, and "+
						"after it GET /two; the body is a text that looks like requests for "+
						"/smuggled",
					c.size, c.read),
				Want: want,
				Got:  list(all, text),
				Why: "whoever may choose a body could otherwise put a request of their own in " +
					"front of the next user's: request smuggling",
			})
		})
	}
	wantBodiesApart(t)
}

// wantBodiesApart has a handle that reads the first request's body when the second one has come.
func wantBodiesApart(t *testing.T) {
	t.Helper()
	for _, size := range []int{5, 10 << 10} {
		virtual(t, func(t *testing.T) {
			var first io.Reader
			late := "nothing"
			s := serve(t, func(r *http1.Request) *http1.Response {
				if first == nil {
					first = r.Body
					return &http1.Response{Status: 200}
				}
				text, _ := io.ReadAll(first)
				late = fmt.Sprintf("%q", text)
				return echo(r)
			})
			s.ignoreBodies = true
			body := strings.Repeat("1", size)
			text, _ := s.raw(fmt.Sprintf("POST /one HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", size, body) +
				"POST /two HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello" +
				"GET /three HTTP/1.1\r\nHost: x\r\n\r\n")
			all := responses(text)
			expect.That(t, len(all) == 3 && all[1].body == "hello" && all[2].header.Get("Echo-Target") == "/three" &&
				!strings.Contains(late, "hello") && !strings.Contains(late, "three"), expect.Message{
				Did: fmt.Sprintf("sent POST /one with a body of %d bytes, which handle does not read but keeps, POST /two "+
					"with the body \"hello\", at which handle reads the first body and then its own, and GET /three", size),
				Want: `200, 200 "hello" and 200; the first body ends where it did`,
				Got:  fmt.Sprintf("%s; read in the first body: %s", list(all, text), late),
				Why: "a Body ends after its own bytes, whenever it is read: one that goes on reads another user's request, " +
					"and takes it out of the stream",
			})
		})
	}
}

// wantRequestsApart has a handle that keeps the requests that it was called for.
func wantRequestsApart(t *testing.T) {
	t.Helper()
	virtual(t, func(t *testing.T) {
		var kept []*http1.Request
		s := serve(t, echo)
		s.look = func(r *http1.Request) { kept = append(kept, r) }
		s.raw("GET /one HTTP/1.1\r\nHost: x\r\nX-User: ann\r\nX-One: 1\r\n\r\n" +
			"HEAD /two HTTP/1.1\r\nHost: y\r\nX-User: bob\r\n\r\n")
		ok := len(kept) == 2 && kept[0].Method == "GET" && kept[0].Target == "/one" && len(kept[0].Header) == 3 &&
			slices.Equal(kept[0].Header["X-User"], []string{"ann"}) && slices.Equal(kept[0].Header["Host"], []string{"x"})
		got := fmt.Sprintf("%d calls", len(kept))
		if len(kept) > 0 {
			got = fmt.Sprintf("%s %s with %q", kept[0].Method, kept[0].Target, kept[0].Header)
		}
		expect.That(t, ok, expect.Message{
			Did:  "sent GET /one with X-User: ann and HEAD /two with X-User: bob, and then looked at the first Request",
			Want: `GET /one with Host "x", X-One "1" and X-User "ann", as when handle was called`,
			Got:  got,
			Why: "whoever passes a request on to a goroutine, for a log or a queue, still looks at it when handle has " +
				"returned, and would see the next user in it",
		})
	})
}

func TestHeaderNamesAreCaseInsensitive(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serve(t, echo)
		text, _ := s.raw("POST /one HTTP/1.1\r\nhOST: x\r\ncontent-LENGTH:5\r\nconnECTION: a, b\r\nx-trace-ID: \t 7 " +
			"\t\r\n\r\nhello" +
			"GET /two HTTP/1.1\r\nHOST: x\r\n\r\n")
		all := responses(text, "POST", "GET")
		expect.That(t, len(all) == 2 && all[0].status == 200 && all[0].body == "hello" &&
			all[1].status == 200, expect.Message{
			Did:  `sent a POST with the header lines "hOST: x" and "content-LENGTH:5" and the body "hello", and after it a GET with "HOST: x"`,
			Want: `two responses: 200 "hello", and 200`,
			Got:  list(all, text),
			Why: "HTTP/2 has small letters only, and proxies rewrite them: whoever looks for " +
				"one spelling misses a length, and with it the end of the body",
		})
		header := s.requests()[0].Header
		expect.That(t, slices.Equal(header["X-Trace-Id"], []string{"7"}) &&
			slices.Equal(header["Host"], []string{"x"}), expect.Message{
			Did:  `sent a request with the header lines "hOST: x" and "x-trace-ID: 7", with more spaces and tabs around the 7, and looked at the Request's header`,
			Want: `the canonical names: Host with the value "x", X-Trace-Id with the value "7"`,
			Got:  fmt.Sprintf("%q", header),
		})
		expect.That(t, slices.Equal(header["Content-Length"], []string{"5"}) &&
			slices.Equal(header["Connection"], []string{"a, b"}) && len(header) == 4, expect.Message{
			Did: `sent a request with the header lines "hOST: x", "content-LENGTH:5", "connECTION: a, b" ` +
				`and "x-trace-ID: 7", and looked at the Request's header`,
			Want: `all of the four: Content-Length with the value "5" and Connection with "a, b" among them`,
			Got:  fmt.Sprintf("%q", header),
			Why:  "that ServeConn goes by a field, too, does not take it from handle",
		})
	})
	virtual(t, func(t *testing.T) {
		s := serve(t, echo)
		s.raw("GET / HTTP/1.1\r\nHost: x:8080\r\nX-Url: http://a:80/b  c\r\nX-Empty:\r\nX-Name: \u00a0ann\u00a0 \r\n\r\n")
		seen := s.requests()
		got := fmt.Sprintf("%d requests", len(seen))
		if len(seen) == 1 {
			got = fmt.Sprintf("%+q", seen[0].Header)
		}
		expect.That(t, len(seen) == 1 && slices.Equal(seen[0].Header["Host"], []string{"x:8080"}) &&
			slices.Equal(seen[0].Header["X-Url"], []string{"http://a:80/b  c"}) &&
			slices.Equal(seen[0].Header["X-Empty"], []string{""}) &&
			slices.Equal(seen[0].Header["X-Name"], []string{"\u00a0ann\u00a0"}), expect.Message{
			Did: `sent the header lines "Host: x:8080", "X-Url: http://a:80/b  c", "X-Empty:" and ` +
				`"X-Name: \u00a0ann\u00a0 ", and looked at the Request's header`,
			Want: "the whole values: the first colon ends the name, what is inside stays, a value may be empty, and " +
				"what is no space or tab belongs to it",
			Got: got,
			Why: "addresses, times and URLs have colons in them, and an empty value is one",
		})
	})
}

func TestSomeAnswersHaveNoBody(t *testing.T) {
	virtual(t, func(t *testing.T) {
		s := serve(t, func(r *http1.Request) *http1.Response {
			status, err := strconv.Atoi(strings.TrimPrefix(r.Target, "/"))
			if err != nil {
				return &http1.Response{Status: 200}
			}
			return &http1.Response{Status: status, Body: []byte("hello")}
		})
		for status := 200; status <= 599; status++ {
			if status == 204 || status == 304 {
				continue
			}
			text, closed := s.raw(fmt.Sprintf("GET /%d HTTP/1.1\r\nHost: x\r\n\r\n", status))
			all := responses(text)
			expect.That(t, len(all) == 1 && all[0].status == status && all[0].body == "hello" &&
				all[0].header.Get("Content-Length") == "5" && !closed, expect.Message{
				Did:  fmt.Sprintf(`sent a GET for which handle returns the status %d and the body "hello"`, status),
				Want: fmt.Sprintf("%d with Content-Length: 5 and that body, and the connection left open", status),
				Got:  fmt.Sprintf("%q; closed: %v", text, closed),
				Why:  "two statuses have no body; what all others are about is for handle to say",
			})
		}
		for _, c := range []struct {
			method, path string
			length       string
			want         string
			why          string
		}{
			{"HEAD", "/200", "5", "Content-Length: 5, which a GET would have, and no body",
				"a client does not expect a body after HEAD: it takes the bytes for the next " +
					"response"},
			{"HEAD", "/empty", "0", "Content-Length: 0, which a GET would have, and no body",
				"what a HEAD is told is what a GET would be"},
			{"GET", "/204", "", "no body and no Content-Length",
				"204 says that there is nothing: clients take what follows for the next response"},
			{"HEAD", "/204", "", "no body and no Content-Length",
				"204 has no Content-Length, whatever the method"},
			{"GET", "/304", "", "no body and no Content-Length",
				"304 says that the client has the body already: it takes what follows for the " +
					"next response"},
		} {
			text, _ := s.raw(fmt.Sprintf(
				"%s %s HTTP/1.1\r\nHost: x\r\n\r\nGET /200 HTTP/1.1\r\nHost: x\r\n\r\n", c.method,
				c.path))
			head, rest, _ := strings.Cut(text, "\r\n\r\n")
			all := responses(text, c.method, "GET")
			ok := len(all) == 2 && all[0].header.Get("Content-Length") == c.length &&
				strings.HasPrefix(rest, "HTTP/1.1 200 ") && strings.HasSuffix(rest, "\r\n\r\nhello")
			expect.That(t, ok, expect.Message{
				Did: fmt.Sprintf(
					"sent %s %s, for which handle returns the body \"hello\" (none for /empty), and "+
						"after it GET /200, over one connection", c.method, c.path),
				Want: "a first response with " + c.want + ", and right behind it the second",
				Got:  fmt.Sprintf("the first: %q, and behind its empty line: %q", head, rest),
				Why:  c.why,
			})
		}
		text, _ := s.raw("head /200 HTTP/1.1\r\nHost: x\r\n\r\n")
		expect.That(t, strings.HasSuffix(text, "\r\n\r\nhello"), expect.Message{
			Did:  `sent head /200, a method in small letters, for which handle returns the body "hello"`,
			Want: "a response with that body: that is not HEAD",
			Got:  fmt.Sprintf("%q", text),
			Why:  "methods are case-sensitive: who sends this one expects an answer as to any other",
		})
	})
	wantTheirResponse(t)
}

// wantTheirResponse has a handle that returns the same Response each time.
func wantTheirResponse(t *testing.T) {
	t.Helper()
	virtual(t, func(t *testing.T) {
		same := &http1.Response{Status: 200, Header: map[string][]string{"X-Tag": {"a"}}, Body: []byte("hello")}
		s := serve(t, func(*http1.Request) *http1.Response { return same })
		s.raw("HEAD / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.0\r\n\r\n")
		const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
		text, closed := s.raw(get + get)
		all := responses(text)
		ok := len(all) == 2 && !closed
		for _, a := range all {
			ok = ok && a.status == 200 && a.body == "hello" && !a.close && len(a.header["Content-Length"]) == 1 &&
				slices.Equal(a.header["X-Tag"], []string{"a"})
		}
		ok = ok && len(same.Header) == 1 && string(same.Body) == "hello"
		expect.That(t, ok, expect.Message{
			Did: "let handle return the same Response each time, sent a HEAD and a GET of HTTP/1.0 over one connection, " +
				"and then two GETs over another",
			Want: `twice 200 "hello" with what handle returned, and the Response as it was`,
			Got:  fmt.Sprintf("%q; closed: %v; the Response is %+v", text, closed, *same),
			Why: "an answer that is always the same is made once, and returned to all: what ServeConn writes into it " +
				"for one client, the next one gets",
		})
	})
}

func TestWhatCannotBeUnderstoodIsRefused(t *testing.T) {
	const why = "what one server refuses, a second one guesses at, and each in its own way; " +
		"attackers live on the difference"
	for _, c := range []struct{ what, head string }{
		{"a request line of one word", "GARBAGE\r\nHost: x"},
		{"a request line without a version", "GET /\r\nHost: x"},
		{"a request line of four words", "GET / HTTP/1.1 more\r\nHost: x"},
		{"a request line without a method", " / HTTP/1.1\r\nHost: x"},
		{"a request line with another protocol", "GET / FTP/1.1\r\nHost: x"},
		{"a header line without a colon", "GET / HTTP/1.1\r\nHost: x\r\nAccept"},
		{"a header line without a colon in HTTP/1.0", "GET / HTTP/1.0\r\nHost: x\r\nAccept"},
		{"a space before the colon", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length : 5"},
		{"a request line that ends in LF alone", "GET / HTTP/1.1\nHost: x"},
		{"a header line that ends in LF alone", "GET / HTTP/1.1\r\nAccept: a\nHost: x"},
		{"a last header line that ends in LF alone", "GET / HTTP/1.1\r\nHost: x\nAccept: a"},
		{"a request line with two spaces", "GET  / HTTP/1.1\r\nHost: x"},
		{"a request line with a tab", "GET\t/ HTTP/1.1\r\nHost: x"},
		{"a request line with a space at its end", "GET / HTTP/1.1 \r\nHost: x"},
		{"a request line without a target", "GET  HTTP/1.1\r\nHost: x"},
		{"a version in small letters", "GET / http/1.1\r\nHost: x"},
		{"a header line without a name", "GET / HTTP/1.1\r\nHost: x\r\n: a"},
		{"a header line that begins with a space", "GET / HTTP/1.1\r\nHost: x\r\n Accept: a"},
		{"a tab before the colon", "GET / HTTP/1.1\r\nHost: x\r\nAccept\t: a"},
		{"a space in a header's name", "GET / HTTP/1.1\r\nHost: x\r\nAcc ept: a"},
		{"an empty line that ends in LF alone", "GET / HTTP/1.1\r\nHost: x\r\n\nAccept: a"},
		{"a Content-Length of two words", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5 5"},
		{"a header line that goes on in the next", "GET / HTTP/1.1\r\nHost: x\r\nAccept: a\r\n\tb: c"},
		{"a Content-Length with a comma", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5, 5"},
		{"a Content-Length with a fraction", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5.0"},
		{"a Content-Length of minus zero", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -0"},
		{"a Content-Length with an underscore", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1_0"},
		{"a Content-Length of more than 64 bits", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 18446744073709551621"},
		{"a Content-Length in words", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: five"},
		{"a Content-Length with a minus", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -5"},
		{"a Content-Length with a plus", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +5"},
		{"an empty Content-Length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length:"},
		{"a hexadecimal Content-Length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0x10"},
		{"a Content-Length with a letter", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1a"},
		{"a Content-Length beyond int64", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9223372036854775808"},
		{"a vertical tab before a Content-Length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \v5"},
		{"a form feed behind a Content-Length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\f"},
		{"a no-break space before a Content-Length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \u00a05"},
		{"a second CR behind a Content-Length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r"},
		{"a NUL behind a Content-Length", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\x00"},
		{"a second CR behind the request line", "GET / HTTP/1.1\r\r\nHost: x"},
		{"a header line of a space", "POST / HTTP/1.1\r\nHost: x\r\n \r\nContent-Length: 5"},
		{"a header line of a CR", "POST / HTTP/1.1\r\nHost: x\r\n\r\r\nContent-Length: 5"},
	} {
		wantRefused(t, 400, c.what, c.head, why)
	}
}

func TestHostIsRequired(t *testing.T) {
	const why = "many sites share one address, and Host says which one is meant; guessed, one " +
		"customer's users see another customer's pages"
	wantRefused(t, 400, "HTTP/1.1 and no Host", "GET / HTTP/1.1\r\nAccept: text/plain", why)
	wantRefused(t, 400, "a whole URL, HTTP/1.1 and no Host", "GET http://x/ HTTP/1.1\r\nAccept: text/plain", why)
	wantRefused(t, 400, "the target *, HTTP/1.1 and no Host", "OPTIONS * HTTP/1.1\r\nX-Host: x", why)
	virtual(t, func(t *testing.T) {
		s := serve(t, echo)
		text, closed := s.raw("GET /one HTTP/1.1\r\nHost:\r\n\r\nGET /two HTTP/1.1\r\nHost: \r\n\r\n")
		all := responses(text)
		expect.That(t, len(all) == 2 && all[0].status == 200 && all[1].status == 200 && !closed, expect.Message{
			Did:  `sent two GETs with the header lines "Host:" and "Host: "`,
			Want: "200 for both: Host is there, and says nothing",
			Got:  list(all, text),
			Why: "a client that has no name for the server sends an empty Host (RFC 9112, section 3.2): to look for " +
				"a value is not to look for the field",
		})
	})
	virtual(t, func(t *testing.T) {
		s := serve(t, echo)
		text, _ := s.raw("GET / HTTP/1.0\r\n\r\n")
		all := responses(text, "GET")
		expect.That(t, len(all) == 1 && all[0].status == 200, expect.Message{
			Did:  "sent GET / HTTP/1.0 without Host",
			Want: "200: HTTP/1.0 did not have that field yet",
			Got:  list(all, text),
		})
	})
}

func TestTwoLengthsAreRefused(t *testing.T) {
	const why = "a proxy that believes one length in front of a server that believes the other: " +
		"what one takes for a body, the other takes for the next request"
	for _, c := range []struct{ what, fields string }{
		{"two different Content-Lengths", "Content-Length: 5\r\nContent-Length: 0"},
		{"two different Content-Lengths, the longer one last", "Content-Length: 0\r\nContent-Length: 5"},
		{"two different Content-Lengths in two spellings", "Content-Length: 5\r\ncontent-length: 6"},
		{
			"three Content-Lengths, the second one different",
			"Content-Length: 5\r\nContent-Length: 6\r\nContent-Length: 5",
		},
		{
			"three Content-Lengths, the last one different",
			"Content-Length: 5\r\nContent-Length: 5\r\nContent-Length: 6",
		},
		{"Content-Length: 0 and Transfer-Encoding", "Content-Length: 0\r\nTransfer-Encoding: chunked"},
		{"Content-Length and Transfer-Encoding", "Content-Length: 5\r\nTransfer-Encoding: chunked"},
		{"Transfer-Encoding and Content-Length", "Transfer-Encoding: chunked\r\nContent-Length: 5"},
		{"Content-Length and a Transfer-Encoding without a value", "Content-Length: 5\r\nTransfer-Encoding:"},
	} {
		wantRefused(t, 400, c.what, "POST / HTTP/1.1\r\nHost: x\r\n"+c.fields, why)
	}
}

func TestTransferEncodingIsNotImplemented(t *testing.T) {
	for _, c := range []string{"chunked", "Chunked", "gzip, chunked", "identity"} {
		wantRefused(t, 501, "Transfer-Encoding: "+c,
			"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "+c,
			"a body of which you do not know the end cannot be skipped either; ignored, its "+
				"chunks are taken for requests")
	}
	for _, c := range []struct{ what, head string }{
		{"HTTP/1.0 and Transfer-Encoding: chunked", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked"},
		{"GET and transfer-ENCODING: chunked", "GET / HTTP/1.1\r\nHost: x\r\ntransfer-ENCODING: chunked"},
		{
			"two Transfer-Encodings",
			"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: x\r\nTransfer-Encoding: chunked",
		},
		{"a Transfer-Encoding without a value", "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding:"},
	} {
		wantRefused(t, 501, c.what, c.head, "whoever sends it in front of its body knows where that ends; "+
			"you do not, whatever the method and the version are")
	}
}

func TestCloseIsHonoured(t *testing.T) {
	for _, c := range []struct{ what, head string }{
		{"Connection: close", "GET /one HTTP/1.1\r\nHost: x\r\nConnection: close"},
		{"connection: CLOSE", "GET /one HTTP/1.1\r\nHost: x\r\nconnection: CLOSE"},
		{"Connection: foo and Connection: close", "GET /one HTTP/1.1\r\nHost: x\r\nConnection: foo\r\nConnection: close"},
		{"Connection: close,foo", "GET /one HTTP/1.1\r\nHost: x\r\nConnection: close,foo"},
		{"Connection: foo ,\tcLOSE , bar", "GET /one HTTP/1.1\r\nHost: x\r\nConnection: foo ,\tcLOSE , bar"},
		{"Connection: Foo, Close", "GET /one HTTP/1.1\r\nHost: x\r\nConnection: Foo, Close"},
		{"HTTP/1.0", "GET /one HTTP/1.0\r\nHost: x"},
	} {
		virtual(t, func(t *testing.T) {
			s := serve(t, echo)
			text, closed := s.raw(c.head + "\r\n\r\nGET /two HTTP/1.1\r\nHost: x\r\n\r\n")
			all := responses(text, "GET", "GET")
			expect.That(t, len(all) == 1 && all[0].status == 200 && all[0].header.Get("Content-Length") == "0" &&
				all[0].close && closed,
				expect.Message{
					Did:  fmt.Sprintf("sent a GET with %s, and after it another GET", c.what),
					Want: "one response, 200 with Content-Length: 0 and Connection: close, and then the connection closed",
					Got: fmt.Sprintf("%q; the connection was %s", text,
						map[bool]string{true: "closed", false: "left open"}[closed]),
					Why: "a client that has asked for it waits for the end of the connection, and " +
						"one that is not told sends its next request into a closing door",
				})
		})
	}
	wantOwnVersion(t)
	for _, c := range []struct {
		method string
		status int
	}{{"GET", 204}, {"GET", 304}, {"HEAD", 200}, {"HEAD", 404}, {"GET", 500}} {
		virtual(t, func(t *testing.T) {
			s := serve(t, func(*http1.Request) *http1.Response {
				return &http1.Response{Status: c.status, Body: []byte("hello")}
			})
			text, closed := s.raw(c.method + " /one HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" +
				"GET /two HTTP/1.1\r\nHost: x\r\n\r\n")
			all := responses(text, c.method, "GET")
			expect.That(t, len(all) == 1 && all[0].status == c.status && all[0].close && closed, expect.Message{
				Did: fmt.Sprintf("sent a %s with Connection: close, for which handle returns the status %d, and after "+
					"it another GET", c.method, c.status),
				Want: fmt.Sprintf("one response, %d with Connection: close, and then the connection closed", c.status),
				Got:  fmt.Sprintf("%q; closed: %v", text, closed),
				Why:  "whether it is the last answer does not depend on what it says",
			})
		})
	}
	for _, fields := range []string{
		"Connection: keep-alive, closed, x-close, upgrade", "Connection: not close", "Connection: keep-alive\r\nProxy-Connection: close",
	} {
		virtual(t, func(t *testing.T) {
			s := serve(t, echo)
			text, closed := s.raw("GET /one HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n\r\nGET /two HTTP/1.1\r\nHost: x\r\n\r\n")
			all := responses(text, "GET", "GET")
			expect.That(t, len(all) == 2 && !all[0].close && !closed, expect.Message{
				Did:  fmt.Sprintf("sent a GET with %q (none of which is close), and after it another GET", fields),
				Want: "two responses, without Connection: close, and the connection left open",
				Got: fmt.Sprintf("%s; the connection was %s", list(all, text),
					map[bool]string{true: "closed", false: "left open"}[closed]),
			})
		})
	}
}

// wantOwnVersion looks at the status line for a client that speaks HTTP/1.0.
func wantOwnVersion(t *testing.T) {
	t.Helper()
	virtual(t, func(t *testing.T) {
		s := serve(t, echo)
		text, _ := s.raw("GET /one HTTP/1.0\r\n\r\n")
		expect.That(t, strings.HasPrefix(text, "HTTP/1.1 200"), expect.Message{
			Did:  "sent a GET with HTTP/1.0, and looked at the status line",
			Want: `"HTTP/1.1 200" and perhaps words`,
			Got:  fmt.Sprintf("%q", text),
			Why: "a status line says what the server speaks, not what the client does (RFC 9110, section 2.5): that is " +
				"how a client learns that it may ask for more the next time",
		})
	})
}

func TestAStalledClientIsGivenUp(t *testing.T) {
	const deadline = 5 * time.Second
	for _, c := range []struct{ what, text string }{
		{"before its first request", ""},
		{"between two requests", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"},
		{"in the middle of the request line", "GET / HT"},
		{"in the middle of the header", "GET / HTTP/1.1\r\nHost: x\r\nAccept"},
		{"before the empty line", "GET / HTTP/1.1\r\nHost: x\r\n"},
		{"in the middle of the body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhel"},
	} {
		virtual(t, func(t *testing.T) {
			s := serve(t, echo)
			s.deadline = deadline
			began := time.Now()
			s.raw(c.text)
			did := fmt.Sprintf(
				"set a read deadline of 5 s on the connection, called ServeConn, and sent %q, "+
					"and nothing more: the client has stalled %s", c.text, c.what)
			conn := s.all()[0]
			end := conn.ended()
			expect.That(t, end != nil && end.at.Sub(began) == deadline && end.err != nil,
				expect.Message{
					Did: did,
					Want: "ServeConn waits for the rest until the deadline, and then returns an " +
						"error",
					Got: conn.fate(began),
					Why: "a slow client is no broken client, and one that never finishes must not " +
						"hold a connection for ever: ten thousand of those are an attack that " +
						"costs " +
						"nothing",
				})
			expect.That(t, end.closed, expect.Message{Did: did,
				Want: "the connection is closed when ServeConn returns", Got: "it is open"})
		})
	}
}

func TestWhatServeConnReturns(t *testing.T) {
	wantWriteError(t)
	wantReadError(t)
	wantErrorOfPartOfARequest(t)
	wantLastBytes(t)
	const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, c := range []struct {
		what, text string
		clean      bool
	}{
		{"the client closed the connection after two requests", get + get, true},
		{"the client closed the connection before its first request", "", true},
		{"the client asked for the close", "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", true},
		{"the client spoke HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", true},
		{"the second request was refused", get + "GET / HTTP/1.1\r\n\r\n", false},
		{"the client closed the connection in the middle of a request line", "GET / HT", false},
		{"the client closed the connection in the middle of a header", "GET / HTTP/1.1\r\nHost: x\r\n", false},
		{"the client closed the connection in the middle of a body", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhel", false},
	} {
		virtual(t, func(t *testing.T) {
			s := serve(t, echo)
			began := time.Now()
			s.raw(c.text, hangUp)
			conn := s.all()[0]
			end := conn.ended()
			want := "nil"
			if !c.clean {
				want = "an error"
			}
			expect.That(t, end != nil && (end.err == nil) == c.clean, expect.Message{
				Did:  fmt.Sprintf("sent %q over one connection: %s", c.text, c.what),
				Want: "ServeConn returns " + want,
				Got:  conn.fate(began),
				Why: "clients come and go, and that is no error; one that leaves in the " +
					"middle, or sends what cannot be understood, is worth a line in the log",
			})
			expect.That(t, end.closed, expect.Message{
				Did:  fmt.Sprintf("sent %q over one connection: %s", c.text, c.what),
				Want: "the connection is closed when ServeConn returns",
				Got:  "it is open",
				Why: "a connection that nobody closes is a file descriptor that is lost; after " +
					"some thousand the server takes no more",
			})
		})
	}
}

// wantReadError has connections on which reading fails where it would otherwise end.
func wantReadError(t *testing.T) {
	t.Helper()
	const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, text := range []string{"", get, get + "GET / HT", get + "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhel"} {
		virtual(t, func(t *testing.T) {
			s := serve(t, echo)
			s.resets = true
			began := time.Now()
			s.raw(text, hangUp)
			conn := s.all()[0]
			end := conn.ended()
			expect.That(t, end != nil && end.err != nil && end.closed, expect.Message{
				Did:  fmt.Sprintf(`sent %q over a connection, of which reading then fails: "connection reset by peer"`, text),
				Want: "ServeConn closes the connection and returns an error",
				Got:  conn.fate(began),
				Why: "a connection that was reset was not closed by a client that had all it wanted: a network that " +
					"breaks connections is found in the log, or never",
			})
		})
	}
}

// wantErrorOfPartOfARequest has clients that are gone in the middle of a request, which nobody learns by writing: the
// network takes what is written.
func wantErrorOfPartOfARequest(t *testing.T) {
	t.Helper()
	const get, post = "GET / HTTP/1.1\r\nHost: x\r\n", "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n"
	for _, text := range []string{
		"GET / HT", get, get + "Accept", get + "\r\n" + get + "Accept", post, post + "hel", post + "hello",
	} {
		virtual(t, func(t *testing.T) {
			s := serve(t, echo)
			s.swallows = true
			began := time.Now()
			s.raw(text, hangUp)
			conn := s.all()[0]
			end := conn.ended()
			expect.That(t, end != nil && end.err != nil && end.closed, expect.Message{
				Did: fmt.Sprintf("sent %q and closed the connection, on which the server can still write as if somebody "+
					"read it", text),
				Want: "ServeConn closes the connection and returns an error: the client stopped in the middle of a request",
				Got:  conn.fate(began),
				Why: "that nothing more comes is no end of a request: what was cut off would be taken for whole, and nobody " +
					"would hear of it",
			})
		})
	}
}

// wantLastBytes has connections on which one Read returns the last bytes and the end of the stream, as those of
// crypto/tls do.
func wantLastBytes(t *testing.T) {
	t.Helper()
	const get = "GET /one HTTP/1.1\r\nHost: x\r\n\r\n"
	for _, c := range []struct {
		text  string
		calls int
		clean bool
	}{
		{get, 1, true},
		{get + "POST /two HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 2, true},
		{get + "GET /two HT", 1, false},
	} {
		virtual(t, func(t *testing.T) {
			s := serve(t, echo)
			s.swallows, s.endsAtOnce = true, true
			began := time.Now()
			s.raw(c.text, hangUp)
			conn := s.all()[0]
			end := conn.ended()
			seen := s.requests()
			whole := len(seen) == c.calls && (c.calls < 2 || seen[1].body == "hello" && seen[1].bodyErr == nil)
			want := "nil"
			if !c.clean {
				want = "an error"
			}
			expect.That(t, whole && end != nil && (end.err == nil) == c.clean && end.closed, expect.Message{
				Did: fmt.Sprintf("sent %q over a connection of which one Read returns the last of these bytes and io.EOF",
					c.text),
				Want: fmt.Sprintf("handle called %d times, with all that was sent, and then %s", c.calls, want),
				Got:  fmt.Sprintf("handle called %d times; %s", len(seen), conn.fate(began)),
				Why: "a Reader may say with the last bytes that they are the last, and TLS does: what came is looked at " +
					"first, and the error after it",
			})
		})
	}
}

// wantWriteError has connections on which writing fails.
func wantWriteError(t *testing.T) {
	t.Helper()
	for _, room := range []int{1, 200} {
		for _, more := range []string{"", "Connection: close\r\n"} {
			virtual(t, func(t *testing.T) {
				s := serve(t, func(*http1.Request) *http1.Response {
					return &http1.Response{Status: 200, Body: make([]byte, 100_000)}
				})
				s.room = room
				began := time.Now()
				text := "GET / HTTP/1.1\r\nHost: x\r\n" + more + "\r\n"
				s.raw(text, hangUp)
				conn := s.all()[0]
				end := conn.ended()
				expect.That(t, end != nil && end.err != nil && end.closed, expect.Message{
					Did: fmt.Sprintf("sent %q over a connection on which writing fails after %d bytes, "+
						"for an answer of 100,000, and closed it", text, room),
					Want: "ServeConn closes the connection and returns an error",
					Got:  conn.fate(began),
					Why:  "the client has not got its answer: that is not an end as it should be",
				})
			})
		}
	}
}

// virtual runs f in virtual time. What a ServeConn that never returns leaves behind has been told
// already.
func virtual(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	bubble.RunLeaky(t, f)
	if t.Failed() {
		t.FailNow()
	}
}

// echo answers with the request's target and body.
func echo(r *http1.Request) *http1.Response {
	body, _ := io.ReadAll(r.Body)
	return &http1.Response{Status: 200, Header: map[string][]string{"Echo-Target": {r.Target}},
		Body: body}
}

// server calls ServeConn for each connection.
type server struct {
	*memhttp.Listener
	t            *testing.T
	handle       func(*http1.Request) *http1.Response
	client       *http.Client
	deadline     time.Duration // for reading, if not 0
	ignoreBodies bool          // the body is not read for the protocol
	room         int           // so many bytes can be written before writing fails, if not 0
	resets       bool          // who hangs up resets the connection: reading fails
	swallows     bool          // what is written to who has hung up is lost, and no error
	endsAtOnce   bool          // the last bytes and the end of the stream come with one Read

	look func(*http1.Request) // is shown each request that handle is called for, if not nil

	mu    sync.Mutex
	conns []*conn
	seen  []seen
}

// seen is a request that handle was called for.
type seen struct {
	http1.Request
	body    string
	bodyErr error
}

func serve(t *testing.T, handle func(*http1.Request) *http1.Response) *server {
	t.Helper()
	s := &server{Listener: memhttp.Listen(t), t: t, handle: handle}
	s.client = s.Client()
	s.client.Timeout = time.Minute
	go func() {
		for {
			c, err := s.Accept()
			if err != nil {
				return
			}
			s.serveConn(c)
		}
	}()
	return s
}

func (s *server) serveConn(c net.Conn) {
	if s.deadline > 0 {
		c.SetReadDeadline(time.Now().Add(s.deadline))
	}
	serving := &conn{Conn: c, limited: s.room > 0, room: s.room, resets: s.resets, swallows: s.swallows,
		endsAtOnce: s.endsAtOnce}
	s.mu.Lock()
	s.conns = append(s.conns, serving)
	s.mu.Unlock()
	go func() {
		err := http1.ServeConn(serving, s.note)
		serving.mu.Lock()
		defer serving.mu.Unlock()
		serving.end = &end{err: err, at: time.Now(), closed: serving.closed}
	}()
}

// note keeps a copy of the request and passes it on.
func (s *server) note(r *http1.Request) *http1.Response {
	var copied seen
	copied.Request = http1.Request{Method: r.Method, Target: r.Target, Proto: r.Proto,
		Header: maps.Clone(r.Header)}
	if !s.ignoreBodies {
		if r.Body == nil {
			copied.bodyErr = errors.New("the Body is nil")
		} else {
			body, err := io.ReadAll(r.Body)
			copied.body, copied.bodyErr = string(body), err
		}
		r.Body = strings.NewReader(copied.body)
	}
	s.mu.Lock()
	s.seen = append(s.seen, copied)
	s.mu.Unlock()
	if s.look != nil {
		s.look(r)
	}
	return s.handle(r)
}

func (s *server) requests() []seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}

func (s *server) all() []*conn {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.conns)
}

// conn is a connection that ServeConn was called for.
type conn struct {
	net.Conn
	mu     sync.Mutex
	closed bool
	end    *end // nil: ServeConn has not returned

	limited bool
	room    int

	resets     bool // an end of the stream is an error
	endsAtOnce bool
	swallows   bool         // writing never fails
	ahead      []byte       // of a stream that endsAtOnce
	deadlines  atomic.Int32 // how many were set
}

func (c *conn) Read(p []byte) (int, error) {
	if c.endsAtOnce {
		return c.readToTheEnd(p)
	}
	n, err := c.Conn.Read(p)
	if err == io.EOF && c.resets {
		err = errors.New("connection reset by peer")
	}
	return n, err
}

// readToTheEnd waits for all that the client sends, and says with the last bytes that they are the last.
func (c *conn) readToTheEnd(p []byte) (int, error) {
	if c.ahead == nil {
		all, err := io.ReadAll(c.Conn)
		if err != nil {
			return 0, err
		}
		c.ahead = append([]byte{}, all...)
	}
	n := copy(p, c.ahead)
	c.ahead = c.ahead[n:]
	if len(c.ahead) == 0 {
		return n, io.EOF
	}
	return n, nil
}

func (c *conn) SetDeadline(t time.Time) error {
	c.deadlines.Add(1)
	return c.Conn.SetDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.deadlines.Add(1)
	return c.Conn.SetReadDeadline(t)
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.deadlines.Add(1)
	return c.Conn.SetWriteDeadline(t)
}

func (c *conn) Write(p []byte) (int, error) {
	c.mu.Lock()
	fits := len(p)
	if c.limited {
		fits = min(fits, c.room)
		c.room -= fits
	}
	c.mu.Unlock()
	broken := errors.New("broken pipe")
	if fits == 0 && len(p) > 0 {
		return 0, broken
	}
	n, err := c.Conn.Write(p[:fits])
	if c.swallows {
		return len(p), nil
	}
	if err == nil && n < len(p) {
		err = broken
	}
	return n, err
}

type end struct {
	err    error
	at     time.Time
	closed bool // the connection was closed by then
}

func (c *conn) Close() error {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	return c.Conn.Close()
}

func (c *conn) ended() *end {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}

func (c *conn) fate(began time.Time) string {
	end := c.ended()
	if end == nil {
		return "it has not returned"
	}
	result := "nil"
	if end.err != nil {
		result = fmt.Sprintf("the error %q", end.err)
	}
	return fmt.Sprintf("after %v it returned %s", end.at.Sub(began), result)
}

// hangUp is what a client does that closes the connection, once it has read what there was.
func hangUp(c net.Conn) {
	time.Sleep(time.Second)
	c.Close()
}

// silence is how long raw waits for more.
const silence = 30 * time.Second

// raw sends the text over a connection of its own, does what else there is to do with it, and
// returns what comes back, and whether the server closed the connection behind it.
func (s *server) raw(text string, then ...func(net.Conn)) (got string, closed bool) {
	s.t.Helper()
	c, err := s.Dial(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	go func() {
		if text != "" { // a pipe waits for a reader of nothing, too
			io.WriteString(c, text)
		}
		for _, f := range then {
			f(c)
		}
	}()
	var all bytes.Buffer
	buf := make([]byte, 4096)
	for {
		c.SetReadDeadline(time.Now().Add(silence))
		n, err := c.Read(buf)
		all.Write(buf[:n])
		if err != nil {
			var timeout net.Error
			return all.String(), !errors.As(err, &timeout) || !timeout.Timeout()
		}
	}
}

// wantRefused sends a request with this head and a body of 5 bytes, and after it a second request.
func wantRefused(t *testing.T, status int, what, head, why string) {
	t.Helper()
	virtual(t, func(t *testing.T) {
		s := serve(t, echo)
		text, closed := s.raw(head + "\r\n\r\n" + "hello" +
			"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n")
		all := responses(text, "POST", "GET")
		ok := len(all) == 1 && all[0].status == status
		m := expect.Message{
			Did: fmt.Sprintf(
				"sent a request with %s, %q, and after it a body \"hello\" and GET /smuggled", what,
				head),
			Want: fmt.Sprintf("one response, %d", status),
			Got:  list(all, text),
			Why:  why,
		}
		expect.That(t, ok, m)
		m.Want = "handle not called"
		m.Got = "handle called for"
		for _, r := range s.requests() {
			m.Got += " " + r.Method + " " + r.Target
		}
		expect.That(t, len(s.requests()) == 0, m)
		m.Want = fmt.Sprintf("%d with Connection: close, and then the connection closed", status)
		m.Got = fmt.Sprintf("%s; the connection was %s", list(all, text),
			map[bool]string{true: "closed", false: "left open"}[closed])
		expect.That(t, closed && all[0].close, m)
		m.Want = fmt.Sprintf("%d with a Content-Length, 0 as well, like every response", status)
		m.Got = fmt.Sprintf("%q", text)
		expect.That(t, all[0].header.Get("Content-Length") == strconv.Itoa(len(all[0].body)), m)
	})
}

// answer is a response as a client sees it.
type answer struct {
	status int
	header http.Header
	body   string
	close  bool // it has Connection: close
	err    error
}

func (a answer) String() string {
	if a.err != nil && a.status == 0 {
		return "no response: " + a.err.Error()
	}
	text := fmt.Sprintf("%d %q", a.status, a.body)
	if len(a.body) > 100 {
		text = fmt.Sprintf("%d with a body of %d bytes", a.status, len(a.body))
	}
	if a.header.Get("Echo-Target") != "" {
		text += " to " + a.header.Get("Echo-Target")
	}
	if a.close {
		text += " with Connection: close"
	}
	if a.err != nil {
		text += ", and then the error: " + a.err.Error()
	}
	return text
}

func request(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	req, err := http.NewRequest(method, memhttp.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// do makes a request with a client of net/http.
func (s *server) do(c *http.Client, req *http.Request) answer {
	res, err := c.Do(req)
	if err != nil {
		return answer{err: err}
	}
	return read(res)
}

func read(res *http.Response) answer {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return answer{status: res.StatusCode, header: res.Header, body: string(body), close: res.Close,
		err: err}
}

// responses takes apart what came back over one connection. What cannot be taken apart is the last
// one's error.
func responses(text string, methods ...string) []answer {
	var all []answer
	in := bufio.NewReader(strings.NewReader(text))
	for i := 0; ; i++ {
		if _, err := in.Peek(1); err != nil {
			return all
		}
		method := "GET"
		if i < len(methods) {
			method = methods[i]
		}
		res, err := http.ReadResponse(in, &http.Request{Method: method})
		if err != nil {
			return append(all, answer{err: err})
		}
		a := read(res)
		all = append(all, a)
		if a.err != nil {
			return all
		}
	}
}

// list shows the responses, or the text if it is none.
func list(all []answer, text string) string {
	if text == "" {
		return "nothing came back"
	}
	var parts []string
	for _, a := range all {
		if a.err != nil {
			return fmt.Sprintf("what came back cannot be taken apart: %.200q", text)
		}
		parts = append(parts, a.String())
	}
	switch n := len(parts); {
	case n == 1:
		return "one response: " + parts[0]
	case n > 4:
		return fmt.Sprintf("%d responses: %s; and so on", n, strings.Join(parts[:4], "; "))
	default:
		return fmt.Sprintf("%d responses: %s", n, strings.Join(parts, "; "))
	}
}
