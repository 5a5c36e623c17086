// Package http1 speaks HTTP/1.1 over a connection, from the bytes up.
//
// In this one patterns say what a line looks like, and a connection on which much of a body is left is given up.
package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"regexp"
	"slices"
	"strconv"
)

// Request is what a client wants.
type Request struct {
	Method string
	Target string
	Proto  string
	Header map[string][]string
	Body   io.Reader
}

// Response is what the server answers.
type Response struct {
	Status int
	Header map[string][]string
	Body   []byte
}

var (
	requestLine = regexp.MustCompile(`^([^ \t]+) ([^ \t]+) (HTTP/1\.[01])\r\n$`)
	headerLine  = regexp.MustCompile(`^([^: \t]+):[ \t]*(.*?)[ \t]*\r\n$`)
	digits      = regexp.MustCompile(`^[0-9]+$`)
	closeToken  = regexp.MustCompile(`(?i)(^|,)[ \t]*close[ \t]*(,|$)`)
)

// mistake is the status of a refusal.
type mistake int

func (m mistake) Error() string { return fmt.Sprintf("refused with %d", int(m)) }

// ServeConn reads requests from the connection, calls handle for each, and writes what it returns.
func ServeConn(conn net.Conn, handle func(*Request) *Response) (err error) {
	defer conn.Close()
	in := bufio.NewReaderSize(conn, 256)
	for {
		if _, err := in.Peek(1); err == io.EOF {
			return nil
		}
		r, left, err := next(in)
		var m mistake
		if errors.As(err, &m) {
			conn.Write(bytesOf(&Response{Status: int(m)}, false, true))
		}
		if err != nil {
			return err
		}
		head, last := r.Method == "HEAD", wantsClose(r)
		answer := handle(r)
		const most = 64 << 10
		if left.N > most {
			_, err = conn.Write(bytesOf(answer, head, true))
			return errors.Join(err, errors.New("more of the body is left than is worth skipping"))
		}
		if _, err := io.Copy(io.Discard, left); err != nil {
			return err
		}
		if left.N > 0 {
			return io.ErrUnexpectedEOF
		}
		if _, err := conn.Write(bytesOf(answer, head, last)); err != nil || last {
			return err
		}
	}
}

func wantsClose(r *Request) bool {
	return r.Proto == "HTTP/1.0" || slices.ContainsFunc(r.Header["Connection"], closeToken.MatchString)
}

// whole is a body of which an early end is an error.
type whole struct{ *io.LimitedReader }

func (w whole) Read(p []byte) (int, error) {
	n, err := w.LimitedReader.Read(p)
	if err == io.EOF && w.N > 0 {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

func next(in *bufio.Reader) (*Request, *io.LimitedReader, error) {
	var r *Request
	for {
		line, err := in.ReadString('\n')
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, nil, err
		}
		if r == nil {
			words := requestLine.FindStringSubmatch(line)
			if words == nil {
				return nil, nil, mistake(400)
			}
			r = &Request{Method: words[1], Target: words[2], Proto: words[3], Header: map[string][]string{}}
			continue
		}
		if line == "\r\n" {
			break
		}
		field := headerLine.FindStringSubmatch(line)
		if field == nil {
			return nil, nil, mistake(400)
		}
		name := textproto.CanonicalMIMEHeaderKey(field[1])
		r.Header[name] = append(r.Header[name], field[2])
	}
	length, err := length(r)
	left := &io.LimitedReader{R: in, N: length}
	r.Body = whole{left}
	return r, left, err
}

func length(r *Request) (int64, error) {
	lengths := r.Header["Content-Length"]
	_, coded := r.Header["Transfer-Encoding"]
	_, host := r.Header["Host"]
	switch {
	case !host && r.Proto == "HTTP/1.1", coded && lengths != nil, len(slices.Compact(slices.Clone(lengths))) > 1:
		return 0, mistake(400)
	case coded:
		return 0, mistake(501)
	case lengths == nil:
		return 0, nil
	case !digits.MatchString(lengths[0]):
		return 0, mistake(400)
	}
	n, err := strconv.ParseInt(lengths[0], 10, 64)
	if err != nil {
		return 0, mistake(400)
	}
	return n, nil
}

func bytesOf(answer *Response, head, last bool) []byte {
	var out bytes.Buffer
	empty := answer.Status == 204 || answer.Status == 304
	fmt.Fprintf(&out, "HTTP/1.1 %d -\r\n", answer.Status)
	for name, values := range answer.Header {
		for _, value := range values {
			fmt.Fprintf(&out, "%s:%s\r\n", name, value)
		}
	}
	if !empty {
		fmt.Fprintf(&out, "Content-Length:%d\r\n", len(answer.Body))
	}
	if last {
		out.WriteString("Connection:close\r\n")
	}
	out.WriteString("\r\n")
	if !empty && !head {
		out.Write(answer.Body)
	}
	return out.Bytes()
}
