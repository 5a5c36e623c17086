package shop_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/timeline"
)

// metadata is where a machine in a cloud learns its own credentials.
const metadata = "169.254.169.254"

const credentials = "ASIA-THE-CLOUDS-KEY"

// network is what lies around the shop: names, addresses, and a server behind each of them.
type network struct {
	tl   *timeline.Timeline
	cert tls.Certificate
	pool *x509.CertPool

	mu      sync.Mutex
	names   map[string][]string // what a name resolves to, each time something else: "a b", "c"
	dialled []string            // addresses with ports
	calls   []string            // requests that have arrived
	open    []net.Conn
	meeting chan struct{} // closed when manyMeet calls have come to /meet
}

func newNetwork(t *testing.T, tl *timeline.Timeline) *network {
	t.Helper()
	n := &network{tl: tl, meeting: make(chan struct{}), names: map[string][]string{
		"hooks.example": {"93.184.215.14"},
		"localhost":     {"127.0.0.1 ::1"},
		"2130706433":    {"127.0.0.1"}, // as a libc reads them
		"0x7f.1":        {"127.0.0.1"},
		"down.example":  {"93.184.215.99"},
	}}
	n.certify(t)
	t.Cleanup(func() {
		n.mu.Lock()
		defer n.mu.Unlock()
		for _, c := range n.open {
			c.Close()
		}
	})
	return n
}

// certify makes a certificate for all servers that a check may call.
func (n *network) certify(t *testing.T) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature |
			x509.KeyUsageCertSign,
		DNSNames: []string{"hooks.example", "*.hooks.example", "localhost", "2130706433", "0x7f.1"},
	}
	for _, a := range append(slices.Clone(public), private...) {
		ip := netip.MustParseAddr(a).WithZone("") // a certificate knows no zones
		template.IPAddresses = append(template.IPAddresses, net.IP(ip.AsSlice()))
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	n.cert = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	n.pool = x509.NewCertPool()
	n.pool.AddCert(leaf)
}

// client is the one that the shop gets. There is no other way out.
func (n *network) client() *http.Client {
	return &http.Client{Transport: &http.Transport{
		DialContext:     n.dial,
		TLSClientConfig: &tls.Config{RootCAs: n.pool},
	}}
}

func (n *network) resolve(_ context.Context, host string) ([]netip.Addr, error) {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}, nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	answers := n.names[strings.ToLower(host)]
	if len(answers) == 0 {
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	if len(answers) > 1 {
		n.names[strings.ToLower(host)] = answers[1:]
	}
	var all []netip.Addr
	for _, a := range strings.Fields(answers[0]) {
		all = append(all, netip.MustParseAddr(a))
	}
	return all, nil
}

// dial connects to an address or, as a dialler does, to the first one of a name.
func (n *network) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, err
	}
	all, err := n.resolve(ctx, host)
	if err != nil {
		return nil, err
	}
	at := netip.AddrPortFrom(all[0], 0).Addr()
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dialled = append(n.dialled, net.JoinHostPort(at.String(), port))
	n.tl.Point("the network", "connects to %s", net.JoinHostPort(at.String(), port))
	if at.String() == "93.184.215.99" {
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	n.open = append(n.open, near, far)
	if port == "443" || port == "8443" {
		far = tls.Server(far, &tls.Config{Certificates: []tls.Certificate{n.cert},
			SessionTicketsDisabled: true})
	}
	go n.serve(far, at)
	return near, nil
}

// serve answers one request, and reads on until the other end has hung up: a pipe has no buffer.
func (n *network) serve(c net.Conn, at netip.Addr) {
	defer c.Close()
	r, err := http.ReadRequest(bufio.NewReader(c))
	if err != nil {
		return
	}
	io.Copy(io.Discard, r.Body)
	n.mu.Lock()
	n.calls = append(n.calls, fmt.Sprintf("%s %s%s at %s", r.Method, r.Host, r.URL.Path, at))
	if r.URL.Path == "/meet" && len(n.calls) == manyMeet {
		close(n.meeting)
	}
	n.mu.Unlock()
	if r.URL.Path == "/meet" {
		select {
		case <-n.meeting:
		case <-time.After(time.Second): // they come one by one
		}
	}
	status, header, body := "200 OK", "", "thanks"
	switch to := r.URL.Query().Get("to"); {
	case to != "":
		status, header = r.URL.Query().Get("status")+" Elsewhere", "Location: "+to+"\r\n"
	case r.URL.Path == "/fails":
		status = "500 Internal Server Error"
	case strings.HasPrefix(r.URL.Path, "/answers/"):
		status = strings.TrimPrefix(r.URL.Path, "/answers/") + " So"
	case r.URL.Path == "/round" && n.turns() < manyTurns:
		status, header = "307 Elsewhere", "Location: /round\r\n"
	case r.URL.Path == "/round":
		status = "500 Enough"
	case at.Unmap().String() == metadata:
		body = credentials
	}
	if status == "204 So" {
		body = ""
	}
	fmt.Fprintf(c, "HTTP/1.1 %s\r\n%sContent-Length: %d\r\nConnection: close\r\n\r\n%s", status,
		header, len(body), body)
	io.Copy(io.Discard, c)
}

// manyMeet is how many calls to /meet wait for each other.
const manyMeet = 4

// manyTurns is after how many calls a redirect in a circle ends, so that the check does.
const manyTurns = 60

// turns is how many calls have arrived since the last look.
func (n *network) turns() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.calls)
}

// reached are the addresses that were connected to since the last call, and what has arrived there.
func (n *network) reached() (dialled, calls []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	dialled, calls = n.dialled, n.calls
	n.dialled, n.calls = nil, nil
	return dialled, calls
}

// name has a name resolve to something, then to something else, and from then on to the last.
func (n *network) name(host string, answers ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.names[host] = answers
}
