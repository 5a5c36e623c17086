package simnet

import (
	"errors"
	"reflect"
	"testing"
	"time"
	"unsafe"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
)

// Copy is a message as it would be at the other end of a real network, where it is bytes on the way: it
// is equal to m, and shares no memory with it. A message that has more than data in it, such as a
// function or a channel, fails the check: by that the receiver would reach the sender. A lock is open in the
// copy.
//
// Errors that errors.New has made, and so have no more than a text, are the same ones in the copy.
func Copy[M any](t testing.TB, m M) (c M) {
	t.Helper()
	k := &copier{met: map[met]reflect.Value{}}
	k.copy(reflect.ValueOf(&c).Elem(), reflect.ValueOf(&m).Elem())
	if k.live != nil {
		expect.Fail(t, expect.Message{
			Did:  "looked at what is sent",
			Want: "data: texts, numbers, structs, slices, maps, and pointers to them",
			Got:  "a " + k.live.String() + " in a " + reflect.TypeFor[M]().String(),
			Why: "on a real network it would be bytes, and this cannot be sent: whoever gets it reaches the memory of " +
				"the sender, also where no message comes through",
		})
	}
	return c
}

// Reaches reports whether by an M its receiver could reach what the sender goes on changing: by a pointer, a
// map, an interface, or what is more than data. By slices alone it gets what was there when it was sent;
// where messages are large and many, they need not be copied.
func Reaches[M any]() bool {
	return within(reflect.TypeFor[M](), func(t reflect.Type) bool {
		switch t.Kind() {
		case reflect.Pointer, reflect.Map, reflect.Interface:
			return true
		}
		return live(t)
	})
}

type copier struct {
	met  map[met]reflect.Value // pointers and maps, with their copies
	live reflect.Type          // what is more than data
}

type met struct {
	at unsafe.Pointer
	of reflect.Type
}

// asTheyAre are types whose values cannot be changed, and which point to what is to be the same.
var asTheyAre = map[reflect.Type]bool{
	reflect.TypeFor[time.Time](): true, reflect.TypeOf(errors.New("")): true,
}

// copy makes to, which can be set, a copy of from.
func (k *copier) copy(to, from reflect.Value) {
	t := from.Type()
	if k.live != nil || asTheyAre[t] || t.PkgPath() == "net/netip" {
		to.Set(from)
		return
	}
	if live(t) {
		if !nothing(from) {
			k.live = t
		}
		return
	}
	switch from.Kind() {
	case reflect.Interface:
		if !from.IsNil() {
			inside := reflect.New(from.Elem().Type()).Elem()
			k.copy(inside, addressable(from.Elem()))
			to.Set(inside)
		}
	case reflect.Pointer:
		k.pointer(to, from)
	case reflect.Map:
		k.mapping(to, from)
	case reflect.Slice:
		if !from.IsNil() {
			to.Set(reflect.MakeSlice(t, from.Len(), from.Len()))
			k.elements(to, from)
		}
	case reflect.Array:
		k.elements(to, from)
	case reflect.Struct:
		if locks[t] {
			return
		}
		for i := range from.NumField() {
			k.copy(open(to.Field(i)), open(from.Field(i)))
		}
	default:
		to.Set(from)
	}
}

func (k *copier) elements(to, from reflect.Value) {
	switch from.Type().Elem().Kind() {
	case reflect.Uint8, reflect.String, reflect.Int, reflect.Int64, reflect.Uint64, reflect.Float64, reflect.Bool:
		reflect.Copy(to, from)
		return
	}
	for i := range from.Len() {
		k.copy(to.Index(i), from.Index(i))
	}
}

// again is the key of a pointer or a map. If that is nil or has been copied before, to is so, too, and
// all is done.
func (k *copier) again(to, from reflect.Value) (key met, done bool) {
	if from.IsNil() {
		return met{}, true
	}
	key = met{from.UnsafePointer(), from.Type()}
	c, done := k.met[key]
	if done {
		to.Set(c)
	}
	return key, done
}

func (k *copier) pointer(to, from reflect.Value) {
	key, done := k.again(to, from)
	if done {
		return
	}
	c := reflect.New(from.Type().Elem())
	if c.Type() != from.Type() {
		c = c.Convert(from.Type()) // a pointer type with a name
	}
	k.met[key] = c
	k.copy(c.Elem(), from.Elem())
	to.Set(c)
}

func (k *copier) mapping(to, from reflect.Value) {
	key, done := k.again(to, from)
	if done {
		return
	}
	c := reflect.MakeMapWithSize(from.Type(), from.Len())
	k.met[key] = c
	for it := from.MapRange(); it.Next(); {
		name, value := reflect.New(from.Type().Key()).Elem(), reflect.New(from.Type().Elem()).Elem()
		k.copy(name, addressable(it.Key()))
		k.copy(value, addressable(it.Value()))
		c.SetMapIndex(name, value)
	}
	to.Set(c)
}

// addressable is a copy of a value that has an address.
func addressable(v reflect.Value) reflect.Value {
	c := reflect.New(v.Type()).Elem()
	c.Set(v)
	return c
}

// open is a field that can be read and set, whatever its name is.
func open(field reflect.Value) reflect.Value {
	if field.CanSet() {
		return field
	}
	return reflect.NewAt(field.Type(), field.Addr().UnsafePointer()).Elem()
}
