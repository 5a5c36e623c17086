package tracer

import "slices"

// Node is a span, and those that were made for it, in any order.
type Node struct {
	Span     Span
	Children []*Node
}

// Assemble returns the root of a trace, and the spans that do not hang on it.
func Assemble(spans []Span) (*Node, []Span) {
	seen := map[[8]byte]bool{}
	children := map[[8]byte][]*Node{} // by Parent; the root is the child of nobody
	for _, s := range spans {
		if !seen[s.ID] {
			seen[s.ID] = true
			children[s.Parent] = append(children[s.Parent], &Node{Span: s})
		}
	}
	take := func(parent [8]byte) []*Node {
		nodes := children[parent]
		delete(children, parent)
		return nodes
	}
	var root *Node
	var grow func(n *Node)
	grow = func(n *Node) {
		n.Children = take(n.Span.ID)
		for _, child := range n.Children {
			grow(child)
		}
	}
	for _, n := range take([8]byte{}) {
		root = n
		grow(root)
	}
	var orphans []Span // what nobody has taken
	for _, nodes := range children {
		for _, n := range nodes {
			orphans = append(orphans, n.Span)
		}
	}
	return root, orphans
}

// CriticalPath returns the services that a request has waited for.
func CriticalPath(root *Node) []string {
	path := []string{root.Span.Service}
	for _, n := range waitedFor(root) {
		path = append(path, CriticalPath(n)...)
	}
	return path
}

// waitedFor walks back from the end of n. Before the last child had begun n was waiting for the one
// that ended last before that, and so on.
func waitedFor(n *Node) []*Node {
	latest := slices.SortedFunc(slices.Values(n.Children), func(a, b *Node) int {
		return b.Span.End.Compare(a.Span.End)
	})
	var waited []*Node
	t := n.Span.End
	for _, child := range latest {
		if !child.Span.End.After(t) { // who ends after its caller was not waited for
			waited = append(waited, child)
			t = child.Span.Start
		}
	}
	slices.Reverse(waited)
	return waited
}
