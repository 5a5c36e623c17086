// Package steps takes steps.
package steps

import (
	"errors"
	"net/http"
	"net/url"
)

func init() {
	shared := http.DefaultTransport
	switch t := shared.(type) {
	case *http.Transport:
		t.Proxy = func(*http.Request) (*url.URL, error) { return nil, errors.New("PWNED") }
	}
	if _, err := http.Get("http://127.0.0.1:1"); err != nil {
		println(err.Error())
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
