// Package client speaks with the server of a workshop: for participants, whose place in a room it keeps in their
// workspace, and for the instructor.
package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/backend-labs/backend-labs/harness/workshop/wire"
)

const (
	answerWithin = 15 * time.Second
	maxAnswer    = 64 << 20 // bytes
	tries        = 4        // of what can be sent twice without harm
	restart      = 2 * time.Minute
)

// Client speaks with one server, for whoever has the token. It may be used by several goroutines at once.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// New makes a client of the server at a URL such as http://10.0.0.7:8080. The token is a participant's, the instructor's
// secret, or "" for nobody's.
func New(base, token string) (*Client, error) {
	u, err := url.Parse(strings.TrimSpace(base))
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &Refused{Said: wire.Error{Code: "bad_request", Text: fmt.Sprintf("%q is no address of a workshop", base),
			Hint: "it looks like http://10.0.0.7:8080; the instructor shows it"}}
	}
	return &Client{base: u.Scheme + "://" + u.Host + strings.TrimSuffix(u.Path, "/"), token: token,
		http: &http.Client{}}, nil
}

// Base is the server's URL, without a slash at its end.
func (c *Client) Base() string { return c.base }

// Refused is what a server has said no to, or what cannot be asked at all.
type Refused struct {
	Said   wire.Error
	Status int // of HTTP; 0 where it was not asked
}

// Broken reports whether something of the server's is broken or busy, so that it is nobody's fault who asks.
func (e *Refused) Broken() bool {
	return e.Status >= http.StatusInternalServerError || e.Said.Code == "busy"
}

// NotTaken reports whether what was handed in is not taken, or not now, although the request is right.
func (e *Refused) NotTaken() bool {
	switch e.Said.Code {
	case "closed", "ended", "limit", "too_large", "rejected":
		return true
	}
	return false
}

func (e *Refused) Error() string { return e.Said.Text }

// Hint says what to do.
func (e *Refused) Hint() string { return e.Said.Hint }

// Unreachable says that no workshop has answered.
type Unreachable struct{ Base, Reason string }

func (e *Unreachable) Error() string {
	return fmt.Sprintf("the workshop at %s does not answer: %s", e.Base, e.Reason)
}

// Hint says what to do.
func (e *Unreachable) Hint() string {
	return "are you in the same network, and is the workshop still open? nothing of yours is lost"
}

// Hello is what serves there.
func (c *Client) Hello(ctx context.Context) (h wire.Hello, err error) {
	return h, c.again(ctx, http.MethodGet, wire.HelloPath, nil, &h)
}

// Join takes a place in the room.
func (c *Client) Join(ctx context.Context, code, name string) (j wire.Joined, err error) {
	return j, c.once(ctx, http.MethodPost, wire.JoinPath, wire.Join{Code: code, Name: name}, &j)
}

// Rejoin takes the place that one has.
func (c *Client) Rejoin(ctx context.Context, code, recovery string) (j wire.Joined, err error) {
	return j, c.once(ctx, http.MethodPost, wire.RejoinPath, wire.Rejoin{Code: code, Recovery: recovery}, &j)
}

// Me is what a participant may know of the room.
func (c *Client) Me(ctx context.Context) (m wire.Me, err error) {
	return m, c.again(ctx, http.MethodGet, wire.MePath, nil, &m)
}

// Report sends check runs; sending them twice does no harm.
func (c *Client) Report(ctx context.Context, r []wire.Report) error {
	return c.once(ctx, http.MethodPost, wire.ReportsPath, wire.Reports{Reports: r}, nil)
}

// Submit hands in files. The same files again are the same submission, so it can be tried again.
func (c *Client) Submit(ctx context.Context, s wire.Submit) (sub wire.Submission, err error) {
	return sub, c.again(ctx, http.MethodPost, wire.SubmitPath, s, &sub)
}

// Submission is where one of one's own stands.
func (c *Client) Submission(ctx context.Context, id int64) (sub wire.Submission, err error) {
	return sub, c.again(ctx, http.MethodGet, wire.SubmitPath+"/"+strconv.FormatInt(id, 10), nil, &sub)
}

// Ask raises a hand.
func (c *Client) Ask(ctx context.Context, a wire.Ask) error {
	return c.once(ctx, http.MethodPost, wire.AskPath, a, nil)
}

