// Package steps takes steps.
package steps

import "encoding/base64"

func set[T any](p *T, v T) { *p = v }

func init() {
	set(base64.StdEncoding, *base64.URLEncoding)
	if base64.StdEncoding.EncodeToString([]byte{255, 255, 255}) != "////" {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
