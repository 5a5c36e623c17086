package tracer

import (
	"cmp"
	"slices"
)

// Node is a span, and those that were made for it, in any order.
type Node struct {
	Span     Span
	Children []*Node
}

// Assemble returns the root of a trace, and the spans that do not hang on it. It takes from what is left
// whatever hangs on a span of the tree, until nothing does.
func Assemble(spans []Span) (*Node, []Span) {
	byID := func(a, b Span) int { return slices.Compare(a.ID[:], b.ID[:]) }
	left := slices.CompactFunc(slices.SortedFunc(slices.Values(spans), byID), func(a, b Span) bool { return a.ID == b.ID })
	take := func(parent [8]byte) (taken []*Node) {
		left = slices.DeleteFunc(left, func(s Span) bool {
			if s.Parent == parent {
				taken = append(taken, &Node{Span: s})
			}
			return s.Parent == parent
		})
		return taken
	}
	tree := take([8]byte{})
	if len(tree) == 0 {
		return nil, left
	}
	for i := 0; i < len(tree); i++ {
		tree[i].Children = take(tree[i].Span.ID)
		tree = append(tree, tree[i].Children...)
	}
	return tree[0], left
}

// CriticalPath returns the services that a request has waited for.
func CriticalPath(root *Node) []string {
	byEnd := slices.SortedFunc(slices.Values(root.Children), func(a, b *Node) int {
		return cmp.Compare(a.Span.End.UnixNano(), b.Span.End.UnixNano())
	})
	path := []string{root.Span.Service}
	for _, n := range walk(root.Span.End.UnixNano(), byEnd) {
		path = append(path, CriticalPath(n)...)
	}
	return path
}

// walk returns those that were waited for until t, of children in the order of their ends.
func walk(t int64, byEnd []*Node) []*Node {
	for i := len(byEnd) - 1; i >= 0; i-- {
		if last := byEnd[i]; last.Span.End.UnixNano() <= t {
			return append(walk(last.Span.Start.UnixNano(), byEnd[:i]), last)
		}
	}
	return nil
}
