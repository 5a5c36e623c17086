// Package steps takes steps.
package steps

import "net/http"

type client struct{ *http.Client }

func init() {
	mine := client{http.DefaultClient}
	mine.Timeout = 1
	if http.DefaultClient.Timeout != 0 {
		println("PWNED")
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
