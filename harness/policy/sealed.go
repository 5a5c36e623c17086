package policy

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
)

// seal is what the rules about one package of a submission know of types of other packages that
// have values which the checks share.
//
// Which pointer points to such a value nobody can tell; so nothing is written through any pointer
// to such a type. A type whose values a submission may well change, if they are its own, such as
// http.Client, is among them only if the submission takes the shared value for more than a call.
type seal struct {
	*unit
	types map[string]bool // nothing is written through pointers to these, by "package.Type"
	// what these point to could be written by a package that gets it as an any: by its fields, or
	// as it is an array
	open map[string]bool
	// shared transports are in interfaces, and come out by an assertion
	transports bool
}

// sealed looks at what is written through pointers to types whose values the checks share. loose
// are types that are among them as a shared value has gone where it could be changed.
func (u *unit) sealed(loose map[string]bool) {
	s := &seal{unit: u, types: map[string]bool{}, open: map[string]bool{},
		transports: loose[roundTripper]}
	reflects := slices.ContainsFunc(u.pkg.Imports(), func(p *types.Package) bool {
		return p.Path() == "reflect"
	})
	for name, open := range sealedTypes {
		s.types[name] = true
		s.open[name] = open || reflects
	}
	for name := range loose {
		s.types[name], s.open[name] = true, true
	}
	u.places(s.place)
	u.each(s.node)
	u.conversions(s.converted)
}

const (
	roundTripper = "net/http.RoundTripper"
	transport    = "net/http.Transport"
)

func (s *seal) add(n ast.Node, what, name string) {
	s.addUnless(n, RuleVariable, what, "there are values of "+name+
		" that the checks use, too, and this could change one")
}

// is returns the name of a sealed type that t is, or "".
func (s *seal) is(t types.Type) string {
	if n, ok := types.Unalias(t).(*types.Named); ok && s.types[typeName(n)] {
		return typeName(n)
	}
	return ""
}

// pointsTo returns the name of a sealed type that t points to, or "".
func (s *seal) pointsTo(t types.Type) string {
	if p, ok := under[*types.Pointer](t); ok {
		return s.is(p.Elem())
	}
	return ""
}

// place looks at an expression that is written to.
func (s *seal) place(e ast.Expr) {
	for x := e; x != nil; x = s.inner(x) {
		from := s.inner(x)
		if from == nil {
			return
		}
		if _, paren := x.(*ast.ParenExpr); paren {
			continue
		}
		name := s.pointsTo(s.info.TypeOf(from))
		if sel, ok := x.(*ast.SelectorExpr); ok && name == "" {
			name = embedded(s.info.Selections[sel], s.pointsTo)
		}
		if name != "" {
			s.add(e, types.ExprString(e)+" as a variable", name)
			return
		}
	}
}

// embedded returns what pointsTo says of the first type on the way to a selected field, behind an
// embedded pointer, of which it says something.
func embedded(sel *types.Selection, pointsTo func(types.Type) string) string {
	if sel == nil {
		return ""
	}
	t := sel.Recv()
	for _, i := range sel.Index()[:len(sel.Index())-1] {
		if p, ok := t.Underlying().(*types.Pointer); ok {
			t = p.Elem()
		}
		st, ok := t.Underlying().(*types.Struct)
		if !ok {
			return ""
		}
		t = st.Field(i).Type()
		if name := pointsTo(t); name != "" {
			return name
		}
	}
	return ""
}

// node looks at what hides that a pointer points to a sealed type.
func (s *seal) node(n ast.Node) {
	switch n := n.(type) {
	case *ast.CallExpr:
		if tv := s.info.Types[n.Fun]; tv.IsType() && len(n.Args) == 1 {
			s.conversion(n, s.info.TypeOf(n.Args[0]), tv.Type)
		}
	case *ast.Ident:
		if in, ok := s.info.Instances[n]; ok {
			s.instance(n, in)
		}
		if t, ok := s.info.Defs[n].(*types.TypeName); ok {
			if p, ok := t.Type().(*types.TypeParam); ok {
				s.constraint(n, p.Constraint())
			}
		}
	case *ast.InterfaceType:
		s.constraint(n, s.info.TypeOf(n))
	case *ast.TypeAssertExpr:
		if n.Type != nil && !slices.Contains(shared["net/http.DefaultTransport"].methods,
			s.asserted(n)) {
			s.assertion(n, s.info.TypeOf(n.Type))
		}
	case *ast.TypeSwitchStmt:
		for _, c := range n.Body.List {
			for _, e := range c.(*ast.CaseClause).List {
				s.assertion(e, s.info.TypeOf(e))
			}
		}
	}
}

// conversion looks at T(x): a pointer to a type of one's own with the same fields could be written
// through.
func (s *seal) conversion(n ast.Node, from, to types.Type) {
	if from == nil || to == nil {
		return
	}
	name := s.pointsTo(from)
	if _, pointer := to.Underlying().(*types.Pointer); pointer && name != "" &&
		s.pointsTo(to) != name {
		s.add(n, types.ExprString(n.(ast.Expr)), name)
	}
}

