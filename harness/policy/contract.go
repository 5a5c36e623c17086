package policy

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/types"
	"maps"
	"path"
	"slices"
	"strings"
)

const whyContract = "the stub declares it otherwise, and that is what the checks call: keep its names, " +
	"types and constants"

// contract looks whether what the stub declares for others is still declared so. The compiler would
// accept more: a constructor that takes an any in the place of the lab's interface, or a type
// parameter, gets the checks' own types, and could copy their values, and put them back. So does a variable
// in the place of a function. And of constants that are one and the same no check can tell which it got.
//
// It returns the interfaces that the stub declares for others, by their names.
func (u *unit) contract(stub *types.Package) (interfaces []*types.Named) {
	if stub == nil || u.pkg == nil {
		return nil
	}
	for _, name := range stub.Scope().Names() {
		was, is := stub.Scope().Lookup(name), u.pkg.Scope().Lookup(name)
		if !was.Exported() || is == nil {
			continue // that something is missing the compiler says
		}
		want, got := declared(was), declared(is)
		if a, b := kind(was), kind(is); a != b {
			u.addAt(is, RuleContract, name, whyContract+": "+a)
			continue
		}
		for what, text := range want {
			if other, ok := got[what]; ok && other != text {
				u.addAt(is, RuleContract, what, whyContract+": "+
					strings.ReplaceAll(text, u.pkg.Path()+".", ""))
			}
		}
		if n, ok := is.Type().(*types.Named); ok && types.IsInterface(n) && got[name] != "" {
			interfaces = append(interfaces, n)
		}
	}
	u.distinct(stub)
	return interfaces
}

// enumerates reports whether a constant is one of a type's of the same package. What values these have is up to
// the submission, and for the checks to judge, as long as they are not the same.
func enumerates(c *types.Const) bool {
	n, ok := types.Unalias(c.Type()).(*types.Named)
	return ok && n.Obj().Pkg() == c.Pkg()
}

const whyEqual = "the stub has another value for each, and no check could tell which of them it got: keep them apart"

// distinct looks whether the values that a type of the stub's has names for are still different ones.
func (u *unit) distinct(stub *types.Package) {
	before := map[string]*types.Const{}
	for _, name := range stub.Scope().Names() {
		was, _ := stub.Scope().Lookup(name).(*types.Const)
		is, _ := u.pkg.Scope().Lookup(name).(*types.Const)
		if was == nil || is == nil || !was.Exported() || !enumerates(was) || !enumerates(is) {
			continue
		}
		value := spelled(is.Type()) + " " + is.Val().ExactString()
		other := before[value]
		if other != nil && stub.Scope().Lookup(other.Name()).(*types.Const).Val().ExactString() != was.Val().ExactString() {
			u.addAt(is, RuleContract, name+" = "+other.Name(), whyEqual)
		}
		before[value] = is
	}
}

// kind is what sort of thing is declared.
func kind(obj types.Object) string {
	switch obj := obj.(type) {
	case *types.Const:
		return "a constant"
	case *types.Var:
		return "a variable"
	case *types.Func:
		return "a function"
	case *types.TypeName:
		if obj.IsAlias() {
			return "an alias"
		}
		return "a type"
	}
	return "something else"
}

// declared is what an exported name stands for, as texts by what they are about.
func declared(obj types.Object) map[string]string {
	switch obj := obj.(type) {
	case *types.Const:
		text := spelled(obj.Type())
		if !enumerates(obj) {
			text += " = " + obj.Val().ExactString()
		}
		return map[string]string{obj.Name(): text}
	case *types.Func:
		return map[string]string{obj.Name(): spelled(obj.Type())}
	case *types.TypeName:
		return declaredType(obj)
	}
	return nil
}

// declaredType is a type's methods and exported fields, or, of an interface or a function, what it is.
func declaredType(obj *types.TypeName) map[string]string {
	n, ok := obj.Type().(*types.Named)
	if !ok || obj.IsAlias() {
		return map[string]string{obj.Name(): "alias of " + spelled(obj.Type())}
	}
	all := map[string]string{}
	switch t := n.Underlying().(type) {
	case *types.Interface, *types.Signature, *types.Basic:
		all[obj.Name()] = spelled(t)
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() {
				all[obj.Name()+"."+f.Name()] = spelled(f.Type())
			}
		}
	}
	for m := range n.Methods() {
		if m.Exported() {
			all[obj.Name()+"."+m.Name()] = spelled(m.Type())
		}
	}
	return all
}