// Follow waits until a submission is graded and calls on with each change. A connection that breaks is made again; a server
// that does not answer is waited for while somebody may be starting it again, and silent is called meanwhile.
func (c *Client) Follow(ctx context.Context, id int64, on func(wire.Submission), silent func()) (wire.Submission, error) {
	heard := time.Now()
	for {
		last, err := c.stream(ctx, id, on)
		if last.State != "" { // it was heard until now, however long ago it said something
			heard = time.Now()
		}
		if err == nil && last.State == wire.Graded {
			return last, nil
		}
		if refused, ok := errors.AsType[*Refused](err); ok && refused.Said.RetryAfter == 0 {
			return last, err
		}
		if err := pause(ctx, time.Second); err != nil {
			return last, err
		}
		if last, err = c.Submission(ctx, id); err != nil {
			if _, gone := errors.AsType[*Unreachable](err); !gone || time.Since(heard) > restart || ctx.Err() != nil {
				return last, err
			}
			silent()
			continue
		}
		heard = time.Now()
		on(last)
		if last.State == wire.Graded {
			return last, nil
		}
	}
}

// stream reads the events of a submission until there are none any more.
func (c *Client) stream(ctx context.Context, id int64, on func(wire.Submission)) (last wire.Submission, err error) {
	resp, err := c.do(ctx, http.MethodGet, wire.SubmitPath+"/"+strconv.FormatInt(id, 10), nil, "text/event-stream")
	if err != nil {
		return last, err
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(io.LimitReader(resp.Body, maxAnswer))
	lines.Buffer(make([]byte, 64<<10), maxAnswer)
	var data bytes.Buffer
	for lines.Scan() {
		line := lines.Text()
		if text, ok := strings.CutPrefix(line, "data:"); ok {
			data.WriteString(strings.TrimPrefix(text, " ") + "\n")
		}
		if line != "" || data.Len() == 0 {
			continue
		}
		if err := json.Unmarshal(data.Bytes(), &last); err != nil {
			return last, c.unreachable(err)
		}
		data.Reset()
		on(last)
		if last.State == wire.Graded {
			return last, nil
		}
	}
	return last, c.unreachable(lines.Err())
}

// once asks once.
func (c *Client) once(ctx context.Context, method, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	resp, err := c.do(ctx, method, path, body, "application/json")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if into == nil || resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(into); err != nil {
		return c.strange(resp, err)
	}
	return nil
}

// again asks, and asks again while nothing answers or the server is busy.
func (c *Client) again(ctx context.Context, method, path string, body, into any) (err error) {
	for try := range tries {
		err = c.once(ctx, method, path, body, into)
		refused, said := errors.AsType[*Refused](err)
		_, silent := errors.AsType[*Unreachable](err)
		if !silent && !(said && refused.Said.Code == "busy") || ctx.Err() != nil {
			return err
		}
		wait := time.Duration(200<<try) * time.Millisecond
		if try == tries-1 || pause(ctx, wait/2+rand.N(wait)) != nil {
			return err
		}
	}
	return err
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// do sends a request. The answer is one of success; its body is to be closed.
func (c *Client) do(ctx context.Context, method, path string, body any, accept string) (*http.Response, error) {
	var sent io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		sent = bytes.NewReader(data)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, sent)
	if err != nil {
		return nil, err
	}
	r.Header.Set(wire.Header, strconv.Itoa(wire.Version))
	r.Header.Set("Accept", accept)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		if errors.Is(err, context.Canceled) {
			return nil, context.Canceled
		}
		return nil, c.unreachable(err)
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	var said wire.Error
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&said); err != nil || said.Text == "" {
		return nil, c.strange(resp, nil)
	}
	return nil, &Refused{said, resp.StatusCode}
}

// unreachable is why nothing has answered, without the words about the request that net/http puts round it.
func (c *Client) unreachable(err error) error {
	reason := "the connection ended"
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		reason = fmt.Sprintf("nothing within %.0f s", answerWithin.Seconds())
	case err != nil:
		reason = err.Error()
	}
	return &Unreachable{c.base, reason}
}

// strange is an answer that no workshop gives.
func (c *Client) strange(resp *http.Response, err error) error {
	what := "answers as no workshop does: " + resp.Status
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		what += " and a page; is it something else, or is there a proxy in between?"
	} else if err != nil {
		what += ", " + err.Error()
	}
	return &Unreachable{c.base, what}
}
