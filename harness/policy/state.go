package policy

import (
	"go/ast"
	"go/token"
	"go/types"
	"maps"
	"slices"
)

// state looks at the submission's own variables at the top of its packages. A check makes several
// instances or lives of a thing in one process, and such a variable is the same one for all of them:
// what one keeps there another finds, without any store. So nothing that can be reached from it may
// change once the package is initialised.
//
// Three things say so together. A variable's type has nothing in it that is there to be changed
// (declared). Maps and slices are followed to wherever they go, and are only read there (follow).
// And nothing is written through any pointer to a type of the submission's own to which a variable
// may point (seal), as which pointer points to which value nobody can tell.
type state struct {
	units  []*unit
	in     *inspector
	uses   map[types.Object][]stateUse
	bodies map[*types.Func]*ast.FuncDecl

	roots  map[*types.Var]bool     // what nothing may be changed of
	held   map[types.Object]string // followed: the variable from which it has what it has
	queue  []types.Object
	seals  map[*types.Named]string // with the variable that reaches it
	others map[string]bool         // types of other packages that are reached, as "package.Type"
	shared map[string]string       // those of them that are pointed to, with the variable that does
	made   map[ast.Node]bool       // functions whose results have been looked at
}

// stateUse is a name in a file of the submission.
type stateUse struct {
	u  *unit
	id *ast.Ident
}

const (
	made     = ", made by what may keep something"
	whyState = "all instances that the checks make would share it: keep what changes in what New… " +
		"returns"
	whyStill = "all instances that the checks make share what a variable of the package holds: keep " +
		"what changes in what New… returns, or change a copy (slices.Clone, maps.Clone)"
)

// state applies the rule about package-level variables to all packages.
func (in *inspector) state() {
	s := &state{in: in, uses: map[types.Object][]stateUse{},
		bodies: map[*types.Func]*ast.FuncDecl{}, roots: map[*types.Var]bool{},
		held: map[types.Object]string{}, seals: map[*types.Named]string{},
		others: map[string]bool{}, shared: map[string]string{}, made: map[ast.Node]bool{}}
	for _, name := range slices.Sorted(maps.Keys(in.units)) {
		u := in.units[name]
		s.units = append(s.units, u)
		maps.Copy(s.bodies, u.functions())
		u.uses(func(id *ast.Ident, obj types.Object) {
			obj = origin(obj)
			s.uses[obj] = append(s.uses[obj], stateUse{u, id})
		})
	}
	for _, u := range s.units {
		for _, name := range slices.Sorted(maps.Keys(u.files)) {
			s.declarations(u, u.files[name])
		}
	}
	s.starting()
	for len(s.queue) > 0 {
		obj := s.queue[0]
		s.queue = s.queue[1:]
		for _, use := range s.uses[obj] {
			s.use(use, obj)
		}
	}
	s.sealed()
}

// origin is a field, a method or a function as it is declared, where it belongs to a generic type.
func origin(obj types.Object) types.Object {
	switch obj := obj.(type) {
	case *types.Var:
		return obj.Origin()
	case *types.Func:
		return obj.Origin()
	}
	return obj
}

// declarations looks at the variables of a file.
func (s *state) declarations(u *unit, f *ast.File) {
	for _, d := range f.Decls {
		d, ok := d.(*ast.GenDecl)
		if !ok || d.Tok != token.VAR {
			continue
		}
		for _, spec := range d.Specs {
			spec := spec.(*ast.ValueSpec)
			for i, id := range spec.Names {
				if v, ok := u.info.Defs[id].(*types.Var); ok && id.Name != "_" {
					s.declared(u, id, v, valueOf(spec, i))
				}
			}
		}
	}
}

// valueOf is the expression that the i-th variable of a declaration begins with, or nil.
func valueOf(spec *ast.ValueSpec, i int) ast.Expr {
	switch {
	case len(spec.Values) == len(spec.Names):
		return spec.Values[i]
	case len(spec.Values) == 1:
		return spec.Values[0]
	}
	return nil
}

// declared looks at one variable, and has its uses looked at.
func (s *state) declared(u *unit, id *ast.Ident, v *types.Var, value ast.Expr) {
	if s.roots[v] {
		return
	}
	s.roots[v] = true
	if bad := s.reach(v.Type(), v.Name(), map[types.Type]bool{}); bad != "" {
		u.add(id, RuleState, v.Name()+" with a "+bad+" in it", whyState)
		return
	}
	s.follow(v, v.Name())
	if value != nil && !s.keepsNothing(u, value, v.Type(), v.Name()) {
		u.add(id, RuleState, v.Name()+made, whyState)
	}
}

// follow has the uses of a variable, a field, a parameter or a function looked at.
func (s *state) follow(obj types.Object, from string) {
	obj = origin(obj)
	if _, known := s.held[obj]; !known {
		s.held[obj] = from
		s.queue = append(s.queue, obj)
	}
}

