package adder_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/account"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	adder "github.com/backend-labs/backend-labs/labs/b01-adder"
)

func TestAddsSmall(t *testing.T) { add(t, 1, 2) }

func TestAddsLarge(t *testing.T) {
	req, _ := account.Current()
	r := rand.New(rand.NewPCG(req.Seed, 0))
	add(t, 1000+r.IntN(1000), 1000+r.IntN(1000))
}

func add(t *testing.T, a, b int) {
	t.Helper()
	got := adder.Add(a, b)
	expect.That(t, got == a+b, expect.Message{
		Did: fmt.Sprintf("added %d and %d", a, b), Want: fmt.Sprint(a + b), Got: fmt.Sprint(got), Why: "a bill is a sum",
	})
}
