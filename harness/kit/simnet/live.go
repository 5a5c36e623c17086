package simnet

import (
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

// data fails the check if a message has more than data in it.
func (n *Network[Node]) data(what string, from, to Node, m any) {
	v := reflect.ValueOf(m)
	if !v.IsValid() || !mayLive(v.Type()) {
		return
	}
	part := livePart(v, map[uintptr]bool{})
	n.mu.Lock()
	told := n.told
	n.told = told || part != ""
	n.mu.Unlock()
	if part == "" || told {
		return
	}
	expect.Fail(n.t, expect.Message{
		Did:  "looked at what is sent",
		Want: "data: texts, numbers, structs, slices, maps, and pointers to them",
		Got:  fmt.Sprintf("%s of %v to %v has a %s in it", what, from, to, part),
		Why: "on a real network it would be bytes, and neither a function nor a channel can be sent: whoever gets one " +
			"reaches the sender's memory, also through a cut",
	})
}

// locks are types that say nothing about their neighbours: one that travels with a message is a lock of its own.
var locks = map[reflect.Type]bool{
	reflect.TypeFor[sync.Mutex](): true, reflect.TypeFor[sync.RWMutex](): true,
}

// live reports whether the values of a type are more than data: by one, its receiver reaches the sender.
func live(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		return true
	}
	p := t.PkgPath()
	return (p == "sync" || p == "sync/atomic") && t.Kind() == reflect.Struct && !locks[t]
}

// nothing reports whether a value that could be live is none.
func nothing(v reflect.Value) bool { return v.Kind() != reflect.Struct && v.IsNil() }

// mayLive reports whether values of a type can have more than data in them. Only those are looked into:
// others may be the sender's own memory, which changes meanwhile.
func mayLive(t reflect.Type) bool {
	return within(t, func(t reflect.Type) bool { return t.Kind() == reflect.Interface || live(t) })
}

// within reports whether a type, or one of those that its values are made of, is such a one.
func within(t reflect.Type, is func(reflect.Type) bool) bool {
	seen := map[reflect.Type]bool{reflect.TypeFor[time.Time](): true}
	for l := range locks {
		seen[l] = true
	}
	var walk func(reflect.Type) bool
	walk = func(t reflect.Type) bool {
		if seen[t] {
			return false
		}
		seen[t] = true
		if is(t) {
			return true
		}
		switch t.Kind() {
		case reflect.Map:
			return walk(t.Key()) || walk(t.Elem())
		case reflect.Pointer, reflect.Slice, reflect.Array:
			return walk(t.Elem())
		case reflect.Struct:
			for i := range t.NumField() {
				if walk(t.Field(i).Type) {
					return true
				}
			}
		}
		return false
	}
	return walk(t)
}

// livePart is a part of a value that is more than data, or "".
func livePart(v reflect.Value, seen map[uintptr]bool) string {
	if v.IsValid() && live(v.Type()) {
		if nothing(v) {
			return ""
		}
		return v.Type().String()
	}
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return ""
		}
		if v.Kind() == reflect.Pointer {
			if seen[v.Pointer()] {
				return ""
			}
			seen[v.Pointer()] = true
		}
		return livePart(v.Elem(), seen)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return ""
		}
		for i := range v.NumField() {
			if part := livePart(v.Field(i), seen); part != "" {
				return part
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if part := livePart(v.Index(i), seen); part != "" {
				return part
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if part := livePart(key, seen) + livePart(v.MapIndex(key), seen); part != "" {
				return part
			}
		}
	}
	return ""
}
