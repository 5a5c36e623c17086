package policy

import (
	"go/ast"
	"go/types"
	"slices"
	"strings"
)

// templates are packages of the library that call the methods of a value by their names, as text.
var templates = []string{"text/template", "html/template"}

const whyTemplate = "a template calls any method of a value, also one that is not allowed: " +
	"make a value of what it is to show, such as a struct of strings and numbers"

// executed looks at what becomes an interface in a package with templates, as what they are executed with is an any:
// not a value that leads to one of [members], by its fields, its elements, or what its methods and functions return.
func (u *unit) executed() {
	if u.importsOneOf(templates) == "" {
		return
	}
	u.conversions(func(e ast.Expr, from, to types.Type) {
		in, is := types.Unalias(to).Underlying().(*types.Interface)
		if n := namedOf(to); !is || types.Identical(from, to) || n != nil && u.foreign(n.Obj()) && in.NumMethods() > 0 {
			return
		}
		if (&leader{unit: u}).leads(from) {
			u.addUnless(e, RuleName, types.ExprString(e), whyTemplate)
		}
	})
}

// leader follows types from one to the next.
type leader struct {
	*unit
	seen []types.Type
}

func (l *leader) leads(t types.Type) bool {
	t = types.Unalias(t)
	if slices.ContainsFunc(l.seen, func(s types.Type) bool { return types.Identical(s, t) }) {
		return false
	}
	l.seen = append(l.seen, t)
	switch t := t.(type) {
	case *types.Named:
		return l.named(t)
	case *types.TypeParam:
		return true
	case *types.Map:
		return l.leads(t.Key()) || l.leads(t.Elem())
	case interface{ Elem() types.Type }: // pointers, slices, arrays, channels
		return l.leads(t.Elem())
	case *types.Signature:
		return l.results(t)
	case *types.Struct:
		for f := range t.Fields() {
			if (f.Exported() || f.Embedded()) && l.leads(f.Type()) {
				return true
			}
		}
	}
	return false
}

// named looks at a type that has methods: one of the submission, of a package that has methods which are not allowed,
// or an interface that such a type may have become.
func (l *leader) named(t *types.Named) bool {
	if path := pathOf(t); l.foreign(t.Obj()) && (!withMembers[path] || types.IsInterface(t)) {
		return types.IsInterface(t) && (withMembers[path] || path == "io" || path == "fmt")
	}
	for m := range types.NewMethodSet(types.NewPointer(t)).Methods() {
		f := m.Obj().(*types.Func)
		if members[member(f)] != "" || f.Exported() && l.results(f.Signature()) {
			return true
		}
	}
	return l.leads(t.Underlying())
}

func (l *leader) results(s *types.Signature) bool {
	for v := range s.Results().Variables() {
		if l.leads(v.Type()) {
			return true
		}
	}
	return false
}

func pathOf(n *types.Named) string {
	if n.Obj().Pkg() == nil { // error
		return ""
	}
	return n.Obj().Pkg().Path()
}

// withMembers are the packages whose types have one of [members].
var withMembers = func() map[string]bool {
	all := map[string]bool{}
	for name := range members {
		last := strings.LastIndexByte(name, '/') + 1
		pkg, _, _ := strings.Cut(name[last:], ".")
		all[name[:last]+pkg] = true
	}
	return all
}()
