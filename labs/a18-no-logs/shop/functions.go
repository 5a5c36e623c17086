package shop

import "slices"

// function is one of the shop's own. It runs something, or has a goroutine do so: what that is, and
// which of them is to blame for what, is drawn for each shop.
type function struct {
	name string
	run  func(what func(), start bool)
}

// functions are all of them, by name.
var functions = []function{
	{"applyCoupon", applyCoupon},
	{"chargeCard", new(orders).chargeCard},
	{"countStock", countStock},
	{"findProduct", func(what func(), start bool) { later(findProduct(what), start) }},
	{"priceBasket", basket{}.priceBasket},
	{"rankProducts", rankProducts},
	{"refundCard", new(orders).refundCard},
	{"renderPage", func(what func(), start bool) { later(renderPage(what), start) }},
	{"reserveStock", reserveStock},
	{"resizeImage", resizeImage},
	{"sendReceipt", sendReceipt},
	{"sendReceipts", sendReceipts},
}

// Functions are the names of the shop's functions.
func Functions() (names []string) {
	for _, f := range functions {
		names = append(names, f.name)
	}
	return slices.Sorted(slices.Values(names))
}

type (
	orders struct{ _ int }
	basket struct{}
)

//go:noinline
func later(what func(), start bool) {
	if start {
		go what()
		return
	}
	what()
}

//go:noinline
func applyCoupon(what func(), start bool) {
	if start {
		go what()
		return
	}
	what()
}

//go:noinline
func (*orders) chargeCard(what func(), start bool) {
	if start {
		go what()
		return
	}
	what()
}

//go:noinline
func countStock(what func(), start bool) {
	if start {
		go what()
		return
	}
	what()
}

//go:noinline
func findProduct(what func()) func() { return func() { what() } }

//go:noinline
func (basket) priceBasket(what func(), start bool) {
	if start {
		go what()
		return
	}
	what()
}

//go:noinline
func rankProducts(what func(), start bool) {
	if start {
		go what()
		return
	}
	what()
}

//go:noinline
func (*orders) refundCard(what func(), start bool) {
	if start {
		go what()
		return
	}
	what()
}

//go:noinline
func renderPage(what func()) func() { return func() { what() } }

//go:noinline
func reserveStock(what func(), start bool) {
	if start {
		go what()
		return
	}
	what()
}

//go:noinline
func resizeImage(what func(), start bool) {
	if start {
		go what()
		return
	}
	what()
}

//go:noinline
func sendReceipt(what func(), start bool) {
	if start {
		go what()
		return
	}
	what()
}

//go:noinline
func sendReceipts(what func(), start bool) {
	if start {
		go what()
		return
	}
	what()
}
