package flags_test

import (
	"testing"

	flags "github.com/backend-labs/backend-labs/labs/b04-sets-flags-in-init"
)

func TestNothing(t *testing.T) { flags.Nothing() }
