// Package adder adds.
package adder

// Add adds two numbers, one by one.
func Add(a, b int) int {
	for range b {
		a++
	}
	return a
}
