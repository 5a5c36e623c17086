package clientserver_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/memhttp"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	clientserver "github.com/backend-labs/backend-labs/labs/b01-client-server"
)

func TestClientAndServerTalk(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		s := start(t, strings.ToUpper)
		for _, req := range []string{"hello", "and again", "", strings.Repeat("x", limit)} {
			did := fmt.Sprintf("called Do with the request %q and a Serve whose handle is "+
				"strings.ToUpper", short(req))
			got := within(t, did, func() (string, error) {
				return clientserver.Do(t.Context(),
					s.Dial, req)
			})
			expect.That(t, got.err == nil && got.resp == strings.ToUpper(req) && got.took < soon,
				expect.Message{
					Did:  did,
					Want: fmt.Sprintf("%q, at once", short(strings.ToUpper(req))),
					Got:  got.String(),
				})
		}
		var log requests
		const did = "called Do with an empty request and a Serve whose handle puts each request in angle brackets"
		got := within(t, did, func() (string, error) {
			return clientserver.Do(t.Context(), start(t, log.handle).Dial, "")
		})
		expect.That(t, got.err == nil && got.resp == "<>", expect.Message{
			Did:  did,
			Want: `"<>"`,
			Got:  got.String(),
			Why:  "a line may be empty; what an empty request means the server decides",
		})
	})
}

func TestServerSpeaksOnlyWhenAsked(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		s := start(t, strings.ToUpper)
		c := s.client(t)
		for _, step := range []struct{ send, did, want string }{
			{"", "connected, and listened for 1 s without a word", ""},
			{"hel", "sent \"hel\", the beginning of a request, and listened for 1 s", ""},
			{"lo\n", "sent the rest of the request, \"lo\\n\", and listened for 1 s", "HELLO\n"},
			{"again\nhel", "sent a request and the beginning of the next, \"again\\nhel\", " +
				"and listened for 1 s", "AGAIN\n"},
		} {
			c.send(0, step.send)
			got, closed := c.rest(time.Second)
			want := "nothing"
			if step.want != "" {
				want = fmt.Sprintf("%q and nothing else", step.want)
			}
			expect.That(t, got == step.want && !closed, expect.Message{
				Did:  step.did,
				Want: want + ", over a connection that stays open",
				Got: fmt.Sprintf("%q, and the connection is %s", got,
					map[bool]string{true: "closed", false: "open"}[closed]),
				Why: "the client begins and the server answers; a client takes whatever comes " +
					"first for the answer to what it asked",
			})
		}
	})
}

func TestSilentClientDelaysNobody(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		s := start(t, strings.ToUpper)
		const why = "clients are strangers to each other: one that thinks, or hangs, or has no " +
			"network is no reason for the others to wait"
		served := func(what string) {
			time.Sleep(time.Second)
			resp, took := s.client(t).ask("hello")
			expect.That(t, resp == "HELLO\n" && took < soon, expect.Message{
				Did:  what + ", and then asked \"hello\" over a connection of another client",
				Want: "HELLO, at once",
				Got:  fmt.Sprintf("%s after %v", strings.TrimSpace(resp), took),
				Why:  why,
			})
		}
		silent := s.client(t)
		time.Sleep(59 * time.Minute)
		served("let one client be connected for 59 minutes without a word")
		half := s.client(t)
		half.send(0, "hel")
		served("let one client send half a request")
		deaf := s.client(t)
		deaf.send(0, "a\n")
		served("let one client send a request and not read the answer")
		resp, _ := silent.ask("finally")
		expect.That(t, resp == "FINALLY\n", expect.Message{
			Did:  "let the client that had been silent for 59 minutes ask \"finally\"",
			Want: "FINALLY",
			Got:  resp,
			Why:  "when to ask is the client's decision",
		})

		slow := s.client(t)
		const slowly = "let one client be silent for 59 minutes each time, "
		for _, step := range []struct{ send, did, want string }{
			{"hel", "then send half a request, \"hel\"", ""},
			{"lo\n", "then the rest of it, \"lo\\n\"", ""},
			{"", "and then read the answer", "HELLO\n"},
			{"again\n", "and then, three hours after its first request, ask \"again\"", "AGAIN\n"},
		} {
			time.Sleep(59 * time.Minute)
			slow.send(0, step.send)
			if step.want == "" {
				continue
			}
			got := slow.line()
			expect.That(t, got == step.want, expect.Message{
				Did:  slowly + step.did,
				Want: fmt.Sprintf("%q", step.want),
				Got:  fmt.Sprintf("%q", got),
				Why: "each silence is shorter than an hour: one clock for all of a connection, or a " +
					"shorter one for some of its silences, ends connections that were promised to last",
			})
		}
	})
}

