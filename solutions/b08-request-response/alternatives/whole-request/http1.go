// Package http1 speaks HTTP/1.1 over a connection, from the bytes up.
//
// This one collects bytes until a request is complete, body and all, and only then looks at it.
package http1

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
)

// Request is what a client wants.
type Request struct {
	Method, Target, Proto string
	Header                map[string][]string
	Body                  io.Reader
}

// Response is what the server answers.
type Response struct {
	Status int
	Header map[string][]string
	Body   []byte
}

var (
	errMalformed   = errors.New("malformed request")
	errUnsupported = errors.New("transfer encodings are not implemented")
)

// ServeConn reads requests from the connection, calls handle for each, and writes what it returns.
func ServeConn(conn net.Conn, handle func(*Request) *Response) (err error) {
	defer conn.Close()
	var buf []byte // what has arrived and is not answered
	more := func() error {
		chunk := make([]byte, 16<<10)
		n, err := conn.Read(chunk)
		buf = append(buf, chunk[:n]...)
		if n > 0 {
			return nil
		}
		if err == io.EOF && len(buf) > 0 {
			return io.ErrUnexpectedEOF
		}
		return err
	}
	for {
		end := -1
		for end < 0 {
			if end = bytes.Index(buf, []byte("\r\n\r\n")); end >= 0 {
				break
			}
			if err := more(); err == io.EOF {
				return nil
			} else if err != nil {
				return err
			}
		}
		req, length, err := parse(string(buf[:end]))
		buf = buf[end+4:]
		switch err {
		case errMalformed:
			conn.Write(render("GET", &Response{Status: 400}, true))
			return err
		case errUnsupported:
			conn.Write(render("GET", &Response{Status: 501}, true))
			return err
		}
		for len(buf) < length {
			if err := more(); err == io.EOF {
				return io.ErrUnexpectedEOF
			} else if err != nil {
				return err
			}
		}
		req.Body = bytes.NewReader(buf[:length:length])
		buf = buf[length:]
		last := req.Proto == "HTTP/1.0"
		for _, list := range req.Header["Connection"] {
			for _, word := range strings.Split(list, ",") {
				last = last || strings.ToLower(strings.TrimSpace(word)) == "close"
			}
		}
		if _, err := conn.Write(render(req.Method, handle(req), last)); err != nil || last {
			return err
		}
	}
}

func parse(head string) (req *Request, length int, err error) {
	lines := strings.Split(head, "\r\n")
	if strings.Contains(strings.Join(lines, ""), "\n") { // one that ends no line, or ends it alone
		return nil, 0, errMalformed
	}
	method, rest, _ := strings.Cut(lines[0], " ")
	target, proto, _ := strings.Cut(rest, " ")
	if method == "" || target == "" || (proto != "HTTP/1.0" && proto != "HTTP/1.1") {
		return nil, 0, errMalformed
	}
	req = &Request{Method: method, Target: target, Proto: proto, Header: map[string][]string{}}
	for _, line := range lines[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsAny(name, " \t") {
			return nil, 0, errMalformed
		}
		name = canonical(name)
		req.Header[name] = append(req.Header[name], strings.Trim(value, " \t"))
	}
	lengths, coded := req.Header["Content-Length"], req.Header["Transfer-Encoding"] != nil
	switch {
	case proto == "HTTP/1.1" && req.Header["Host"] == nil, len(lengths) > 1, lengths != nil && coded:
		return nil, 0, errMalformed
	case coded:
		return nil, 0, errUnsupported
	case lengths != nil:
		n, err := strconv.ParseUint(lengths[0], 10, 63)
		if err != nil {
			return nil, 0, errMalformed
		}
		length = int(n)
	}
	return req, length, nil
}

// canonical writes the letter at the start of each part of a name large, and all others small.
func canonical(name string) string {
	parts := strings.Split(strings.ToLower(name), "-")
	for i, part := range parts {
		if part != "" {
			parts[i] = strings.ToUpper(part[:1]) + part[1:]
		}
	}
	return strings.Join(parts, "-")
}

func render(method string, resp *Response, last bool) []byte {
	var fields []string
	for name, values := range resp.Header {
		for _, value := range values {
			fields = append(fields, name+": "+value+"\r\n")
		}
	}
	body := resp.Body
	if resp.Status == 204 || resp.Status == 304 {
		body = nil
	} else {
		fields = append(fields, "content-length: "+strconv.Itoa(len(body))+"\r\n")
	}
	if last {
		fields = append(fields, "connection: close\r\n")
	}
	if method == "HEAD" {
		body = nil
	}
	return append([]byte("HTTP/1.1 "+strconv.Itoa(resp.Status)+" \r\n"+strings.Join(fields, "")+"\r\n"), body...)
}
