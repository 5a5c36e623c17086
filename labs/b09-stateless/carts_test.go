package stateless_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

func TestItemsAreKeptAsTheyAre(t *testing.T) {
	f := newFleet(2, secret)
	ann := f.login(t, "ann")
	skus := []string{"lamp, small", `sofa "Oslo"`, "7", "007", "Lamp", " lamp", "lamp\nred", "a|b;c",
		"null", " ", strings.Repeat("a table for each office ", 1000), "<b>&amp;", "mit Lehne: grün", `back\slash`, "[]", "%2C",
		strings.Repeat("a chair for each desk ", 4000)}
	ann.mustAdd(t, skus...)
	ann.wantCart(t, skus, fmt.Sprintf("added %d items with odd names, and asked for the cart",
		len(skus)), "a warehouse finds by its exact name what has been sold, or not at all")

	bob := f.login(t, "bob")
	var want []string
	for i := range 1100 {
		sku := fmt.Sprintf("item-%d", i+1)
		bob.mustAdd(t, sku)
		want = append(want, sku)
	}
	got := bob.cart(t)
	expect.That(t, slices.Equal(got, want), expect.Message{
		Did:  "added 1,100 items to bob's cart, one after the other, and asked for it",
		Want: "all 1,100, in the order in which they were added",
		Got:  fmt.Sprintf("%d items: %s", len(got), ends(got)),
		Why:  "what was answered with 2xx was promised, also to a company that furnishes an office",
	})

	dan := f.login(t, "dan")
	f.chunked = true
	added := dan.add("lamp")
	f.chunked = false
	expect.That(t, added.ok(), expect.Message{
		Did:  `added "lamp" to dan's cart with a body that comes in chunks, so without a Content-Length`,
		Want: "any 2xx",
		Got:  added.String(),
		Why: "a proxy that passes a body on as it comes does not know its length yet; where it ends says " +
			"the body itself",
	})

	request, _ := account.Current()
	r := rand.New(rand.NewPCG(request.Seed, 9))
	carol := f.login(t, "carol")
	var odd []string
	for c := range rune(0x20) {
		odd = append(odd, string(c), "a"+string(c)+"b")
	}
	for range 40 {
		odd = append(odd, randomText(r))
	}
	carol.mustAdd(t, odd...)
	carol.wantCart(t, odd, fmt.Sprintf("added %d items, among them one of each character below the space "+
		"and texts at random (seed %d), and asked for the cart", len(odd), request.Seed),
		"any character can be in a text, also the one that separates texts somewhere")
}

// randomText is a text that is not empty, of characters that mean something somewhere.
func randomText(r *rand.Rand) string {
	alphabet := []rune("aA0 .,:;|/\\\"'`[]{}()<>&=%+-_#\x00\x1e\x1f\x7f\n\r\t\u00a0\u0085\u2028\ufeffé漢😀")
	text := make([]rune, 1+r.IntN(6))
	for i := range text {
		text[i] = alphabet[r.IntN(len(alphabet))]
	}
	return string(text)
}

// ends shows a long cart in short.
func ends(cart []string) string {
	if len(cart) <= 4 {
		return fmt.Sprintf("%q", cart)
	}
	return fmt.Sprintf("%q … %q", cart[:2], cart[len(cart)-2:])
}

func TestWhatIsAnsweredIsStored(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		f := newFleet(3, secret)
		f.store.slow = 20 * time.Millisecond // as a database on its way to the disk
		ann := f.login(t, "ann")
		var want []string
		for i := range 3 {
			sku := fmt.Sprintf("item-%d", i+1)
			ann.mustAdd(t, sku)
			want = append(want, sku)
			ann.wantCart(t, want, fmt.Sprintf("added %d items, with a store that takes 20 ms to "+
				"write, and asked another instance at once for the cart", i+1),
				"2xx says that the item is in the cart: if it is still on its way, an instance "+
					"that is killed takes it along, and nobody is told")
		}
	})
	aReadIsUnderWay(t)
}

// aReadIsUnderWay asks for a cart after an item was added, while a read from before that is not back yet.
func aReadIsUnderWay(t *testing.T) {
	t.Helper()
	f := newFleet(1, secret)
	eve := f.login(t, "eve")
	eve.mustAdd(t, "lamp")
	read := &held{make(chan struct{}), make(chan struct{})}
	f.store.hold = read
	var wg sync.WaitGroup
	wg.Go(func() { f.do("GET", "/cart", eve.token, nil) })
	select {
	case <-read.has:
	case <-time.After(5 * time.Second): // nobody reads
	}
	eve.mustAdd(t, "sofa")
	eve.wantCart(t, []string{"lamp", "sofa"}, "asked for a cart with lamp, which took the store a while; added sofa "+
		"meanwhile, and asked for the cart once more",
		"what was read for another request may be from before the item was added: each request that begins after "+
			"the 2xx has to see it")
	close(read.free)
	wg.Wait()
}