func TestLinesAreCutWhereTheyEnd(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		long, longest := strings.Repeat("x", 60<<10), strings.Repeat("y", limit)
		for _, c := range []struct {
			did    string
			pause  time.Duration
			pieces []string
			want   []string
		}{
			{"two requests, \"a\\nb\\n\", in one write", 0, []string{"a\nb\n"}, []string{"a", "b"}},
			{"\"hel\" and, 50 ms later, \"lo\\n\"", 50 * time.Millisecond, []string{"hel", "lo\n"}, []string{"hello"}},
			{"\"one\\ntwo\\n\" byte by byte", time.Millisecond, strings.Split("one\ntwo\n", ""), []string{"one", "two"}},
			{"\"a\\nb\" and then \"c\\nd\\n\"", time.Millisecond, []string{"a\nb", "c\nd\n"}, []string{"a", "bc", "d"}},
			{"an empty line, and then \"a\\n\"", 0, []string{"\na\n"}, []string{"", "a"}},
			{"\"a\\r\\n\", whose \\r is a byte like all others", 0, []string{"a\r\n"}, []string{"a\r"}},
			{"\"  a \tb \n\", with spaces round it", 0, []string{"  a \tb \n"}, []string{"  a \tb "}},
			{"bytes that are no text, \"\\xff\\x00\n\"", 0, []string{"\xff\x00\n"}, []string{"\xff\x00"}},
			{"a line of 60 KiB", 0, []string{long + "\n"}, []string{long}},
			{"a line of 65,536 bytes, and one of 1", 0, []string{longest + "\nz\n"}, []string{longest, "z"}},
		} {
			s := start(t, func(req string) string { return "<" + told(req) + ">" })
			client := s.client(t)
			client.send(c.pause, c.pieces...)
			for i, want := range c.want {
				got := client.line()
				expect.That(t, got == "<"+told(want)+">\n", expect.Message{
					Did: "sent " + c.did +
						", to a server whose handle puts each request in angle brackets",
					Want: fmt.Sprintf("%q as answer number %d", "<"+told(want)+">\n", i+1),
					Got:  fmt.Sprintf("%q", short(got)),
					Why: "a network carries bytes and not messages: what was written at once " +
						"arrives in pieces, and what was written apart together. Both sides " +
						"must cut the stream at the same places",
				})
			}
			s.stop()
		}
	})
	manyRequests(t)
}

// manyRequests go over one connection.
func manyRequests(t *testing.T) {
	t.Helper()
	const many = 3000
	bubble.RunLeaky(t, func(t *testing.T) {
		c := start(t, strings.ToUpper).client(t)
		for i := range many {
			resp, _ := c.ask("hello")
			if resp != "HELLO\n" {
				expect.Fatal(t, expect.Message{
					Did:  fmt.Sprintf("asked \"hello\" for the %dth time over one connection", i+1),
					Want: "HELLO",
					Got:  fmt.Sprintf("%q", resp),
					Why:  "a scanner is connected in the morning and asks all day long",
				})
			}
		}
	})
}

func TestTooLongLineEndsItsConnectionOnly(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		for _, long := range []struct{ what, text string }{
			{"a line of 70 KiB", strings.Repeat("x", 70<<10) + "\n"},
			{"65,537 bytes without any \"\\n\"", strings.Repeat("x", limit+1)},
			{"70 KiB without any \"\\n\"", strings.Repeat("x", 70<<10)},
		} {
			log := &requests{}
			s := start(t, log.handle)
			before, bad := s.client(t), s.client(t)
			first, _ := bad.ask("first")
			expect.That(t, first == "<first>\n", expect.Message{Did: "asked \"first\"",
				Want: "<first>", Got: first})
			bad.send(0, long.text)
			got, closed := bad.rest(time.Second)
			expect.That(t, got == "" && closed && log.String() == `called with "first"`,
				expect.Message{
					Did: "asked \"first\", got the answer, and sent " + long.what +
						" over the same connection",
					Want: "no answer and no call of handle: the connection is closed",
					Got: fmt.Sprintf("the answer %q, closed: %v; handle was %s", short(got), closed,
						log),
					Why: "whoever collects a line for as long as it goes on lets a stranger decide " +
						"how much memory the server needs",
				})
			for _, other := range []struct {
				whose string
				c     *client
			}{{"one that was there before", before}, {"a new one", s.client(t)}} {
				resp, _ := other.c.ask("hello")
				expect.That(t, resp == "<hello>\n", expect.Message{
					Did: "asked \"hello\" over another connection, " + other.whose +
						", after a line that was too long",
					Want: "<hello>",
					Got:  resp,
					Why:  "one client's mistake is no reason to serve the others less",
				})
			}
			s.stop()
		}
	})
}

func TestAnswersComeInOrder(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		var mu sync.Mutex
		running, most := 0, 0
		s := start(t, func(req string) string {
			mu.Lock()
			running++
			most = max(most, running)
			mu.Unlock()
			if strings.HasPrefix(req, "slow") {
				time.Sleep(time.Second)
			}
			mu.Lock()
			running--
			mu.Unlock()
			return "<" + req + ">"
		})
		c := s.client(t)
		c.send(0, "slow 1\nquick 2\nslow 3\nquick 4\n")
		var got []string
		for range 4 {
			got = append(got, strings.TrimSuffix(c.line(), "\n"))
		}
		expect.That(t, strings.Join(got, " ") == "<slow 1> <quick 2> <slow 3> <quick 4>",
			expect.Message{
				Did: "sent four requests over one connection, of which handle takes a second for " +
					"the first and the third",
				Want: "the answers in the order of the requests",
				Got:  strings.Join(got, ", "),
				Why: "an answer does not say which request it belongs to: its place is all that " +
					"the client has to tell by",
			})
		expect.That(t, most == 1, expect.Message{
			Did: "sent four requests over one connection, and counted the calls of handle that " +
				"ran at the same time",
			Want: "1",
			Got:  fmt.Sprint(most),
			Why: "a client that sends the second request behind the first may count on what " +
				"the first has done",
		})
	})
}

