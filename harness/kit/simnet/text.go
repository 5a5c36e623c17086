package simnet

import (
	"fmt"
	"reflect"
	"strings"
)

// Text is all that a message has in it, also behind pointers, and bytes as the text that they are: what
// somebody would find in it who listens.
func Text(m any) string {
	var b strings.Builder
	spell(&b, reflect.ValueOf(m), map[met]bool{})
	return b.String()
}

func spell(b *strings.Builder, v reflect.Value, seen map[met]bool) {
	switch v.Kind() {
	case reflect.Invalid, reflect.Func, reflect.Chan, reflect.UnsafePointer:
	case reflect.Interface:
		spell(b, v.Elem(), seen)
	case reflect.Pointer:
		if key := (met{v.UnsafePointer(), v.Type()}); !seen[key] {
			seen[key] = true
			spell(b, v.Elem(), seen)
		}
	case reflect.Struct:
		b.WriteByte('{')
		for i := range v.NumField() {
			fmt.Fprintf(b, "%s:", v.Type().Field(i).Name)
			spell(b, v.Field(i), seen)
			b.WriteByte(' ')
		}
		b.WriteByte('}')
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			spell(b, it.Key(), seen)
			b.WriteByte(':')
			spell(b, it.Value(), seen)
			b.WriteByte(' ')
		}
	case reflect.Slice, reflect.Array:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			for i := range v.Len() {
				b.WriteByte(byte(v.Index(i).Uint()))
			}
			return
		}
		for i := range v.Len() {
			spell(b, v.Index(i), seen)
			b.WriteByte(' ')
		}
	default:
		fmt.Fprint(b, v)
	}
}
