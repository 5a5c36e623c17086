package policy

import (
	"go/ast"
	"go/types"
	"slices"
)

// handed looks at what the checks hand in as values of the lab's interfaces, and of some of net/http:
// fakes that know what they are going to answer, and count how often they are asked. A submission
// calls their methods, and does nothing else with them. As an any, printed, they would show their
// fields; as another interface they would have methods that are the checks' own.
type handed struct {
	*unit
	// Values of these are the checks', or may be: the lab's interfaces, those of others, and what
	// they have become here.
	lab    []types.Type
	others []types.Type
	// Some are kept as any where the library keeps things, in a list or a heap.
	kept bool
}

const whyHanded = "it is the checks' own value: call the methods that its type has here, and do not look at what is behind them"

// printable are interfaces of the library that checks hand in fakes for. A submission may ask these
// for more methods, which real ones have, too.
var printable = []string{"net/http.Handler", "net/http.RoundTripper", "log/slog.Handler", "net.Listener"}

func (u *unit) handedIn(interfaces []*types.Named) {
	h := &handed{unit: u}
	slices.SortFunc(interfaces, byName)
	for _, n := range interfaces {
		if n.TypeParams().Len() == 0 && n.Underlying().(*types.Interface).NumMethods() > 0 {
			h.lab = append(h.lab, n)
		}
	}
	// One that becomes another interface of the submission's own is the same value still.
	for n := -1; n < len(h.lab)+len(h.others); {
		n = len(h.lab) + len(h.others)
		h.conversions(h.spread)
		h.each(h.instance)
	}
	h.conversions(h.converted)
	if h.kept {
		h.follow()
	}
}

// of reports whether values of a type are the checks', and whether that is one of the lab's.
func (h *handed) of(t types.Type) (lab, any bool) {
	t = types.Unalias(t)
	same := func(x types.Type) bool { return types.Identical(x, t) }
	lab = slices.ContainsFunc(h.lab, same)
	n, named := t.(*types.Named)
	return lab, lab || slices.ContainsFunc(h.others, same) ||
		named && slices.Contains(printable, typeName(n))
}

// note remembers a type that values of another one have become.
func (h *handed) note(t types.Type, lab bool) {
	if is, any := h.of(t); lab && !is {
		h.lab = append(h.lab, t)
	} else if !lab && !any {
		h.others = append(h.others, t)
	}
}

// spread finds the interfaces of the submission's own that such a value becomes one of.
func (h *handed) spread(_ ast.Expr, from, to types.Type) {
	lab, is := h.of(from)
	in, isInterface := to.Underlying().(*types.Interface)
	if _, param := types.Unalias(to).(*types.TypeParam); !is || !isInterface || param || in.NumMethods() == 0 {
		return
	}
	if n, named := types.Unalias(to).(*types.Named); !named || !h.foreign(n.Obj()) {
		h.note(to, lab)
	}
}

// instance finds the type parameters of the submission's own that stand for such a type.
func (h *handed) instance(n ast.Node) {
	id, ok := n.(*ast.Ident)
	if !ok {
		return
	}
	in, ok := h.info.Instances[id]
	obj := h.info.Uses[id]
	if !ok || obj == nil || h.foreign(obj) {
		return
	}
	for i := range in.TypeArgs.Len() {
		lab, is := h.of(in.TypeArgs.At(i))
		if !is {
			continue
		}
		for _, params := range paramsOf(obj.Type()) {
			if i < params.Len() {
				h.note(params.At(i), lab)
			}
		}
	}
}

// paramsOf are the type parameters of a function, or those of a type and of its methods, each of
// which has its own.
func paramsOf(t types.Type) (all []*types.TypeParamList) {
	switch t := t.(type) {
	case *types.Signature:
		all = append(all, t.TypeParams())
	case *types.Named:
		all = append(all, t.TypeParams())
		for m := range t.Methods() {
			all = append(all, m.Signature().RecvTypeParams())
		}
	}
	return all
}

// converted looks at what such a value becomes.
func (h *handed) converted(e ast.Expr, from, to types.Type) {
	lab, is := h.of(from)
	if !is {
		h.wrapped(e, from, to)
		return
	}
	if types.Identical(from, to) {
		return
	}
	in, ok := to.Underlying().(*types.Interface)
	if _, param := types.Unalias(to).(*types.TypeParam); !ok || param {
		return // a type of its own: there is nothing of the checks' in it
	}
	switch _, assertion := e.(*ast.TypeAssertExpr); {
	case in.NumMethods() == 0 && h.keeps(e):
		h.kept = true
	case in.NumMethods() == 0, lab && h.foreignInterface(to):
		h.addUnless(e, RuleHanded, types.ExprString(e)+" as "+h.short(to), whyHanded)
	case lab && (assertion || !types.Implements(from, in)):
		h.addUnless(e, RuleHanded, types.ExprString(e), whyHanded)
	}
}

// walkers are packages that go through what they get as an any, by exported fields and by elements,
// and come to what is behind an interface there; templates call functions and methods besides.
var walkers = append([]string{"encoding/gob", "encoding/json", "encoding/xml"}, templates...)

// wrapped looks at a value with the checks' own within it that becomes an any where there are walkers.
// fmt shows no more of such a one than where it lies.
func (h *handed) wrapped(e ast.Expr, from, to types.Type) {
	if !empty(to) || types.IsInterface(from) || h.importsOneOf(walkers) == "" || h.keeps(e) ||
		h.shown(e) || !h.within(from, map[types.Type]bool{}) {
		return
	}
	if _, param := types.Unalias(to).(*types.TypeParam); !param {
		h.addUnless(e, RuleHanded, types.ExprString(e)+" as "+h.short(to), "the checks' own value is in "+
			"it, and could be seen through: make a value of what is to be written")
	}
}

// shown reports whether an expression is an argument of a function that prints or sorts.
func (h *handed) shown(e ast.Expr) bool {
	f := h.argumentOf(e)
	return f != nil && f.Pkg() != nil && (f.Pkg().Path() == "fmt" || f.Pkg().Path() == "log" ||
		f.Pkg().Path() == "sort")
}

// within reports whether walkers come to one of the checks' values from one of type t.
func (h *handed) within(t types.Type, seen map[types.Type]bool) bool {
	t = types.Unalias(t)
	if seen[t] {
		return false
	}
	seen[t] = true
	if lab, _ := h.of(t); lab {
		return true
	}
	if n := namedOf(t); n != nil && n.Obj().Pkg() != nil {
		if h.foreign(n.Obj()) {
			return false
		}
		for m := range n.Methods() {
			if m.Exported() && h.importsOneOf(templates) != "" && h.within(m.Signature(), seen) {
				return true
			}
		}
	}
	switch x := t.Underlying().(type) {
	case *types.Map:
		return h.within(x.Key(), seen) || h.within(x.Elem(), seen)
	case interface{ Elem() types.Type }: // pointers, slices, arrays, channels
		return h.within(x.Elem(), seen)
	case *types.Signature:
		return h.importsOneOf(templates) != "" && x.Results().Len() > 0 &&
			h.within(x.Results().At(0).Type(), seen)
	case *types.Struct:
		for f := range x.Fields() {
			if (f.Exported() || f.Embedded()) && h.within(f.Type(), seen) {
				return true
			}
		}
	}
	return false
}

func (h *handed) foreignInterface(t types.Type) bool {
	n, ok := types.Unalias(t).(*types.Named)
	return ok && h.foreign(n.Obj())
}

func (h *handed) short(t types.Type) string { return types.TypeString(t, types.RelativeTo(h.pkg)) }