func TestHalfARequestIsNone(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		log := &requests{}
		s := start(t, log.handle)
		c := s.client(t)
		answer, _ := c.ask("delete 17")
		<-c.send(0, "delete 1")
		c.Close()
		time.Sleep(time.Second)
		expect.That(t, answer == "<delete 17>\n" && log.String() == `called with "delete 17"`,
			expect.Message{
				Did: "sent the request \"delete 17\", the first half of another, \"delete 1\" " +
					"without its \\n, and closed",
				Want: "handle is called with \"delete 17\" and nothing else",
				Got:  fmt.Sprintf("the answer %q to the first; handle was %s", answer, log),
				Why: "what was cut off may be the beginning of something else: half of \"delete " +
					"17\" is a valid request, too",
			})
	})
	lastBytesWithTheEnd(t)
}

// lastBytesWithTheEnd: a request whose "\n" and the end of the connection are told by one Read.
func lastBytesWithTheEnd(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		log := &requests{}
		l := &listener{Listener: memhttp.Listen(t), closed: make(chan struct{})}
		l.ends = true
		c := startOn(t, l.Listener, l, log.handle).client(t)
		c.send(0, "delete 17\n")
		got := c.line()
		expect.That(t, got == "<delete 17>\n", expect.Message{
			Did: "sent \"delete 17\\n\" and closed the sending side, over a connection whose Read returns the last bytes " +
				"together with io.EOF, as one of crypto/tls may",
			Want: "<delete 17>",
			Got:  got,
			Why:  "a Read may return bytes and an error: the bytes count, and come first",
		})
	})
}

func TestBadClientsEndNobodyElsesService(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		l := &listener{Listener: memhttp.Listen(t), closed: make(chan struct{})}
		s := startOn(t, l.Listener, l, strings.ToUpper)
		old := s.client(t)
		time.Sleep(time.Millisecond)
		for _, bad := range []struct {
			what string
			do   func()
		}{
			{"connected and closed", func() { s.client(t).Close() }},
			{"sent half a request and closed", func() { c := s.client(t); <-c.send(0, "hel"); c.Close() }},
			{"sent a request and closed unanswered", func() { c := s.client(t); <-c.send(0, "hello\n"); c.Close() }},
			{"had its connection reset while sending", func() { l.reset(true); <-s.client(t).send(0, "hel") }},
		} {
			bad.do()
			time.Sleep(time.Second)
			l.reset(false)
			for i := range 100 {
				resp, took := s.client(t).ask("hello")
				expect.That(t, resp == "HELLO\n" && took < soon, expect.Message{
					Did: fmt.Sprintf("asked \"hello\" as client %d of 100, after one that had %s",
						i+1, bad.what),
					Want: "HELLO, at once",
					Got:  fmt.Sprintf("%s after %v", strings.TrimSpace(resp), took),
					Why: "networks break all day long. Who ends the service for it lets one " +
						"client take it from all the others",
				})
			}
			resp, _ := old.ask("still there")
			expect.That(t, resp == "STILL THERE\n", expect.Message{
				Did: "asked over a connection that was open already, after a client that had " +
					bad.what,
				Want: "STILL THERE",
				Got:  strings.TrimSpace(resp),
			})
		}
	})
}

// TestOverTCP has the kernel between the two: connections with buffers, half-closed ones, and real
// time.
func TestOverTCP(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- clientserver.Serve(ctx, ln, strings.ToUpper) }()
	dial := func(ctx context.Context) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", ln.Addr().String())
	}
	connect := func() *net.TCPConn {
		conn, err := dial(ctx)
		expect.NoError(t, err, expect.Message{Did: "connected over TCP", Want: "a connection"})
		conn.SetDeadline(time.Now().Add(10 * time.Second))
		return conn.(*net.TCPConn)
	}
	idle := connect()
	defer idle.Close()

	wrong := make(chan result, 20)
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			short, cancel := context.WithTimeout(ctx, 10*time.Second)
			defer cancel()
			began := time.Now()
			resp, err := clientserver.Do(short, dial, fmt.Sprintf("client %d", i))
			if err != nil || resp != fmt.Sprintf("CLIENT %d", i) {
				wrong <- result{resp, err, time.Since(began)}
			}
		})
	}
	wg.Wait()
	if len(wrong) > 0 {
		expect.Fatal(t, expect.Message{
			Did: "let 20 clients ask a server at the same time, over TCP: \"client 0\" to " +
				"\"client 19\"",
			Want: "\"CLIENT 0\" to \"CLIENT 19\", each to the one who asked",
			Got:  fmt.Sprintf("%d wrong, the first: %v", len(wrong), <-wrong),
		})
	}

	conn := connect()
	defer conn.Close()
	io.WriteString(conn, strings.Join(strings.Split("abcdefgh", ""), "\n")+"\nhalf")
	conn.CloseWrite()
	got, _ := io.ReadAll(conn)
	want := strings.Join(strings.Split("ABCDEFGH", ""), "\n") + "\n"
	expect.That(t, string(got) == want, expect.Message{
		Did: "sent eight requests, \"a\" to \"h\", and then \"half\" without its \\n over TCP, " +
			"closed the sending side, and read until the end",
		Want: fmt.Sprintf("%q: an answer to each whole request, and then the end", want),
		Got:  fmt.Sprintf("%q", got),
		Why:  "to have no more questions is not to want no answers; and half a request is none",
	})

	cancel()
	select {
	case err := <-done:
		expect.That(t, err == nil, expect.Message{Did: "ended the context of a Serve over TCP",
			Want: "Serve returns nil", Got: orNil(err)})
	case <-time.After(10 * time.Second):
		expect.Fatal(t, expect.Message{
			Did:  "ended the context of a Serve over TCP, with one connection open",
			Want: "Serve returns nil",
			Got:  "it had not returned 10 s later",
		})
	}
	n, err := idle.Read(make([]byte, 1))
	expect.That(t, n == 0 && err != nil && !timeout(err), expect.Message{
		Did:  "waited, at the other end of a connection without requests, for Serve to end",
		Want: "the connection is closed",
		Got:  fmt.Sprintf("%d bytes, and %s", n, orNil(err)),
	})
}

