package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	rest "github.com/backend-labs/backend-labs/labs/b05-rest-hypermedia"
)

// memory is a store. It remembers whether it was called with the context of a request.
type memory struct {
	mu       sync.Mutex
	orders   map[string]rest.Order
	versions map[string]int64
	foreign  int                   // calls with another context
	deaf     int                   // calls with one that lived on
	hangUp   bool                  // whoever calls goes away
	broken   error                 // if set, what all calls return
	full     func() error          // if set, what Put returns instead of storing, unless it is nil
	before   func()                // if set, called once, before the next Put of an existing order
	taken    func(id string)       // if set, called once, before the next Put of a new order
	told     func(err error) error // if set, how ErrNotFound and ErrConflict are told
}

type requestKey struct{}

func newMemory() *memory {
	return &memory{orders: map[string]rest.Order{}, versions: map[string]int64{}}
}

func (m *memory) enter(ctx context.Context) error {
	hangUp, ours := ctx.Value(requestKey{}).(context.CancelFunc)
	if !ours {
		m.foreign++
		return m.broken
	}
	if m.hangUp {
		hangUp()
		if ctx.Err() == nil {
			m.deaf++
		}
	}
	return m.broken
}

func (m *memory) Get(ctx context.Context, id string) (rest.Order, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return rest.Order{}, 0, err
	}
	o, there := m.orders[id]
	if !there {
		return rest.Order{}, 0, m.tell("get", id, rest.ErrNotFound)
	}
	o.Lines = slices.Clone(o.Lines)
	return o, m.versions[id], nil
}

func (m *memory) Put(ctx context.Context, o rest.Order, ifVersion int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.enter(ctx); err != nil {
		return err
	}
	if m.full != nil {
		if err := m.full(); err != nil {
			return err
		}
	}
	if taken := m.taken; taken != nil && ifVersion == 0 {
		m.taken = nil
		taken(o.ID)
	}
	if before := m.before; before != nil && ifVersion > 0 {
		m.before = nil
		before()
	}
	if m.versions[o.ID] != ifVersion {
		return m.tell("put", o.ID, rest.ErrConflict)
	}
	m.put(o)
	return nil
}

func (m *memory) tell(call, id string, err error) error {
	if m.told != nil {
		return m.told(err)
	}
	return fmt.Errorf("%s %q: %w", call, id, err)
}

func (m *memory) put(o rest.Order) {
	o.Lines = slices.Clone(o.Lines)
	m.orders[o.ID] = o
	m.versions[o.ID]++
}

// edit changes an order as somebody else does. Under the lock.
func (m *memory) edit(id string, f func(*rest.Order)) {
	o := m.orders[id]
	f(&o)
	m.put(o)
}

func (m *memory) fail(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.broken = err
}

func (m *memory) forget(id string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(id)
}

// drop is forget under the lock.
func (m *memory) drop(id string) {
	delete(m.orders, id)
	delete(m.versions, id)
}

func (m *memory) size() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.orders)
}

// link is a link as the shop gives it.
type link struct {
	Href   *string `json:"href"`
	Method string  `json:"method"`
}

// doc is what a crawler can read of a representation.
type doc struct {
	ID    string          `json:"id"`
	State string          `json:"state"`
	Lines []string        `json:"lines"`
	Links map[string]link `json:"links"`
}

func (d doc) has(rel string) bool { _, there := d.Links[rel]; return there }

func (d doc) rels() string {
	if len(d.Links) == 0 {
		return "none"
	}
	return strings.Join(slices.Sorted(maps.Keys(d.Links)), ", ")
}

// crawler is a client that knows the entry point and the names of links. Its requests go to the
// instances in turn, or as pick decides.
type crawler struct {
	t         *testing.T
	base      string
	entry     string
	where     string // of the shop, for messages
	why       string // it matters that the shop answers, if not for the usual reason
	instances []http.Handler
	pick      func() int
	requests  int
}

// newCrawler makes the instances of a shop over one store.
func newCrawler(t *testing.T, base string, store rest.Store, instances int) *crawler {
	t.Helper()
	c := &crawler{t: t, base: base, entry: base + "/"}
	if base != "" {
		c.where = " of a shop at " + base
	}
	for range instances {
		h := rest.NewShop(base, store)
		expect.That(t, h != nil, expect.Message{Did: "called NewShop", Want: "an http.Handler",
			Got: "nil"})
		c.instances = append(c.instances, h)
	}
	return c
}

// answer is what came back, and from what.
type answer struct {
	did      string
	status   int
	header   http.Header
	body     string
	panicked any
}

