package policy

import (
	"context"
	"go/importer"
	"go/token"
	"go/types"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/course"
)

// packages are all that a lab of this course allows.
var packages = sync.OnceValues(func() (map[string]*types.Package, error) {
	root, err := course.Find(".")
	if err != nil {
		return nil, err
	}
	c, err := course.Load(root)
	if err != nil {
		return nil, err
	}
	paths := Allowed(c)
	dir, err := os.MkdirTemp("", "policy")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	b := &compile.Builder{Course: c, Dir: dir}
	s := &source{}
	if s.Exports, err = b.Exports(context.Background(), paths); err != nil {
		return nil, err
	}
	all := map[string]*types.Package{}
	lib := importer.ForCompiler(token.NewFileSet(), "gc", s.export)
	for _, path := range paths {
		if s.Exports[path] == "" {
			continue // its module is not in go.mod yet
		}
		if all[path], err = lib.Import(path); err != nil {
			return nil, err
		}
	}
	return all, nil
})

func mustPackages(t *testing.T) map[string]*types.Package {
	t.Helper()
	all, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestLists is that every variable that a submission could change something through is on the list,
// and that the lists name nothing that is not there.
func TestLists(t *testing.T) {
	t.Parallel()
	all := mustPackages(t)
	left := maps.Clone(shared)
	for path, pkg := range all {
		for _, name := range pkg.Scope().Names() {
			delete(left, path+"."+name)
			v, ok := pkg.Scope().Lookup(name).(*types.Var)
			if p, some := partly[path]; !ok || !v.Exported() || some && !p.allows(name) {
				continue
			}
			_, listed := sharedOf(v)
			known := path == "encoding/xml" || path == "unicode"
			if !listed && !inert(v.Type()) && !known {
				t.Errorf("%s.%s, a %s, is not on the list", path, name, v.Type())
			}
			if listed && inert(v.Type()) && !known {
				t.Errorf("%s.%s, a %s, need not be on the list", path, name, v.Type())
			}
		}
	}
	for name := range left {
		t.Errorf("there is no variable %s", name)
	}
	for path, p := range partly {
		for _, name := range slices.Concat(p.only, p.except) {
			if all[path] != nil && all[path].Scope().Lookup(name) == nil {
				t.Errorf("there is no %s.%s", path, name)
			}
		}
		for name := range p.whys {
			if !slices.Contains(p.except, name) {
				t.Errorf("%s.%s has a reason not to be allowed and is allowed", path, name)
			}
		}
	}
}

// TestLists_setters is that what sets something for a whole package by its name is not allowed.
func TestLists_setters(t *testing.T) {
	t.Parallel()
	harmless := []string{"net/http.SetCookie"}
	for path, pkg := range mustPackages(t) {
		for _, name := range pkg.Scope().Names() {
			_, ok := pkg.Scope().Lookup(name).(*types.Func)
			if p, some := partly[path]; !ok || some && !p.allows(name) ||
				slices.Contains(harmless, path+"."+name) {
				continue
			}
			for _, begin := range []string{"Set", "Register", "Handle", "Enable", "Disable"} {
				if strings.HasPrefix(name, begin) {
					t.Errorf("%s.%s is allowed", path, name)
				}
			}
		}
	}
}

// TestLists_members is that the lists name methods, functions and types that are there.
func TestLists_members(t *testing.T) {
	t.Parallel()
	all := mustPackages(t)
	there := func(name string) bool {
		for path, pkg := range all {
			rest, ok := cutPackage(name, path)
			if !ok {
				continue
			}
			typ, method, isMethod := strings.Cut(rest, ".")
			obj := pkg.Scope().Lookup(typ)
			if obj == nil || !isMethod {
				return obj != nil
			}
			m, _, _ := types.LookupFieldOrMethod(types.NewPointer(obj.Type()), true, pkg, method)
			if types.IsInterface(obj.Type()) {
				m, _, _ = types.LookupFieldOrMethod(obj.Type(), true, pkg, method)
			}
			return m != nil
		}
		return false
	}
	var names []string
	for _, list := range []map[string]string{members, denied, starting} {
		names = slices.AppendSeq(names, maps.Keys(list))
	}
	for _, list := range []map[string]bool{sealedTypes, modest, lazy, still, making, reading, aliasing} {
		names = slices.AppendSeq(names, maps.Keys(list))
	}
	for name, methods := range changing {
		for method := range methods {
			names = append(names, name+"."+method)
		}
	}
	for _, name := range names {
		if !there(name) && name != "net.conn.File" && name != "net/http.contextKey" {
			t.Errorf("there is no %s", name)
		}
	}
}

// TestLists_hidden is that no interface of a submission's own reaches a method that is not allowed.
func TestLists_hidden(t *testing.T) {
	t.Parallel()
	all := mustPackages(t)
	found := 0
	for name := range members {
		for path, pkg := range all {
			rest, ok := cutPackage(name, path)
			typ, method, isMethod := strings.Cut(rest, ".")
			obj := pkg.Scope().Lookup(typ)
			if !ok || !isMethod || obj == nil {
				continue
			}
			of := obj.Type()
			if !types.IsInterface(of) {
				of = types.NewPointer(of)
			}
			m, _, _ := types.LookupFieldOrMethod(of, true, pkg, method)
			f, ok := m.(*types.Func)
			if !ok {
				continue // TestLists_members tells of it
			}
			found++
			// Options of another kind than Options cannot be named, and are told as what is inferred.
			if test := hidden[method]; test == nil || method != "Options" && !test(f.Signature()) {
				t.Errorf("an interface with %s can have %s", method, name)
			}
		}
	}
	if found < len(members)/2 {
		t.Errorf("got %d of %d methods", found, len(members))
	}
}
