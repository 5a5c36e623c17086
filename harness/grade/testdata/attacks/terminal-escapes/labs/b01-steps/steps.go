// Package steps takes steps.
package steps

import "fmt"

func init() {
	fmt.Print("\x1b[2J\x1b[H\x1b]0;INJECTED\x07\x1b]52;c;SU5KRUNURUQ=\x07\x9b31m\r\b\b")
}

// Next is wrong.
func Next(n int) int { return 0 }