// spelled is a type as text, whatever its parameters and results are called.
func spelled(t types.Type) string {
	switch t := types.Unalias(t).(type) {
	case *types.Signature:
		text := "func" + typeParams(t.TypeParams()) + tuple(t.Params(), t.Variadic())
		if t.Results().Len() > 0 {
			text += " " + tuple(t.Results(), false)
		}
		return text
	case *types.Interface:
		if t == types.Universe.Lookup("comparable").Type().Underlying() {
			return "comparable" // which embeds nothing that could be named
		}
		var parts []string
		for m := range t.Methods() {
			parts = append(parts, m.Name()+strings.TrimPrefix(spelled(m.Type()), "func"))
		}
		if !t.IsMethodSet() {
			for e := range t.EmbeddedTypes() {
				parts = append(parts, types.TypeString(e, nil))
			}
		}
		return "interface{" + strings.Join(parts, "; ") + "}"
	case *types.Pointer:
		return "*" + spelled(t.Elem())
	case *types.Slice:
		return "[]" + spelled(t.Elem())
	case *types.Array:
		return fmt.Sprintf("[%d]%s", t.Len(), spelled(t.Elem()))
	case *types.Map:
		return "map[" + spelled(t.Key()) + "]" + spelled(t.Elem())
	case *types.Chan:
		return [...]string{"chan ", "chan<- ", "<-chan "}[t.Dir()] + spelled(t.Elem())
	case *types.TypeParam:
		return fmt.Sprintf("$%d", t.Index())
	case *types.Named:
		text := typeName(t)
		for a := range t.TypeArgs().Types() {
			text += "[" + spelled(a) + "]"
		}
		return text
	default:
		return types.TypeString(t, nil)
	}
}

func tuple(t *types.Tuple, variadic bool) string {
	var parts []string
	for v := range t.Variables() {
		parts = append(parts, spelled(v.Type()))
	}
	if variadic {
		parts[len(parts)-1] = "..." + strings.TrimPrefix(parts[len(parts)-1], "[]")
	}
	return "(" + strings.Join(parts, ", ") + ")"
}

func typeParams(list *types.TypeParamList) string {
	var parts []string
	for p := range list.TypeParams() {
		parts = append(parts, spelled(p.Constraint().Underlying()))
	}
	if parts == nil {
		return ""
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// addAt notes a violation where something is declared, if that is in a file of the submission.
func (u *unit) addAt(obj types.Object, rule Rule, what, why string) {
	at := u.fset.PositionFor(obj.Pos(), false)
	if f := u.found[at.Filename]; f != nil {
		f.add(at.Line, rule, what, why)
	}
}

// stub reads the types of the stub's package in a folder, which are those of the course. It is nil
// where there are none, or where they cannot be read without what is not the course's.
func (in *inspector) stub(name string) *types.Package {
	dir, err := relative(in.src.Path, name)
	if err != nil {
		return nil
	}
	var files []*ast.File
	for _, all := range []map[string]string{in.src.Stub, in.src.Given} {
		for _, file := range slices.Sorted(maps.Keys(all)) {
			if path.Dir(file) != dir {
				continue
			}
			f, err := parser.ParseFile(in.fset, file, all[file], parser.SkipObjectResolution)
			if err != nil {
				return nil
			}
			files = append(files, f)
		}
	}
	if len(files) == 0 {
		return nil
	}
	whole := true
	conf := types.Config{Importer: in, GoVersion: "go" + in.src.Go, IgnoreFuncBodies: true,
		Error: func(error) { whole = false }}
	pkg, _ := conf.Check(name, in.fset, files, nil)
	if !whole {
		return nil
	}
	return pkg
}

// byName orders types, so that what is told of them always comes in the same order.
func byName(a, b *types.Named) int { return cmp.Compare(typeName(a), typeName(b)) }
