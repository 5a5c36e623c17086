package names_test

import (
	"strings"
	"testing"

	names "github.com/backend-labs/backend-labs/labs/b01-names"
)

func unknown(t *testing.T, text string) {
	t.Helper()
	if !strings.Contains(text, "panic") && !strings.Contains(text, "on purpose") || strings.Contains(text, "names_test") {
		t.Error(text)
	}
}

// what panics is told by the frames that are the lab's
func TestByDo(t *testing.T) {
	text := names.ByDo()
	unknown(t, text)
	if !strings.Contains(text, "b01-names/names.go:") {
		t.Error(text)
	}
}

func TestByResolve(t *testing.T) { unknown(t, names.ByResolve()) }
