package tracer

import "slices"

// Node is a span, and those that were made for it, in any order.
type Node struct {
	Span     Span
	Children []*Node
}

// Assemble returns the root of a trace, and the spans that do not hang on it. It hangs each span on its
// parent first, wherever that leads, and then looks at what can be reached.
func Assemble(spans []Span) (*Node, []Span) {
	nodes := map[[8]byte]*Node{}
	for _, s := range spans {
		nodes[s.ID] = &Node{Span: s}
	}
	var root *Node
	for _, n := range nodes {
		if n.Span.Parent == [8]byte{} {
			root = n
		} else if parent := nodes[n.Span.Parent]; parent != nil {
			parent.Children = append(parent.Children, n)
		}
	}
	if root != nil {
		for reached := []*Node{root}; len(reached) > 0; reached = reached[1:] {
			delete(nodes, reached[0].Span.ID)
			reached = append(reached, reached[0].Children...)
		}
	}
	var orphans []Span
	for _, n := range nodes {
		orphans = append(orphans, n.Span)
	}
	return root, orphans
}

// CriticalPath returns the services that a request has waited for.
func CriticalPath(root *Node) []string {
	var waited []string
	left := slices.Clone(root.Children)
	for t := root.Span.End; ; {
		last := -1
		for i, child := range left {
			if !child.Span.End.After(t) && (last < 0 || child.Span.End.After(left[last].Span.End)) {
				last = i
			}
		}
		if last < 0 {
			return append([]string{root.Span.Service}, waited...)
		}
		waited = append(CriticalPath(left[last]), waited...)
		t = left[last].Span.Start
		left = slices.Delete(left, last, last+1)
	}
}