func TestTheStoreIsCalledForTheRequest(t *testing.T) {
	f := newFleet(1, secret)
	ann := f.login(t, "ann")
	ann.mustAdd(t, "lamp")
	ann.wantCart(t, []string{"lamp"}, "logged in, added an item, and asked for the cart", "")
	wantNoStrays(t, f, "logged in, added an item, asked for the cart")
	f.store.quicker = 3
	ann.add("sofa")
	wantNoStrays(t, f, "added an item while others wrote the same cart, 3 times just before")
}

func wantNoStrays(t *testing.T, f *fleet, did string) {
	t.Helper()
	expect.That(t, f.store.strays == 0, expect.Message{
		Did:  did + ", and looked at the contexts that the store was called with",
		Want: "the request's context, or one made from it",
		Got:  fmt.Sprintf("%d calls with another one", f.store.strays),
		Why: "the request's context ends when the client goes away, and knows what is to be traced: " +
			"under another one the store works for nobody, and nobody knows for whom",
	})
}

func TestAStoreThatFailsIsA5xx(t *testing.T) {
	f := newFleet(1, secret)
	ann := f.login(t, "ann")
	ann.mustAdd(t, "lamp")
	for _, err := range []error{
		errors.New("the database is down"),
		fmt.Errorf("query: %w", context.DeadlineExceeded),
		context.Canceled, // by the driver, which closes a connection
		fs.ErrNotExist,
		fmt.Errorf("query: %w", io.EOF), // a connection that the database has closed
		errors.New("backup in conflict with the database"),
	} {
		isA5xx(t, f, ann, err)
	}
}

func isA5xx(t *testing.T, f *fleet, ann *user, down error) {
	t.Helper()
	for _, broken := range []struct {
		what            string
		reads, writes   error
		method, request string
	}{
		{"can be read and takes nothing", nil, down, "POST", "/cart/items"},
		{"cannot be read", down, nil, "POST", "/cart/items"},
		{"is down", down, down, "POST", "/cart/items"},
		{"is down", down, down, "GET", "/cart"},
	} {
		f.store.breakDown(broken.reads, broken.writes)
		var body any
		if broken.method == "POST" {
			body = map[string]string{"sku": "sofa"}
		}
		got := f.do(broken.method, broken.request, ann.token, body)
		f.store.breakDown(nil, nil)
		expect.That(t, got.status >= 500 && got.status <= 599, expect.Message{
			Did: fmt.Sprintf("sent %s %s while the store %s, with the error %q", broken.method,
				broken.request, broken.what, down),
			Want: "a 5xx",
			Got:  got.String(),
			Why: "a 2xx promises what is not so: the item is lost, or a full cart looks empty, and " +
				"nobody tries again",
		})
		ann.wantCart(t, []string{"lamp"}, "asked for the cart when the store was well again", "")
	}
}

func TestSomebodyElseIsAlwaysQuicker(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, others := range []int{1, 39, 300} {
			isQuicker(t, others, 0)
		}
		isQuicker(t, 250, 20*time.Millisecond)
	})
}

func isQuicker(t *testing.T, others int, slow time.Duration) {
	t.Helper()
	f := newFleet(1, secret)
	f.store.slow = slow
	takes := ""
	if slow > 0 {
		takes = fmt.Sprintf(", each after %v", slow)
	}
	ann := f.login(t, fmt.Sprintf("ann, who meets %d others", others))
	ann.mustAdd(t, "lamp")
	f.store.quicker = others
	got := ann.add("sofa")
	expect.That(t, got.ok(), expect.Message{
		Did: fmt.Sprintf("added an item while others wrote the same cart, each just before: "+
			"PutIf said ErrConflict %d times%s", others, takes),
		Want: "2xx, once they are done",
		Got:  got.String(),
		Why: "each conflict means that somebody else has got on, so this one's turn comes, " +
			"too; a shop that gives up after a few tries does so in the sale, when it matters",
	})
	ann.wantCart(t, []string{"lamp", "sofa"}, fmt.Sprintf("added an item, for which PutIf "+
		"said ErrConflict %d times, and asked for the cart", others), "")
}