func (a answer) String() string {
	if a.panicked != nil {
		return fmt.Sprintf("the handler panicked: %v", a.panicked)
	}
	body := a.body
	if len(body) > 300 {
		body = body[:300] + "…"
	}
	return fmt.Sprintf("%d %s with the body %#q", a.status, http.StatusText(a.status),
		strings.TrimSpace(body))
}

func (a answer) ok() bool { return a.panicked == nil && a.status >= 200 && a.status < 300 }

// do makes one request, of the next instance.
func (c *crawler) do(did, method, href, body string, header ...string) (a answer) {
	c.t.Helper()
	if u, err := url.Parse(href); err != nil || !strings.HasPrefix(href, "/") ||
		strings.HasPrefix(href, "//") || u.Host != "" {
		expect.Fatal(c.t, expect.Message{
			Did:  did + fmt.Sprintf(", and read its href %q", href),
			Want: "a path that begins with one /",
			Got:  fmt.Sprintf("%q", href),
			Why:  "a client uses a link as it is, wherever it has found it",
		})
	}
	i := c.requests % len(c.instances)
	if c.pick != nil {
		i = c.pick()
	}
	c.requests++
	ctx, hangUp := context.WithCancel(c.t.Context())
	defer hangUp()
	ctx = context.WithValue(ctx, requestKey{}, hangUp)
	r := httptest.NewRequestWithContext(ctx, method, "http://shop.test"+href,
		strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	a.did = fmt.Sprintf("%s%s (%s %s)", did, c.where, method, href)
	w := httpwire.New()
	defer func() {
		a.status, a.header, a.body = w.Status(), w.Header(), w.Body()
		a.panicked = recover()
	}()
	c.instances[i].ServeHTTP(w.Writer(), r)
	return a
}

// follow follows a link of d that must be there.
func (c *crawler) follow(d doc, rel, body string) answer {
	c.t.Helper()
	l, there := d.Links[rel]
	if !there || l.Href == nil {
		what := "the entry point"
		if d.State != "" {
			what = "an order that is " + d.State
		}
		expect.Fatal(c.t, expect.Message{
			Did:  fmt.Sprintf("looked for the link %q in %s", rel, what),
			Want: fmt.Sprintf("%q among its links, with an href", rel),
			Got:  "the links: " + d.rels(),
			Why:  "a client that knows only the names of links cannot go on where there is none",
		})
	}
	expect.That(c.t, strings.HasPrefix(*l.Href, c.base+"/"), expect.Message{
		Did:  "looked at the link " + rel + c.where,
		Want: "an href below the base path, " + c.base + "/",
		Got:  *l.Href,
		Why:  "the gateway sends nothing else to this shop: its other paths belong to others",
	})
	method := l.Method
	if method == "" {
		method = http.MethodGet
	}
	return c.do("followed the link "+rel, method, *l.Href, body)
}

// read reads a document of a 2xx.
func (c *crawler) read(a answer, wantStatus int, want string) (d doc) {
	c.t.Helper()
	why := "a message says itself what it is: the status how it went, the type how to read it, " +
		"the links what comes next"
	if c.why != "" {
		why = c.why
	}
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	err := json.Unmarshal([]byte(a.body), &d)
	expect.That(c.t, a.panicked == nil && a.status == wantStatus && err == nil &&
		kind == "application/json", expect.Message{
		Did:  a.did,
		Want: fmt.Sprintf("%d, application/json, %s", wantStatus, want),
		Got:  fmt.Sprintf("%s, Content-Type %q", a, a.header.Get("Content-Type")),
		Why:  why,
	})
	return d
}

// home reads the entry point.
func (c *crawler) home() doc {
	c.t.Helper()
	d := c.read(c.do("asked for the entry point", http.MethodGet, c.entry, ""), 200,
		`and a document with the link "orders"`)
	method := d.Links["orders"].Method
	expect.That(c.t, !d.has("orders") || method == http.MethodPost, expect.Message{
		Did:  "asked for the entry point, and looked at its link orders",
		Want: "the method POST",
		Got:  fmt.Sprintf("%q", method),
		Why:  "what makes something new each time is a POST; nobody sends it twice unasked",
	})
	return d
}

// order makes an order, by way of the entry point.
func (c *crawler) order(lines ...string) doc {
	c.t.Helper()
	body, _ := json.Marshal(map[string]any{"lines": lines})
	a := c.follow(c.home(), "orders", string(body))
	a.did += " with the body " + shorten(string(body))
	d := c.read(a, 201, "and a pending order with these lines and a link \"self\"")
	self, there := d.Links["self"]
	at, _ := url.Parse(a.header.Get("Location"))
	expect.That(c.t, d.ID != "" && d.State == "pending" && slices.Equal(d.Lines, lines),
		expect.Message{
			Did: a.did,
			Want: "an order with an id, the state pending, and the lines " +
				shorten(fmt.Sprintf("%q", lines)),
			Got: a.String(),
		})
	expect.That(c.t, there && self.Href != nil && at != nil && at.RequestURI() == *self.Href,
		expect.Message{
			Did:  a.did,
			Want: "the new order's self link in the header Location",
			Got:  fmt.Sprintf("Location %q, and the links in %s", a.header.Get("Location"), a.body),
			Why: "who has made something must learn where it is; no client can know how the shop " +
				"builds addresses",
		})
	return d
}

// again reads an order by its self link.
func (c *crawler) again(d doc) doc {
	c.t.Helper()
	return c.read(c.follow(d, "self", ""), 200, "and the order")
}

// etag is the ETag with which an order comes.
func (c *crawler) etag(d doc) string {
	c.t.Helper()
	a := c.follow(d, "self", "")
	c.read(a, 200, "and the order")
	tag := a.header.Get("ETag")
	expect.That(c.t, len(tag) > 2 && tag[0] == '"' && tag[len(tag)-1] == '"', expect.Message{
		Did:  a.did,
		Want: "a strong ETag: a text in quotation marks, without W/",
		Got:  fmt.Sprintf("ETag %q", tag),
		Why: "an ETag names a version: with it a client can ask whether what it has is still " +
			"right, instead of getting all of it again",
	})
	return tag
}

// wantState reads an order again, which must be like this.
func (c *crawler) wantState(did string, d doc, state, why string) doc {
	c.t.Helper()
	now := c.again(d)
	expect.That(c.t, now.State == state && now.ID == d.ID, expect.Message{
		Did:  did + ", and read the order by its self link",
		Want: fmt.Sprintf("the same order, %s", state),
		Got:  fmt.Sprintf("%s, id %q (it was %q)", now.State, now.ID, d.ID),
		Why:  why,
	})
	return now
}

func wantOK(t *testing.T, a answer, why string) {
	t.Helper()
	expect.That(t, a.ok(), expect.Message{Did: a.did, Want: "a 2xx", Got: a.String(), Why: why})
}

// wantJSON looks at the body of a 2xx, if it has one.
func wantJSON(t *testing.T, a answer) {
	t.Helper()
	kind, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	expect.That(t, a.body == "" || kind == "application/json" && json.Valid([]byte(a.body)),
		expect.Message{
			Did:  a.did,
			Want: "a body that is JSON, with Content-Type: application/json, or none",
			Got:  fmt.Sprintf("%s, Content-Type %q", a, a.header.Get("Content-Type")),
			Why:  "all bodies of a 2xx are read in the same way, those of a small step, too",
		})
}

// wantOurContext looks at the contexts that the store was called with.
func wantOurContext(t *testing.T, store *memory, what string) {
	t.Helper()
	expect.That(t, store.foreign == 0, expect.Message{
		Did: "made an order, " + what +
			", and looked at the contexts that the store was called with",
		Want: "the request's context, or one made from it",
		Got:  fmt.Sprintf("%d calls with another one", store.foreign),
		Why: "the request's context ends when the client has gone; under another one the store " +
			"works on for nobody",
	})
}

// wantTheirEnd lets clients hang up while the store is at work for them.
func (c *crawler) wantTheirEnd(store *memory) {
	c.t.Helper()
	home, d := c.home(), c.order("lamp")
	store.hangUp = true
	defer func() { store.hangUp = false }()
	for _, a := range []answer{c.follow(home, "orders", `{"lines":["lamp"]}`),
		c.follow(d, "self", ""), c.follow(d, "payment", ""), c.follow(d, "cancel", "")} {
		expect.That(c.t, store.deaf == 0, expect.Message{
			Did: a.did + ", hung up while the store was at work, and looked at the contexts that " +
				"it was called with",
			Want: "they have ended with the request's",
			Got:  fmt.Sprintf("%d lived on", store.deaf),
			Why:  "a store that is not told works on for nobody",
		})
	}
}

// wantNames looks at the names in the JSON of an order. A Go client takes them in any letter case,
// others do not.
func (c *crawler) wantNames(d doc) {
	c.t.Helper()
	a := c.follow(d, "self", "")
	var order map[string]any
	_ = json.Unmarshal([]byte(a.body), &order)
	missing := lacks(order, "id", "state", "lines", "links")
	links, _ := order["links"].(map[string]any)
	for _, rel := range []string{"self", "payment", "cancel"} {
		l, _ := links[rel].(map[string]any)
		missing = append(missing, lacks(l, "href")...)
		if rel != "self" {
			missing = append(missing, lacks(l, "method")...)
		}
	}
	expect.That(c.t, len(missing) == 0, expect.Message{
		Did: "read a pending order, and looked at the names in its JSON",
		Want: "id, state, lines and links; in each link href, in those of payment and cancel " +
			"method, too",
		Got: fmt.Sprintf("missing: %s; the order is %s", strings.Join(missing, ", "), a.body),
		Why: "names in JSON are texts: for most clients Href is another one than href",
	})
}

func lacks(m map[string]any, names ...string) (missing []string) {
	for _, name := range names {
		if _, there := m[name]; !there {
			missing = append(missing, name)
		}
	}
	return missing
}

// wantLines makes an order of these lines, and reads it.
func (c *crawler) wantLines(lines ...string) {
	c.t.Helper()
	now := c.again(c.order(lines...))
	expect.That(c.t, slices.Equal(now.Lines, lines), expect.Message{
		Did:  "made an order with the lines " + shorten(fmt.Sprintf("%q", lines)) + ", and read it",
		Want: "the lines as they were sent",
		Got:  shorten(fmt.Sprintf("%q", now.Lines)),
		Why:  "what a line says is the client's business; the shop keeps it",
	})
}

// shorten keeps a failure readable.
func shorten(text string) string {
	if len(text) <= 120 {
		return text
	}
	return fmt.Sprintf("%s… (%d bytes)", text[:100], len(text))
}

// wantNoNull reads an order that somebody has stored without lines.
func (c *crawler) wantNoNull(store *memory) {
	c.t.Helper()
	d := c.order("lamp")
	store.mu.Lock()
	store.edit(d.ID, func(o *rest.Order) { o.Lines = nil })
	store.mu.Unlock()
	now := c.again(d)
	expect.That(c.t, now.Lines != nil && len(now.Lines) == 0, expect.Message{
		Did:  "took all lines from an order in the store, so that it has nil there, and read it",
		Want: `"lines": [], an array of texts`,
		Got:  fmt.Sprintf("%#v", now.Lines),
		Why:  "clients loop over the array without asking; null makes them crash",
	})
}

// inPieces sends an order of a lamp without saying how long it is, byte for byte.
func (c *crawler) inPieces(d doc) {
	c.t.Helper()
	href := *d.Links["orders"].Href
	r := httptest.NewRequestWithContext(c.t.Context(), "POST", "http://shop.test"+href,
		iotest.OneByteReader(strings.NewReader(`{"lines":["lamp"]}`)))
	r.Header.Set("Content-Type", "application/json")
	w := httpwire.New()
	c.instances[0].ServeHTTP(w.Writer(), r)
	expect.That(c.t, w.Status() == 201, expect.Message{
		Did:  `followed orders with the body {"lines":["lamp"]}, in pieces and without a Content-Length`,
		Want: "201",
		Got:  fmt.Sprintf("%d with the body %#q", w.Status(), strings.TrimSpace(w.Body())),
		Why: "a client that writes its body while it makes it does not know how long it will be, and " +
			"networks cut bodies as they like: a body ends where it ends",
	})
}

// brokenOff sends the beginning of a body.
func (c *crawler) brokenOff(d doc) int {
	c.t.Helper()
	href := *d.Links["orders"].Href
	body := io.MultiReader(strings.NewReader(`{"lines":["lamp"]}`), iotest.ErrReader(io.ErrUnexpectedEOF))
	w := httpwire.New()
	c.instances[0].ServeHTTP(w.Writer(), httptest.NewRequestWithContext(c.t.Context(), "POST",
		"http://shop.test"+href, body))
	return w.Status()
}

// wantStored looks at an order in the store, where instances that others wrote find it.
func (c *crawler) wantStored(store *memory, d doc, state string) {
	c.t.Helper()
	o := store.orders[d.ID]
	expect.That(c.t, o.State == state && slices.Equal(o.Lines, d.Lines), expect.Message{
		Did:  "looked in the store for an order that is " + state,
		Want: fmt.Sprintf("an order with its id, the State %q, and the Lines %q", state, d.Lines),
		Got:  fmt.Sprintf("State %q, Lines %q", o.State, o.Lines),
		Why:  "all instances share the store, also those of the next version",
	})
}

// wantUpToDate looks at the order in an answer, if there is one.
func wantUpToDate(t *testing.T, a answer) {
	t.Helper()
	var d doc
	_ = json.Unmarshal([]byte(a.body), &d)
	expect.That(t, !d.has("payment") && !d.has("cancel") && d.State != "pending", expect.Message{
		Did: a.did + ", and looked at what came back",
		Want: "neither the state pending nor the links payment and cancel, if the order is in " +
			"the answer",
		Got: a.String(),
		Why: "the answer is the first thing that the client sees of the order as it is now",
	})
}

var errDisk = errors.New("disk full")