// instance looks at a generic type or function of the submission's own, which does not know what
// its type parameters are.
func (s *seal) instance(id *ast.Ident, in types.Instance) {
	obj := s.info.Uses[id]
	if obj == nil || s.foreign(obj) {
		return
	}
	for t := range in.TypeArgs.Types() {
		name := s.is(t)
		if name == "" {
			name = s.reaches(t, map[types.Type]bool{})
		}
		if name == "" && s.transports && pointerTo(t, transport) {
			name = transport
		}
		if name != "" {
			s.add(id, id.Name+" of "+types.TypeString(t, types.RelativeTo(s.pkg)), name)
		}
	}
}

// constraint looks at the types that a type parameter may be.
func (s *seal) constraint(n ast.Node, t types.Type) {
	if t == nil {
		return
	}
	in, ok := t.Underlying().(*types.Interface)
	if !ok {
		return
	}
	for e := range in.EmbeddedTypes() {
		terms := []types.Type{e}
		if u, ok := e.(*types.Union); ok {
			terms = nil
			for t := range u.Terms() {
				terms = append(terms, t.Type())
			}
		}
		for _, t := range terms {
			if named := namedOf(t); named != nil && s.is(named) != "" {
				s.add(n, "a constraint with "+types.TypeString(t, types.RelativeTo(s.pkg)),
					typeName(named))
			}
		}
	}
}

// assertion looks at x.(T), by which the shared transport comes out of its interface.
func (s *seal) assertion(n ast.Expr, to types.Type) {
	if s.transports && to != nil && pointerTo(to, transport) {
		s.add(n, types.ExprString(n), transport)
	}
}

func pointerTo(t types.Type, name string) bool {
	p, ok := t.Underlying().(*types.Pointer)
	if !ok {
		return false
	}
	n, ok := types.Unalias(p.Elem()).(*types.Named)
	return ok && typeName(n) == name
}

// converted looks at a value that becomes one of an interface. As an any it could go to a package
// that writes what it points to, such as encoding/json.
func (s *seal) converted(e ast.Expr, from, to types.Type) {
	in, ok := to.Underlying().(*types.Interface)
	if _, param := types.Unalias(to).(*types.TypeParam); !ok || param || !in.Empty() {
		return
	}
	name := s.reaches(from, map[types.Type]bool{})
	if name == "" {
		name = s.hides(from)
	}
	if name != "" {
		s.add(e, types.ExprString(e)+" as "+types.TypeString(to, types.RelativeTo(s.pkg)), name)
	}
}

// reaches returns the name of an open type to which a pointer can be found in values of type t, or
// "".
func (s *seal) reaches(t types.Type, seen map[types.Type]bool) string {
	t = types.Unalias(t)
	if seen[t] {
		return ""
	}
	seen[t] = true
	if n, ok := t.(*types.Named); ok && types.IsInterface(n) && s.open[typeName(n)] {
		return typeName(n)
	}
	switch u := t.Underlying().(type) {
	case *types.Pointer:
		if n, ok := types.Unalias(u.Elem()).(*types.Named); ok && s.open[typeName(n)] {
			return typeName(n)
		}
		return s.reaches(u.Elem(), seen)
	case *types.Slice:
		return s.reaches(u.Elem(), seen)
	case *types.Array:
		return s.reaches(u.Elem(), seen)
	case *types.Chan:
		return s.reaches(u.Elem(), seen)
	case *types.Map:
		if name := s.reaches(u.Key(), seen); name != "" {
			return name
		}
		return s.reaches(u.Elem(), seen)
	case *types.Struct:
		for f := range u.Fields() {
			if f.Exported() || f.Embedded() {
				if name := s.reaches(f.Type(), seen); name != "" {
					return name
				}
			}
		}
	}
	return ""
}

// hides returns the name of an open type that may be in values of the interface t, or "".
func (s *seal) hides(t types.Type) string {
	in, ok := t.Underlying().(*types.Interface)
	if !ok || in.Empty() {
		return ""
	}
	for name := range s.open {
		if n := s.lookUp(name); n != nil && s.open[name] && types.Implements(types.NewPointer(n), in) {
			return name
		}
	}
	if n := s.lookUp(transport); n != nil && s.transports &&
		types.Implements(types.NewPointer(n), in) {
		return transport
	}
	for _, obj := range s.info.Defs {
		tn, ok := obj.(*types.TypeName)
		if !ok || tn.IsAlias() {
			continue
		}
		n, ok := tn.Type().(*types.Named)
		if !ok || n.TypeParams().Len() > 0 || types.IsInterface(n) {
			continue
		}
		if name := s.reaches(n, map[types.Type]bool{}); name != "" &&
			(types.Implements(n, in) || types.Implements(types.NewPointer(n), in)) {
			return name
		}
	}
	return ""
}

// lookUp finds a type of an imported package that is no interface, by "package.Type".
func (s *seal) lookUp(name string) *types.Named {
	for _, p := range s.pkg.Imports() {
		rest, ok := cutPackage(name, p.Path())
		if !ok {
			continue
		}
		if obj, ok := p.Scope().Lookup(rest).(*types.TypeName); ok && !types.IsInterface(obj.Type()) {
			return namedOf(obj.Type())
		}
	}
	return nil
}

func cutPackage(name, path string) (rest string, ok bool) {
	return strings.CutPrefix(name, path+".")
}
