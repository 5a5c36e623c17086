package stateless_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

func TestItemsAreKeptAsTheyAre(t *testing.T) {
	f := newFleet(2, secret)
	ann := f.login(t, "ann")
	skus := []string{"lamp, small", `sofa "Oslo"`, "7", "007", "Lamp", " lamp", "lamp\nred", "a|b;c",
		"null", "<b>&amp;", "mit Lehne: grün", `back\slash`, "[]", "%2C"}
	ann.mustAdd(t, skus...)
	ann.wantCart(t, skus, fmt.Sprintf("added %d items with odd names, and asked for the cart",
		len(skus)), "a warehouse finds by its exact name what has been sold, or not at all")

	bob := f.login(t, "bob")
	var want []string
	for i := range 300 {
		sku := fmt.Sprintf("item-%d", i+1)
		bob.mustAdd(t, sku)
		want = append(want, sku)
	}
	got := bob.cart(t)
	expect.That(t, slices.Equal(got, want), expect.Message{
		Did:  "added 300 items to bob's cart, one after the other, and asked for it",
		Want: "all 300, in the order in which they were added",
		Got:  fmt.Sprintf("%d items: %s", len(got), ends(got)),
		Why:  "what was answered with 2xx was promised, also to a company that furnishes an office",
	})
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
}

func TestSomebodyElseIsAlwaysQuicker(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		for _, others := range []int{1, 39} {
			isQuicker(t, others)
		}
	})
}

func isQuicker(t *testing.T, others int) {
	t.Helper()
	f := newFleet(1, secret)
	ann := f.login(t, fmt.Sprintf("ann, who meets %d others", others))
	ann.mustAdd(t, "lamp")
	f.store.quicker = others
	got := ann.add("sofa")
	expect.That(t, got.ok(), expect.Message{
		Did: fmt.Sprintf("added an item while others wrote the same cart, each just before: "+
			"PutIf said ErrConflict %d times", others),
		Want: "2xx, once they are done",
		Got:  got.String(),
		Why: "each conflict means that somebody else has got on, so this one's turn comes, " +
			"too; a shop that gives up after a few tries does so in the sale, when it matters",
	})
	ann.wantCart(t, []string{"lamp", "sofa"}, fmt.Sprintf("added an item, for which PutIf "+
		"said ErrConflict %d times, and asked for the cart", others), "")
}
