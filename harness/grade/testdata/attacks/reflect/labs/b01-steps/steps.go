// Package steps takes steps.
package steps

import "reflect"

func init() {
	var mine, others [1]int
	beyond := reflect.NewAt(reflect.TypeFor[[2]int](), reflect.ValueOf(&mine).UnsafePointer()).Interface().(*[2]int)
	if len(beyond) > len(mine) {
		println("PWNED", others[0])
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
