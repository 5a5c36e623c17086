package policy_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/backend-labs/backend-labs/harness/policy"
)

// chain is a source of n declarations, each made of the one before it, and an end.
func chain(first, next, last string, n int) string {
	var b strings.Builder
	b.WriteString("package x\n\n" + first + "\n")
	for i := 1; i <= n; i++ {
		fmt.Fprintf(&b, strings.ReplaceAll(next, "%p", fmt.Sprint(i-1))+"\n", i)
	}
	return b.String() + last + "\n"
}

// TestCheck_bombs looks at source that a checker of types never gets to the end of, or that takes
// all the memory there is. Whatever becomes of it, there is an answer, and it is no fault of ours.
func TestCheck_bombs(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, src string
		want      string // the rule, or "unread", or "" for what is allowed
	}{
		{"a text that doubles", chain(`const s0 = "aaaaaaaa"`, "const s%d = s%p + s%p", "var n = len(s60)", 60), "nesting"},
		{"types that double", chain("type t0 = struct{ a, b int }", "type t%d = struct{ a, b t%p }", "var a, b t60\nvar same = a == b", 60), "nesting"},
		{"functions that double", chain("func f0[T any]() {}", "func f%d[T any]() { f%p[struct{ a, b T }]() }", "func init() { f60[int]() }", 60), ""},
		{"parentheses", "package x\n\nvar n = " + strings.Repeat("(", 90_000) + "1" + strings.Repeat(")", 90_000), ""},
		{"a sum without end", "package x\n\nvar n = 1" + strings.Repeat("+1", 120_000), "nesting"},
		{"pointers without end", "package x\n\nvar n " + strings.Repeat("*", 90_000) + "int", "state"},
		{"calls without end", "package x\n\nfunc f() any { return nil }\n\nvar n = f" + strings.Repeat("()", 90_000), "unread"},
		{"arrays of arrays", chain("type t0 [1 << 30]int", "type t%d [1 << 30]t%p", "", 40), ""},
		{"a shift", "package x\n\nconst n = 1 << 100000000", "unread"},
		{"types in a ring", "package x\n\ntype t[T any] struct{ next *t[[]T] }\n\nvar n t[int]", "unread"},
		{"ten thousand declarations", chain("var v0 = 1", "var v%d = v%p", "", 10_000), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			limit := 30 * time.Second
			if tt.want == "nesting" {
				limit = time.Second
			}
			c := checker().Within(limit)
			found, err := c.Check(t.Context(), strict, map[string][]byte{"x.go": []byte(tt.src)})
			got := ""
			switch unread := new(policy.Unread); {
			case errors.As(err, &unread):
				got = "unread"
			case err != nil:
				t.Fatal(err)
			case len(found) > 0:
				got = string(found[0].Rule)
			}
			if got != tt.want {
				t.Errorf("got %q (%v, %.200v), want %q", got, found, err, tt.want)
			}
		})
	}
}

// TestCheck_apart is about what the process says in which the rules about types are applied.
func TestCheck_apart(t *testing.T) {
	t.Parallel()
	c := &policy.Checker{Course: checker().Course, Exports: checker().Exports}
	check := func(ctx context.Context, src string) string {
		found, err := c.Check(ctx, plain, map[string][]byte{"x.go": []byte(src)})
		if err != nil {
			return "error: " + err.Error()
		}
		return fmt.Sprint(found)
	}
	if got, want := check(t.Context(), "package x\n\nimport \"fmt\"\n\nvar s = fmt.Sprint()\n"),
		"[]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := check(t.Context(), "package x\n\nimport \"fmt\"\n\nvar s = fmt.Scan\n"),
		"[x.go:5: fmt.Scan (rule name): "+whyInput+"]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := check(t.Context(), "package x\n\nvar s = t\n"),
		"error: x.go:3: undefined: t"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	if got, want := check(stopped, "package x\n"), "error: context canceled"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestCheck_unable is about types that cannot be had, for no fault of the submission's.
func TestCheck_unable(t *testing.T) {
	t.Parallel()
	src := map[string][]byte{"x.go": []byte("package x\n\nimport \"fmt\"\n\nvar s = fmt.Sprint()\n")}
	for _, tt := range []struct {
		name    string
		exports map[string]string
		err     error
		want    string
	}{
		{"none are found", nil, errors.New("no room"), "no room"},
		{"the file is gone", map[string]string{"fmt": "/nowhere"}, nil,
			"the types of package fmt cannot be read; labs may have been built by another Go " +
				"than the one on the PATH: "},
		{"the file is another", map[string]string{"fmt": "policy.go"}, nil,
			"the types of package fmt cannot be read"},
	} {
		for _, apart := range []bool{false, true} {
			t.Run(fmt.Sprint(tt.name, ", in a process of its own: ", apart), func(t *testing.T) {
				t.Parallel()
				c := &policy.Checker{Course: checker().Course, Exports: func(context.Context,
					[]string) (map[string]string, error) {
					return tt.exports, tt.err
				}}
				if !apart {
					c.InProcess()
				}
				found, err := c.Check(t.Context(), plain, src)
				if found != nil || err == nil || !strings.HasPrefix(err.Error(), tt.want) {
					t.Errorf("got %v, %v, want the error %q", found, err, tt.want)
				}
			})
		}
	}
	c := &policy.Checker{Course: checker().Course, Exports: func(context.Context,
		[]string) (map[string]string, error) {
		return nil, nil
	}}
	found, err := c.Check(t.Context(), plain, src)
	if want := `[x.go:3: import "fmt" (rule import): the course's go.mod does not have its module]`; fmt.Sprint(found) != want || err != nil {
		t.Errorf("got %v, %v, want %s", found, err, want)
	}
}