func TestShutdownClosesAllConnections(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		other := start(t, strings.ToUpper)
		others := other.client(t)
		others.ask("hello")
		s := start(t, func(req string) string {
			if req == "work" {
				time.Sleep(500 * time.Millisecond)
			}
			return req
		})
		clients := []struct {
			what, text string
			c          *client
		}{
			{what: "that has said nothing yet"},
			{what: "that has sent half a request", text: "hal"},
			{what: "that has not read its answer", text: "hello\n"},
			{what: "whose first request of three is being worked on", text: "work\nwork\nwork\n"},
		}
		for i := range clients {
			clients[i].c = s.client(t)
			time.Sleep(time.Millisecond) // they are accepted in this order
		}
		for _, one := range clients {
			one.c.send(0, one.text)
		}
		time.Sleep(100 * time.Millisecond)
		s.stop()
		began := time.Now()
		time.Sleep(100 * time.Millisecond)
		_, err := s.Dial(t.Context())
		expect.That(t, err != nil, expect.Message{
			Did:  "ended Serve's context, and connected 100 ms later",
			Want: "an error: nobody listens any more",
			Got:  "a connection",
			Why: "a client that is refused goes elsewhere at once; one that is accepted by a " +
				"server that is leaving waits for nothing",
		})
		for _, one := range clients {
			_, closed := one.c.rest(time.Millisecond)
			expect.That(t, closed, expect.Message{
				Did: "ended Serve's context, and looked, 100 ms later, at the connection of a " +
					"client " + one.what,
				Want: "it is closed",
				Got:  "it is open",
				Why: "a client that is not told waits for a server that is gone; and a server " +
					"that waits for its clients never ends, as some of them never leave",
			})
		}
		mustEnd(t, s, nil, began, 400*time.Millisecond,
			"ended Serve's context while a call of handle had 400 ms to go")

		resp, _ := others.ask("and you")
		expect.That(t, resp == "AND YOU\n", expect.Message{
			Did:  "ended one Serve, and asked \"and you\" over a connection of another one in the same process",
			Want: "AND YOU",
			Got:  resp,
			Why: "a program may serve two networks, or its own tests may: what a variable of the package remembers " +
				"belongs to both",
		})
		other.stop()

		// A deadline ends a context as well as a cancellation does.
		last := memhttp.Listen(t)
		short, cancelShort := context.WithTimeout(t.Context(), time.Second)
		defer cancelShort()
		const timed = "called Serve with a context whose deadline is in 1 s"
		ended := within(t, timed, func() (string, error) {
			return "", clientserver.Serve(short, last, strings.ToUpper)
		})
		expect.That(t, ended.err == nil && ended.took >= time.Second &&
			ended.took <= 1100*time.Millisecond, expect.Message{
			Did:  timed,
			Want: "nil after 1 s, or within 100 ms after that",
			Got:  fmt.Sprintf("%s after %v", orNil(ended.err), ended.took),
			Why: "a server that was given until noon, and left at noon, has done what it was " +
				"told; an error would call for somebody",
		})

		// Nobody is connected, and the context has ended before.
		l := memhttp.Listen(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		did := "called Serve with a context that has ended already"
		got := within(t, did, func() (string, error) {
			return "",
				clientserver.Serve(ctx, l, strings.ToUpper)
		})
		_, err = l.Dial(t.Context())
		expect.That(t, got.err == nil && got.took <= 100*time.Millisecond && err != nil,
			expect.Message{
				Did:  did,
				Want: "nil within 100 ms, and the listener is closed",
				Got: fmt.Sprintf("%s after %v, and a client that dials gets %s", orNil(got.err),
					got.took, orNil(err)),
			})
	})
}

