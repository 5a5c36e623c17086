// Package steps takes steps.
package steps

import "fmt"

func init() {
	var text string
	if n, _ := fmt.Scan(&text); n > 0 {
		println("PWNED", text)
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
