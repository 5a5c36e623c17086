package exits_test

import (
	"testing"

	exits "github.com/backend-labs/backend-labs/labs/b02-exits-in-init"
)

func TestNothing(t *testing.T) { exits.Nothing() }