// TestLateConnectionIsClosed lets a client be accepted in the very moment in which the listener is
// closed.
func TestLateConnectionIsClosed(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		near, far := net.Pipe()
		l := &listener{Listener: memhttp.Listen(t), closed: make(chan struct{}), late: far}
		t.Cleanup(func() { near.Close() })
		s := startOn(t, l.Listener, l, strings.ToUpper)
		first, _ := s.client(t).ask("hello")
		expect.That(t, first == "HELLO\n", expect.Message{Did: "asked \"hello\"", Want: "HELLO",
			Got: first})
		began := time.Now()
		s.stop()
		time.Sleep(50 * time.Millisecond)
		near.SetDeadline(time.Now().Add(50 * time.Millisecond))
		_, err := near.Read(make([]byte, 1))
		const did = "ended Serve's context, and let Accept return one last connection in the " +
			"moment in which the listener is closed"
		expect.That(t, !timeout(err), expect.Message{
			Did:  did,
			Want: "it is closed like all others, within 100 ms",
			Got:  "it is open",
			Why: "who closes what is open now, and forgets what opens meanwhile, hangs at one " +
				"shutdown in a thousand",
		})
		mustEnd(t, s, nil, began, 0, did)
	})
}

func TestBrokenListenerIsReported(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, broken := range []error{
			errors.New("accept tcp: too many open files"),
			&net.OpError{Op: "accept", Net: "tcp", Err: net.ErrClosed},          // by somebody else
			&net.OpError{Op: "accept", Net: "tcp", Err: os.ErrDeadlineExceeded}, // a Timeout
			fmt.Errorf("accept: %w", io.EOF),                                    // a tunnel that has ended
			fmt.Errorf("accept: %w", context.Canceled),                          // of a context of the listener's own
		} {
			l := &listener{Listener: memhttp.Listen(t), fail: make(chan error, 1),
				closed: make(chan struct{})}
			s := serve(t, l.Listener, l, strings.ToUpper)
			c := s.client(t)
			resp, _ := c.ask("hello")
			expect.That(t, resp == "HELLO\n", expect.Message{Did: "asked \"hello\"",
				Want: "HELLO", Got: resp})
			began := time.Now()
			l.fail <- broken
			did := fmt.Sprintf("let Accept fail with %q, while the context lives", broken)
			mustEnd(t, s, broken, began, 0, did)
			_, closed := c.rest(time.Millisecond)
			expect.That(t, closed, expect.Message{
				Did:  did + ", and looked at a connection that was open",
				Want: "it is closed: Serve is over",
				Got:  "it is open",
			})
		}

		brokenWhileHandling(t, false)
		brokenWhileHandling(t, true)
	})
}

// brokenWhileHandling lets Accept fail while a call of handle is under way, and the context end, or not, before that has
// returned.
func brokenWhileHandling(t *testing.T, ends bool) {
	t.Helper()
	var mu sync.Mutex
	running := false
	l := &listener{Listener: memhttp.Listen(t), fail: make(chan error, 1),
		closed: make(chan struct{})}
	s := serve(t, l.Listener, l, func(req string) string {
		mu.Lock()
		running = true
		mu.Unlock()
		time.Sleep(500 * time.Millisecond)
		mu.Lock()
		defer mu.Unlock()
		running = false
		return req
	})
	s.client(t).send(0, "work\n")
	time.Sleep(100 * time.Millisecond)
	broken := errors.New("accept tcp: too many open files")
	l.fail <- broken
	did := "let Accept fail while a call of handle had 400 ms to go"
	if ends {
		did += ", and ended the context 200 ms later"
		time.Sleep(200 * time.Millisecond)
		s.stop()
	}
	select {
	case <-s.done:
	case <-time.After(time.Minute):
		expect.Fatal(t, expect.Message{Did: did, Want: "Serve returns the error",
			Got: "a minute later it had not returned"})
	}
	mu.Lock()
	defer mu.Unlock()
	expect.That(t, sentinel.Is(s.err, broken) && !running, expect.Message{
		Did:  did,
		Want: "Serve returns the error when handle has returned, and leaves no goroutine behind",
		Got:  fmt.Sprintf("it returned %s; handle was still running: %v", orNil(s.err), running),
		Why: "whoever started it now closes what handle works with; that is as true when the " +
			"listener has failed. And why it ended is what came first: nobody looks for the fault " +
			"of a server that says it was told to end",
	})
}

