package journey_test

import (
	"bufio"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"
)

// connect makes a connection, and a server for it.
func (w *world) connect(addr netip.AddrPort, p *place) net.Conn {
	lane := addr.Addr().String()
	shared := &wire{road: p.road, onClose: func() { w.tl.Point(lane, "client closes") }}
	client, server := newWire(shared, from{}, net.TCPAddrFromAddrPort(addr))
	w.mu.Lock()
	number := len(w.links)
	w.links = append(w.links, connected{client, server})
	w.mu.Unlock()
	go func() {
		defer server.Close()
		if p.slams {
			return
		}
		if p.mute {
			io.Copy(io.Discard, server)
			return
		}
		w.serve(addr, number, p, server)
	}()
	return client
}

// from is the address of the client.
type from struct{}

func (from) Network() string { return "client" }
func (from) String() string  { return "198.51.100.1" }

func (w *world) serve(addr netip.AddrPort, number int, p *place, raw *end) {
	var conn net.Conn = raw
	if p.cert != nil && !raw.begins("GET") {
		secure := tls.Server(raw, &tls.Config{
			GetCertificate: func(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.hello = append(w.hello, h.ServerName)
				return p.cert, nil
			}})
		if err := secure.Handshake(); err != nil {
			w.tl.Point(addr.Addr().String(), "no handshake")
			return
		}
		w.tl.Point(addr.Addr().String(), "TLS is up")
		conn = secure
	}
	requests := bufio.NewReader(conn)
	for {
		r, err := http.ReadRequest(requests)
		if err != nil {
			return
		}
		w.note(seen{r, addr, number})
		for _, piece := range w.answerOf(p)(r) {
			if !w.play(addr, piece, conn, raw) {
				return
			}
		}
	}
}

// play does what a piece says, and reports whether the server goes on.
func (w *world) play(addr netip.AddrPort, p piece, conn net.Conn, raw *end) bool {
	time.Sleep(p.after)
	if p.text != "" {
		w.tl.Point(addr.Addr().String(), "sends %d bytes", len(p.text))
		if _, err := io.WriteString(conn, p.text); err != nil || raw.abandoned() {
			return false
		}
	}
	switch {
	case p.hangs:
		w.tl.Point(addr.Addr().String(), "says no more")
		io.Copy(io.Discard, conn)
		return false
	case p.leaves:
		w.tl.Point(addr.Addr().String(), "hangs up")
		raw.leave(p.how)
		return false
	}
	return true
}
