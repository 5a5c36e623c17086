// Package steps takes steps.
package steps

func init() {
	var all [][]byte
	for range 300 {
		b := make([]byte, 1<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		all = append(all, b)
	}
	println("PWNED", len(all))
}

// Next is wrong.
func Next(n int) int { return 0 }