func TestDoWaitsNoLongerThanItsContext(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		for _, silent := range []struct {
			what string
			do   func(net.Conn, *bufio.Reader) bool
		}{
			{"does not let it connect", nil},
			{"does not read its request", func(net.Conn, *bufio.Reader) bool { time.Sleep(time.Second); return true }},
			{"reads its request and never answers", says(0)},
			{"sends half an answer and then nothing", says(0, "HEL")},
			{"sends a byte of its answer every 30 ms", says(30*time.Millisecond, strings.Split(strings.Repeat("x", 60), "")...)},
			{inTheLastMoment, says(0)},
		} {
			for _, end := range []struct {
				want  error
				after time.Duration
			}{{context.DeadlineExceeded, 100 * time.Millisecond},
				{context.Canceled, 70 * time.Millisecond}} {
				timed, cancelTimed := context.WithTimeout(t.Context(), 100*time.Millisecond)
				ctx, cancel := context.WithCancelCause(timed)
				if end.want == context.Canceled {
					time.AfterFunc(end.after, func() { cancel(errors.New("the caller went home")) })
				}
				p := new(peer)
				dial := hanging
				if silent.do != nil {
					dial = p.dial(silent.do)
				}
				if silent.what == inTheLastMoment {
					connect := dial
					dial = func(ctx context.Context) (net.Conn, error) {
						<-ctx.Done()
						return connect(ctx)
					}
				}
				did := fmt.Sprintf(
					"called Do for a server that %s, with a context that ends after %v (%v)",
					silent.what, end.after, end.want)
				got := within(t, did, func() (string,
					error) {
					return clientserver.Do(ctx, dial, "hello")
				})
				cancel(nil)
				cancelTimed()
				expect.That(t, ends.Is(got.err, end.want) && got.took >= end.after &&
					got.took <= end.after+soon, expect.Message{
					Did: did,
					Want: fmt.Sprintf("an error that is %v, after %v or up to 10 ms later",
						end.want, end.after),
					Got: got.String(),
					Why: "how long an answer is worth waiting for only the client knows: a " +
						"limit that holds for connecting alone does not help against a server " +
						"that accepts and is silent",
				})
				wantClosed(t, p, did)
			}
		}
	})
}

// inTheLastMoment is a server to which dial has a connection when the context ends, and not before.
const inTheLastMoment = "lets it connect in the moment in which the context ends"

func TestDoReturnsAWholeAnswerOrAnError(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		for _, c := range []struct {
			what string
			do   func(net.Conn, *bufio.Reader) bool
			want string // "" for an error
		}{
			{"answers \"HELLO\\n\"", says(0, "HELLO\n"), "HELLO"},
			{"answers \"HEL\" and, a second later, \"LO\\n\"", says(time.Second, "HEL", "LO\n"), "HELLO"},
			{"answers a week later, with a context without a limit,", says(7*24*time.Hour, "HELLO\n"), "HELLO"},
			{"answers with two lines at once, \"HELLO\\nWORLD\\n\"", says(0, "HELLO\nWORLD\n"), "HELLO"},
			{"answers \"HELLO\\r\\n\", whose \\r is a byte like all others", says(0, "HELLO\r\n"), "HELLO\r"},
			{"answers \"  a \\tb \\n\", with spaces round it", says(0, "  a \tb \n"), "  a \tb "},
			{"answers with bytes that are no text, \"\\xff\\x00\\n\",", says(0, "\xff\x00\n"), "\xff\x00"},
			{"answers with 65,536 bytes", says(0, strings.Repeat("x", limit)+"\n"), strings.Repeat("x", limit)},
			{"answers and closes", hangsUp("HELLO\n"), "HELLO"},
			{"closes without an answer", hangsUp(""), ""},
			{"sends half an answer, \"HEL\", and closes", hangsUp("HEL"), ""},
		} {
			p := new(peer)
			did := "called Do with \"hello\" for a server that " + c.what
			got := within(t, did, func() (string,
				error) {
				return clientserver.Do(context.Background(), p.dial(c.do), "hello")
			})
			want := fmt.Sprintf("%q", short(c.want))
			if c.want == "" {
				want = "an error: there was no whole answer"
			}
			expect.That(t, got.resp == c.want && (got.err != nil) == (c.want == ""), expect.Message{
				Did:  did,
				Want: want,
				Got:  got.String(),
				Why: "a price of 1 that should have been 100 is worse than none: only the " +
					"\"\\n\" says that all of it has arrived",
			})
			sent, dials, _ := p.seen()
			expect.That(t, sent == "hello\n" && dials == 1, expect.Message{
				Did:  did + ", and looked at what arrived there",
				Want: `one connection, and "hello\n"`,
				Got:  fmt.Sprintf("%d connections, and %q", dials, sent),
			})
			wantClosed(t, p, did)
		}

		p := new(peer)
		connect := p.dial(says(0, "HELLO\n"))
		const did = "called Do for a server that answers \"HELLO\\n\" and closes, over a connection whose Read " +
			"returns the last bytes together with io.EOF, as one of crypto/tls may"
		got := within(t, did, func() (string, error) {
			return clientserver.Do(context.Background(), func(ctx context.Context) (net.Conn, error) {
				conn, err := connect(ctx)
				return atOnce{conn}, err
			}, "hello")
		})
		expect.That(t, got.err == nil && got.resp == "HELLO", expect.Message{
			Did:  did,
			Want: "\"HELLO\": a whole line has come",
			Got:  got.String(),
			Why:  "a Read may return bytes and an error: the bytes count, and come first",
		})

		type key struct{}
		refused := errors.New("connection refused")
		var value any
		dials := 0
		ctx := context.WithValue(t.Context(), key{}, "this request")
		_, err := clientserver.Do(ctx, func(ctx context.Context) (net.Conn, error) {
			value = ctx.Value(key{})
			dials++
			return nil, refused
		}, "hello")
		expect.That(t, sentinel.Is(err, refused) && value == "this request" && dials == 1, expect.Message{
			Did: "called Do with a dial that fails with \"connection refused\"",
			Want: "dial is called once, with Do's context or one made from it, and its error is " +
				"returned",
			Got: fmt.Sprintf("dial was called %d times; the context's value is %v; Do returned %s",
				dials, value, orNil(err)),
			Why: "whoever calls Do decides whether to try again; each layer that does so by itself " +
				"multiplies the calls to a server that is down",
		})
	})
	bubble.RunLeaky(t, func(t *testing.T) {
		p := new(peer)
		const did = "called Do with a dial that takes a week, and a context that never ends"
		got := within(t, did, func() (string, error) {
			return clientserver.Do(context.Background(), slowly(7*24*time.Hour, p.dial(says(0, "HELLO\n"))), "hello")
		})
		expect.That(t, got.err == nil && got.resp == "HELLO", expect.Message{
			Did:  did,
			Want: `"HELLO": Do has no time limit of its own`,
			Got:  got.String(),
			Why:  "how long an answer is worth waiting for only the caller knows, and this one has said: for ever",
		})
	})
	// Nothing may wait for a context that never ends: the bubble looks for goroutines that are left.
	bubble.Run(t, func(t *testing.T) {
		p := new(peer)
		resp, err := clientserver.Do(context.Background(), p.dial(says(0, "HELLO\n")), "hello")
		expect.That(t, err == nil && resp == "HELLO", expect.Message{
			Did:  "called Do with \"hello\", and a context that never ends, for a server that answers \"HELLO\\n\"",
			Want: "HELLO",
			Got:  result{resp: resp, err: err}.String(),
		})
		time.Sleep(time.Second)
	})
}

