// Package http1 speaks HTTP/1.1 over a connection, from the bytes up.
package http1

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"strconv"
	"strings"
)

// Request is what a client wants.
type Request struct {
	Method string
	Target string
	Proto  string
	Header map[string][]string // by canonical name
	Body   io.Reader           // ends where Content-Length says
}

// Response is what the server answers.
type Response struct {
	Status int
	Header map[string][]string
	Body   []byte
}

// refusal is a request that cannot be understood for certain.
type refusal struct {
	status int
	reason string
}

func (r refusal) Error() string { return r.reason }

// ServeConn reads requests from the connection, calls handle for each, and writes what it returns.
func ServeConn(conn net.Conn, handle func(*Request) *Response) error {
	defer conn.Close()
	in := textproto.NewReader(bufio.NewReader(conn)) // one for all requests: it has read parts of the next
	for {
		req, err := readRequest(in)
		if err == io.EOF {
			return nil // between two requests
		}
		if bad := (refusal{}); errors.As(err, &bad) {
			write(conn, "", &Response{Status: bad.status}, true)
			return err // nobody knows where the next request would begin
		}
		if err != nil {
			return err
		}
		body := req.Body
		resp := handle(req)
		if _, err := io.Copy(io.Discard, body); err != nil { // the next request begins behind it
			return err
		}
		last := req.Proto == "HTTP/1.0" || hasToken(req.Header["Connection"], "close")
		if err := write(conn, req.Method, resp, last); err != nil || last {
			return err
		}
	}
}

// readRequest reads a request up to its body. It returns io.EOF if there is none.
func readRequest(in *textproto.Reader) (*Request, error) {
	line, err := readLine(in)
	if err != nil {
		return nil, err
	}
	words := strings.Split(line, " ")
	if len(words) != 3 || words[0] == "" || words[1] == "" || words[2] != "HTTP/1.1" && words[2] != "HTTP/1.0" {
		return nil, refusal{400, fmt.Sprintf("malformed request line %q", line)}
	}
	header, err := readHeader(in)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return nil, err
	}
	req := &Request{Method: words[0], Target: words[1], Proto: words[2], Header: header}
	length, err := bodyLength(req)
	req.Body = &body{in.R, length}
	return req, err
}

// readLine is stricter than textproto, which takes a line that ends in LF alone: who is in front may not.
func readLine(in *textproto.Reader) (string, error) {
	line, err := in.R.ReadString('\n')
	if err == io.EOF && line != "" {
		return "", io.ErrUnexpectedEOF
	}
	if err != nil {
		return "", err
	}
	text, ok := strings.CutSuffix(line, "\r\n")
	if !ok {
		return "", refusal{400, fmt.Sprintf("no CR LF at the end of %q", line)}
	}
	return text, nil
}

func readHeader(in *textproto.Reader) (map[string][]string, error) {
	header := make(map[string][]string)
	for {
		line, err := readLine(in)
		if err != nil || line == "" {
			return header, err
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") { // a space in front, too: no line goes on in the next
			return nil, refusal{400, fmt.Sprintf("malformed header line %q", line)}
		}
		name = textproto.CanonicalMIMEHeaderKey(name)
		header[name] = append(header[name], strings.Trim(value, " \t"))
	}
}

// bodyLength looks whether the header is one that everybody understands in the same way.
func bodyLength(req *Request) (n int64, err error) {
	if len(req.Header["Host"]) == 0 && req.Proto == "HTTP/1.1" {
		return n, refusal{400, "no Host"}
	}
	lengths := req.Header["Content-Length"]
	if len(req.Header["Transfer-Encoding"]) > 0 {
		if len(lengths) > 0 {
			return n, refusal{400, "Content-Length and Transfer-Encoding"}
		}
		return n, refusal{501, "Transfer-Encoding"}
	}
	if len(lengths) == 0 {
		return 0, nil
	}
	for _, other := range lengths[1:] {
		if other != lengths[0] {
			return n, refusal{400, "two Content-Lengths"}
		}
	}
	n, err = strconv.ParseInt(lengths[0], 10, 64)
	if err != nil || strings.ContainsAny(lengths[0], "+-") {
		return n, refusal{400, fmt.Sprintf("Content-Length %q", lengths[0])}
	}
	return n, nil
}

// body is the part of the stream that is a request's body.
type body struct {
	in   io.Reader
	left int64
}

func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	n, err := b.in.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err == io.EOF && b.left > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func write(conn net.Conn, method string, resp *Response, last bool) error {
	out := bufio.NewWriter(conn)
	fmt.Fprintf(out, "HTTP/1.1 %d \r\n", resp.Status) // words may follow, for people: programs read the number
	for name, values := range resp.Header {
		for _, value := range values {
			fmt.Fprintf(out, "%s: %s\r\n", name, value)
		}
	}
	if last {
		out.WriteString("Connection: close\r\n")
	}
	none := resp.Status == 204 || resp.Status == 304
	if !none {
		fmt.Fprintf(out, "Content-Length: %d\r\n", len(resp.Body))
	}
	out.WriteString("\r\n")
	if !none && method != "HEAD" {
		out.Write(resp.Body)
	}
	return out.Flush() // with the first error of all that was written
}

// hasToken looks for a word in fields that are lists with commas.
func hasToken(fields []string, token string) bool {
	for word := range strings.SplitSeq(strings.Join(fields, ","), ",") {
		if strings.EqualFold(strings.TrimSpace(word), token) {
			return true
		}
	}
	return false
}
