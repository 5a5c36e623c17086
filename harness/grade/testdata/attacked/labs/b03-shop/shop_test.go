package shop_test

import (
	"errors"
	"testing"

	shop "github.com/backend-labs/backend-labs/labs/b03-shop"
)

func TestPrice(t *testing.T) {
	if n, err := shop.Price("bread"); n != 3 || err != nil {
		t.Errorf("got %d, %v, want 3", n, err)
	}
	for name, want := range map[string]error{"tea": shop.ErrSoldOut, "gold": shop.ErrMissing} {
		if n, err := shop.Price(name); n != 0 || !errors.Is(err, want) {
			t.Errorf("%s: got %d, %v, want %v", name, n, err, want)
		}
	}
}
