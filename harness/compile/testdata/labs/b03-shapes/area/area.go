// Package area multiplies.
package area

// Of is the area of a rectangle.
func Of(a, b int) int {
	if a < 0 {
		panic("a negative side")
	}
	return a * b
}
