// Package http1 speaks HTTP/1.1 over a connection, from the bytes up.
package http1

import (
	"errors"
	"io"
	"net"
)

// Request is what a client wants. Whoever keeps it finds the same method, target and header in it when others have come.
type Request struct {
	Method string // GET
	Target string // as it was sent: /things?page=2
	Proto  string // HTTP/1.1 or HTTP/1.0

	// Header has all header fields, Host included, under their canonical names: Content-Type, whether the client wrote
	// content-type or CONTENT-TYPE (textproto.CanonicalMIMEHeaderKey). A field that was sent twice has two values.
	Header map[string][]string

	// Body is never nil. It ends, with io.EOF, after as many bytes as Content-Length says, or at once if there is no
	// Content-Length. A body that breaks off before that ends with another error.
	Body io.Reader
}

// Response is what the server answers.
type Response struct {
	Status int // 200 to 599

	// Header may be nil. It has no Content-Length, Transfer-Encoding or Connection: those are ServeConn's.
	Header map[string][]string

	Body []byte
}

// ServeConn reads requests from the connection, calls handle for each, one after another, and writes what it returns.
// It goes on until the client closes the connection or one side has said that it is to be closed, and until then waits
// for the next request. It closes the connection before it returns.
//
// It returns nil if the connection has ended as it should: the client closed it between two requests, or asked for the
// close. It returns an error if it refused a request, or if reading or writing failed.
//
// The README says how a message is built, what is refused and when the connection is closed.
func ServeConn(conn net.Conn, handle func(*Request) *Response) error {
	conn.Close()
	return errors.New("not implemented") // your code
}