// ends are the two ways in which a context ends.
var ends = sentinel.Errors{"context.Canceled": context.Canceled,
	"context.DeadlineExceeded": context.DeadlineExceeded}

func TestRelayIsServerAndClient(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		// The upstream answers one request a connection, and takes a second for it.
		p := new(peer)
		handle := clientserver.Relay(p.dial(func(conn net.Conn, r *bufio.Reader) bool {
			req, _ := r.ReadString('\n')
			time.Sleep(time.Second)
			io.WriteString(conn, upper(req))
			return false
		}))
		expect.That(t, handle != nil, expect.Message{Did: "called Relay", Want: "a handle",
			Got: "nil"})
		s := start(t, handle)
		const clients = 100
		answers := make(chan result, clients)
		for i := range clients {
			c := s.client(t)
			go func() {
				resp, took := c.ask(fmt.Sprintf("client %d", i))
				if resp != fmt.Sprintf("CLIENT %d\n", i) {
					took = -took
				}
				answers <- result{resp: strings.TrimSpace(resp), took: took}
			}()
		}
		for range clients {
			got := <-answers
			expect.That(t, got.took >= time.Second && got.took <= time.Second+soon, expect.Message{
				Did: fmt.Sprintf("let %d clients ask a Serve with a Relay at the same time, each "+
					"something else, whose upstream takes 1 s for an answer", clients),
				Want: fmt.Sprintf("%d answers of the upstream, each to the one who asked, after 1 s", clients),
				Got:  fmt.Sprintf("%q after %v", got.resp, max(got.took, -got.took)),
				Why: "a relay has many clients, like every server; that it is a client itself " +
					"must not show",
			})
		}
		_, before, _ := p.seen()
		for range clients {
			c := s.client(t)
			go func() {
				resp, _ := c.ask("take one lamp")
				answers <- result{resp: resp}
			}()
		}
		right := 0
		for range clients {
			if got := <-answers; got.resp == "TAKE ONE LAMP\n" {
				right++
			}
		}
		_, dials, _ := p.seen()
		expect.That(t, right == clients && dials == before+clients, expect.Message{
			Did:  fmt.Sprintf("let %d clients ask a Serve with a Relay the same at the same time, \"take one lamp\"", clients),
			Want: fmt.Sprintf("%d answers of the upstream, which was asked %d times", clients, clients),
			Got:  fmt.Sprintf("%d such answers; it was asked %d times", right, dials-before),
			Why: "a relay does not know what a request does: two that look alike may be two lamps, and whoever is given " +
				"another one's answer waits at the counter for nothing",
		})
		c := s.client(t)
		for i, req := range []string{"again", "  a\tb \r", "\xff\x00"} {
			resp, _ := c.ask(req)
			expect.That(t, resp == upper(req)+"\n", expect.Message{
				Did: fmt.Sprintf(
					"asked the relay %q, as request %d over the same connection", req, i+1),
				Want: fmt.Sprintf("%q, the upstream's answer", upper(req)+"\n"),
				Got:  fmt.Sprintf("%q", resp),
				Why: "an upstream restarts and closes connections when it likes; each request " +
					"needs one that works",
			})
		}
		clientserver.Relay(hanging)
		resp, took := c.ask("and now")
		expect.That(t, resp == "AND NOW\n" && took <= time.Second+soon, expect.Message{
			Did:  "made a second relay, to an upstream that cannot be reached, and asked the first one \"and now\"",
			Want: "AND NOW after 1 s: it asks its own upstream",
			Got:  fmt.Sprintf("%q after %v", resp, took),
			Why:  "a program may relay to two warehouses; what a variable of the package remembers is the same for both",
		})
	})
}

