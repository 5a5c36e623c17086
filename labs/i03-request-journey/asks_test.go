package journey_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	journey "github.com/backend-labs/backend-labs/labs/i03-request-journey"
)

// got is what a Get has returned.
type got struct {
	*journey.Result
	w    *world
	did  string
	err  error
	took time.Duration
}

// patience is how long a check waits for a Get before it says that it hangs.
const patience = time.Minute

// after says what the next Get is done after, and how things are.
func (w *world) after(format string, args ...any) *world {
	w.story = fmt.Sprintf(format, args...) + ", and "
	return w
}

// get asks for a URL, and gives up on a Get that does not return.
func (w *world) get(ctx context.Context, url string, h http.Header) *got {
	w.t.Helper()
	g := &got{w: w, did: w.story + "called Get for " + url}
	w.story = ""
	done := make(chan struct{})
	began := time.Now()
	w.tl.Point("you", "Get %s", path(url))
	go func() {
		defer close(done)
		g.Result, g.err = w.client.Get(ctx, url, h)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		w.tl.Point("you", "still wait").Breaks()
		expect.Fatal(w.t, expect.Message{Did: g.did, Want: "a result or an error",
			Got:     fmt.Sprintf("Get has not returned after %v", patience),
			Why:     "whoever waits for it waits for ever, and holds a connection meanwhile",
			Picture: w.tl})
	}
	g.took = time.Since(began)
	if g.Result == nil {
		expect.Fatal(w.t, expect.Message{Did: g.did, Want: "a Result, with an error or without",
			Got: fmt.Sprintf("none, and the error %v", g.err),
			Why: "how far a request came is what one wants to know when it fails"})
	}
	return g
}

// path is a URL without its host, for a picture.
func path(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		return rest[i:]
	}
	return "/"
}

// String is all that can be said of it.
func (g *got) String() string {
	var b strings.Builder
	if g.err != nil {
		fmt.Fprintf(&b, "the error %q", g.err)
	} else {
		fmt.Fprintf(&b, "%d with %s", g.Status, short(g.Body))
	}
	fmt.Fprintf(&b, " after %v; phases: %s", g.took, phases(g.Phases))
	if g.Reused {
		b.WriteString("; Reused")
	}
	if g.Hops > 0 {
		fmt.Fprintf(&b, "; Hops %d", g.Hops)
	}
	return b.String()
}

func short(body []byte) string {
	if len(body) > 40 {
		return fmt.Sprintf("a body of %d bytes", len(body))
	}
	return fmt.Sprintf("the body %q", body)
}

// phases are phases in one line.
func phases(all []journey.Phase) string {
	var words []string
	for _, p := range all {
		word := fmt.Sprintf("%s %v", p.Name, p.Dur)
		if p.Err != nil {
			word += fmt.Sprintf(" (error: %v)", p.Err)
		}
		words = append(words, word)
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// stages are the names of phases in one line.
func stages(all []journey.Phase) string {
	var names []string
	for _, p := range all {
		names = append(names, p.Name)
	}
	return strings.Join(names, " ")
}

// lasted is how long the phase with that name took, all of that name together.
func (g *got) lasted(name string) (d time.Duration) {
	for _, p := range g.Phases {
		if p.Name == name {
			d += p.Dur
		}
	}
	return d
}

// want ends the check unless ok holds.
func (g *got) want(ok bool, want, why string) {
	g.w.t.Helper()
	g.wantOf(ok, want, g.String(), why)
}

// wantOf is want, where something else than the result tells what happened.
func (g *got) wantOf(ok bool, want, instead, why string) {
	g.w.t.Helper()
	if !ok {
		g.w.tl.Point("you", "get %s", g.gist()).Breaks()
	}
	expect.That(g.w.t, ok, expect.Message{Did: g.did, Want: want, Got: instead, Why: why,
		Picture: g.w.tl})
}

// gist is the result in a few words.
func (g *got) gist() string {
	if g.err != nil {
		return "an error"
	}
	return fmt.Sprint(g.Status)
}

// ok ends the check unless there is a response, with that body.
func (g *got) ok(body string) *got {
	g.w.t.Helper()
	g.want(g.err == nil && g.Status == 200 && string(g.Body) == body,
		fmt.Sprintf("200 with %s", short([]byte(body))), "")
	for _, p := range g.Phases {
		g.want(p.Err == nil, "no phase with an Err", "nothing has failed; an alarm would ring for it")
	}
	return g
}

// page answers with a body.
func page(body string) []piece {
	return []piece{{text: fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s",
		len(body), body)}}
}

// pages answers each request with its path.
func pages(r *http.Request) []piece { return page(r.URL.Path) }

// always answers each request in the same way.
func always(pieces ...piece) func(*http.Request) []piece {
	return func(*http.Request) []piece { return pieces }
}

// moved sends the client elsewhere.
func moved(status int, location string) []piece {
	return []piece{{text: fmt.Sprintf("HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 4\r\n"+
		"\r\nmove", status, location)}}
}

// authority issues certificates. It lives in a bubble, whose clock stands in the year 2000.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	a := &authority{pool: x509.NewCertPool()}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a.key = newKey(t)
	a.cert = a.sign(t, tmpl, tmpl, &a.key.PublicKey)
	a.pool.AddCert(a.cert)
	return a
}

// authority makes one that this one vouches for.
func (a *authority) authority(t *testing.T) *authority {
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "between"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	key := newKey(t)
	return &authority{cert: a.sign(t, tmpl, a.cert, &key.PublicKey), key: key}
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a *authority) sign(t *testing.T, tmpl, parent *x509.Certificate,
	key *ecdsa.PublicKey) *x509.Certificate {

	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, key, a.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

// issue makes a certificate for a host; change may spoil it.
func (a *authority) issue(t *testing.T, host string,
	change ...func(*x509.Certificate)) *tls.Certificate {

	tmpl := &x509.Certificate{SerialNumber: big.NewInt(2), DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	for _, f := range change {
		f(tmpl)
	}
	key := newKey(t)
	cert := a.sign(t, tmpl, a.cert, &key.PublicKey)
	return &tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}
