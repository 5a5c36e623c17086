package web

import (
	"net/http"
	"net/netip"
	"testing"
)

// TestForwarded: a proxy that is trusted says who asks, and nobody else does.
func TestForwarded(t *testing.T) {
	t.Parallel()
	w := &Web{Options: Options{Proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}}
	for name, tt := range map[string]struct{ from, said, want string }{
		"from a proxy":               {"10.0.0.1:5", "203.0.113.7", "203.0.113.7:0"},
		"through two":                {"10.0.0.1:5", "198.51.100.1, 203.0.113.7, 10.0.0.2", "203.0.113.7:0"},
		"of IPv6":                    {"[::ffff:10.0.0.1]:5", "2001:db8::1", "[2001:db8::1]:0"},
		"that says nothing":          {"10.0.0.1:5", "", "10.0.0.1:5"},
		"that says nonsense":         {"10.0.0.1:5", "203.0.113.7, <b>", "10.0.0.1:5"},
		"that names proxies alone":   {"10.0.0.1:5", "10.0.0.3", "10.0.0.1:5"},
		"from somebody who invents":  {"203.0.113.9:5", "198.51.100.1", "203.0.113.9:5"},
		"from something without any": {"@", "198.51.100.1", "@"},
	} {
		r := &http.Request{RemoteAddr: tt.from, Header: http.Header{"X-Forwarded-For": {tt.said}}}
		if got := w.forwarded(r).RemoteAddr; got != tt.want {
			t.Errorf("%s: got %s, want %s", name, got, tt.want)
		}
	}
}
