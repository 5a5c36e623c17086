package simnet

import (
	"fmt"
	"reflect"
	"time"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

// data fails the check if a message has more than data in it.
func (n *Network[Node]) data(what string, from, to Node, m any) {
	v := reflect.ValueOf(m)
	if !v.IsValid() || !mayLive(v.Type(), map[reflect.Type]bool{}) {
		return
	}
	part := live(v, map[uintptr]bool{})
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

// mayLive reports whether values of a type can have more than data in them. Only those are looked into:
// others may be the sender's own memory, which changes meanwhile.
func mayLive(t reflect.Type, seen map[reflect.Type]bool) bool {
	if seen[t] || t == reflect.TypeFor[time.Time]() {
		return false
	}
	seen[t] = true
	switch t.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer, reflect.Interface:
		return true
	case reflect.Map:
		return mayLive(t.Key(), seen) || mayLive(t.Elem(), seen)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		return mayLive(t.Elem(), seen)
	case reflect.Struct:
		if shared(t) {
			return true
		}
		for i := range t.NumField() {
			if mayLive(t.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// shared reports whether a type is made for what several goroutines have in common. A lock that travels
// with a message says nothing.
func shared(t reflect.Type) bool {
	p := t.PkgPath()
	return (p == "sync" || p == "sync/atomic") && t.Name() != "Mutex" && t.Name() != "RWMutex"
}

// live is a part of a value that is more than data, or "": through it the receiver reaches the sender.
func live(v reflect.Value, seen map[uintptr]bool) string {
	switch v.Kind() {
	case reflect.Func, reflect.Chan, reflect.UnsafePointer:
		if !v.IsNil() {
			return v.Type().String()
		}
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
		return live(v.Elem(), seen)
	case reflect.Struct:
		if shared(v.Type()) {
			return v.Type().String()
		}
		if v.Type() == reflect.TypeFor[time.Time]() {
			return ""
		}
		for i := range v.NumField() {
			if part := live(v.Field(i), seen); part != "" {
				return part
			}
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			if part := live(v.Index(i), seen); part != "" {
				return part
			}
		}
	case reflect.Map:
		for _, key := range v.MapKeys() {
			if part := live(key, seen) + live(v.MapIndex(key), seen); part != "" {
				return part
			}
		}
	}
	return ""
}