func TestRelaySaysWhenItsUpstreamFails(t *testing.T) {
	bubble.RunLeaky(t, func(t *testing.T) {
		var dial func(context.Context) (net.Conn, error)
		p := new(peer)
		dials := 0
		s := start(t, clientserver.Relay(func(ctx context.Context) (net.Conn, error) {
			dials++
			return dial(ctx)
		}))
		c := s.client(t)
		refuses := func(text string) func(context.Context) (net.Conn, error) {
			return func(context.Context) (net.Conn, error) { return nil, errors.New(text) }
		}
		for _, u := range []struct {
			what     string
			dial     func(context.Context) (net.Conn, error)
			want     string // "" for a line that begins with ERR
			from, to time.Duration
		}{
			{"is down", refuses("connection refused"), "", 0, soon},
			{"is up again after that", p.dial(says(0, "HELLO\n")), "HELLO\n", 0, soon},
			{"is down, for which the error of dial has two lines,",
				refuses("connection refused\nby 10.0.0.7"), "", 0, soon},
			{"cannot be reached, for which dial waits,", hanging, "", 5 * time.Second, 5*time.Second + soon},
			{"answers with an empty line", p.dial(says(0, "\n")), "\n", 0, soon},
			{"answers \"ERR no such thing\", which is an answer like all others,",
				p.dial(says(0, "ERR no such thing\n")), "ERR no such thing\n", 0, soon},
			{"answers half a line and closes", p.dial(hangsUp("HEL")), "", 0, soon},
			{"never answers", p.dial(says(0)), "", 5 * time.Second, 5*time.Second + soon},
			{"answers after 4.9 s", p.dial(says(4900*time.Millisecond, "HELLO\n")), "HELLO\n",
				4900 * time.Millisecond, 5 * time.Second},
			{"takes 3 s to be reached and then never answers", slowly(3*time.Second, p.dial(says(0))), "",
				5 * time.Second, 5*time.Second + soon},
			{"is down", refuses("connection refused"), "", 0, soon},
			{"is down for the fourth time in a row", refuses("connection refused"), "", 0, soon},
			{"is up again", p.dial(says(0, "HELLO\n")), "HELLO\n", 0, soon},
		} {
			dial, dials = u.dial, 0
			resp, took := c.ask("hello")
			more, closed := c.rest(time.Millisecond)
			want, ok := "a line that begins with ERR", strings.HasPrefix(resp, "ERR") &&
				strings.HasSuffix(resp, "\n")
			if u.want != "" {
				want, ok = fmt.Sprintf("the upstream's answer, %q,", u.want), resp == u.want
			}
			expect.That(t, ok && more == "" && !closed && took >= u.from && took <= u.to,
				expect.Message{
					Did: "asked a relay \"hello\", whose upstream " + u.what,
					Want: fmt.Sprintf(
						"%s and nothing more, after %v to %v; the connection stays open",
						want, u.from, u.to),
					Got: fmt.Sprintf("%q after %v; closed: %v", resp+more, took, closed),
					Why: "each of the relay's clients waits for one line. It must learn that " +
						"something is wrong, within a time that it can bear, and the next request " +
						"may be luckier",
				})
			expect.That(t, dials == 1, expect.Message{
				Did:  "asked a relay \"hello\", whose upstream " + u.what + ", and counted the calls of dial",
				Want: "one: the relay asks with one Do",
				Got:  fmt.Sprint(dials),
				Why: "an upstream that fails because it has too much to do gets twice as much from whoever asks it " +
					"twice; and what it has answered an hour ago is no answer",
			})
		}
	})
}

// mustEnd waits until Serve returns, which is due so long after its cause.
func mustEnd(t *testing.T, s *server, want error, cause time.Time, due time.Duration, did string) {
	t.Helper()
	wanted := "nil"
	if want != nil {
		wanted = "that error"
	}
	m := expect.Message{
		Did:  did,
		Want: fmt.Sprintf("Serve returns %s, %v later or within 100 ms after that", wanted, due),
		Why: "a program that has been told to end must end, with nothing left that runs; and " +
			"whoever started it must learn why it did",
	}
	select {
	case <-s.done:
		after := s.at.Sub(cause)
		m.Got = fmt.Sprintf("it returned %s %v later", orNil(s.err), after)
		expect.That(t, sentinel.Is(s.err, want) && after >= due &&
			after <= due+100*time.Millisecond, m)
	case <-time.After(time.Minute):
		m.Got = "a minute later it had not returned"
		expect.Fatal(t, m)
	}
}

// wantClosed waits a little and looks at the connections of a Do that has returned.
func wantClosed(t *testing.T, p *peer, did string) {
	t.Helper()
	time.Sleep(soon)
	_, _, open := p.seen()
	expect.That(t, open == 0, expect.Message{
		Did:  did + ", and looked at the connection when Do had returned",
		Want: "it is closed",
		Got:  "it is open",
		Why: "a connection that nobody closes is kept open by both sides, until one of them " +
			"has no more",
	})
}