// reach goes through what can be reached from a value of type t. It returns the name of a type that
// is there to be changed, or "".
func (s *state) reach(t types.Type, from string, seen map[types.Type]bool) string {
	t = types.Unalias(t)
	if seen[t] {
		return ""
	}
	seen[t] = true
	name := types.TypeString(t, func(p *types.Package) string {
		if s.in.own[p] {
			return ""
		}
		return p.Name()
	})
	if n, ok := t.(*types.Named); ok && n.Obj().Pkg() != nil && !s.in.own[n.Obj().Pkg()] {
		if still[typeName(n)] {
			s.others[typeName(n)] = true
			return s.handle(n, from, seen)
		}
		if st, is := n.Underlying().(*types.Struct); is && !exported(st) {
			return name
		}
	}
	switch x := t.Underlying().(type) {
	case *types.Chan:
		return name
	case *types.Pointer:
		return s.pointed(x, name, from, seen)
	case *types.Slice:
		return s.reach(x.Elem(), from, seen)
	case *types.Array:
		return s.reach(x.Elem(), from, seen)
	case *types.Map:
		if bad := s.reach(x.Key(), from, seen); bad != "" {
			return bad
		}
		return s.reach(x.Elem(), from, seen)
	case *types.Struct:
		for f := range x.Fields() {
			if bad := s.reach(f.Type(), from, seen); bad != "" {
				return bad
			}
			if !s.plain(f.Type()) {
				s.follow(f, from)
			}
		}
	}
	return ""
}

// handle goes on to what a unique.Handle has: everybody gets the same value from it.
func (s *state) handle(n *types.Named, from string, seen map[types.Type]bool) string {
	if typeName(n) != "unique.Handle" {
		return ""
	}
	t := n.TypeArgs().At(0)
	if opaque(t, map[types.Type]bool{}) {
		return types.TypeString(n, types.RelativeTo(n.Obj().Pkg()))
	}
	return s.reach(t, from, seen)
}

// pointed goes on to what a pointer points to: a struct of the submission's own, which is sealed by
// that, or a value of a type that is still.
func (s *state) pointed(p *types.Pointer, name, from string, seen map[types.Type]bool) string {
	n, ok := types.Unalias(p.Elem()).(*types.Named)
	if !ok || n.Obj().Pkg() == nil {
		return name
	}
	st, isStruct := n.Underlying().(*types.Struct)
	own := s.in.own[n.Obj().Pkg()]
	switch {
	case still[typeName(n)]:
		if s.shared[typeName(n)] == "" {
			s.shared[typeName(n)] = from
		}
		return s.reach(n, from, seen)
	case isStruct && (own || exported(st)):
		s.seal(n, from)
		return s.reach(n, from, seen)
	}
	return name
}

// exported reports whether all fields of a struct are exported: a type of another package that is
// so keeps nothing but what is put into it.
func exported(st *types.Struct) bool {
	for f := range st.Fields() {
		if !f.Exported() {
			return false
		}
	}
	return true
}

// seal has nothing written through pointers to a type, nor to what its values have in them: the
// methods of an embedded one are called with its address.
func (s *state) seal(t types.Type, from string) {
	n, ok := types.Unalias(t).(*types.Named)
	if ok {
		if s.seals[n.Origin()] != "" || still[typeName(n)] {
			return
		}
		if n.Obj().Pkg() == nil {
			return
		}
		s.seals[n.Origin()] = from
	}
	switch x := t.Underlying().(type) {
	case *types.Struct:
		for f := range x.Fields() {
			s.seal(f.Type(), from)
		}
	case *types.Array:
		s.seal(x.Elem(), from)
	}
}

// plain reports whether a copy of a value of type t needs no following: it has no map and no slice,
// and what it points to is sealed.
func (s *state) plain(t types.Type) bool {
	t = types.Unalias(t)
	if n, ok := t.(*types.Named); ok && still[typeName(n)] {
		return true
	}
	switch x := t.(type) {
	case *types.TypeParam:
		return false
	case *types.Tuple:
		for v := range x.Variables() {
			if !s.plain(v.Type()) {
				return false
			}
		}
		return true
	}
	switch x := t.Underlying().(type) {
	case *types.Map, *types.Slice, *types.Chan:
		return false
	case *types.Pointer:
		n, ok := types.Unalias(x.Elem()).(*types.Named)
		if !ok {
			return false
		}
		_, isStruct := n.Underlying().(*types.Struct)
		return isStruct || still[typeName(n)]
	case *types.Array:
		return s.plain(x.Elem())
	case *types.Struct:
		n, ok := t.(*types.Named)
		own := ok && n.Obj().Pkg() != nil && s.in.own[n.Obj().Pkg()]
		for f := range x.Fields() {
			if !own && !s.plain(f.Type()) { // the fields of one's own are followed by themselves
				return false
			}
		}
	}
	return true
}

// opaque reports whether values of type t have functions or interfaces in them, of which the type
// does not tell what they keep.
func opaque(t types.Type, seen map[types.Type]bool) bool {
	t = types.Unalias(t)
	if seen[t] {
		return false
	}
	seen[t] = true
	if n, ok := t.(*types.Named); ok && still[typeName(n)] {
		return false
	}
	switch x := t.Underlying().(type) {
	case *types.Signature, *types.Interface:
		return true
	case *types.Pointer:
		return opaque(x.Elem(), seen)
	case *types.Slice:
		return opaque(x.Elem(), seen)
	case *types.Array:
		return opaque(x.Elem(), seen)
	case *types.Map:
		return opaque(x.Key(), seen) || opaque(x.Elem(), seen)
	case *types.Struct:
		for f := range x.Fields() {
			if opaque(f.Type(), seen) {
				return true
			}
		}
	}
	return false
}
