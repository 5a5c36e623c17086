package web

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// forwarded gives a request the address of the client that a trusted proxy has taken it from: the last one of
// X-Forwarded-For that is no proxy's itself. What others write there is theirs to invent, and is not read.
func (w *Web) forwarded(r *http.Request) *http.Request {
	if len(w.Proxies) == 0 || !w.proxy(r.RemoteAddr) {
		return r
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		ip, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			return r
		}
		from := net.JoinHostPort(ip.String(), "0")
		if !w.proxy(from) {
			r = r.Clone(r.Context())
			r.RemoteAddr = from
			return r
		}
	}
	return r
}

// proxy reports whether an address with its port is that of a trusted proxy.
func (w *Web) proxy(addr string) bool {
	at, err := netip.ParseAddrPort(addr)
	return err == nil && slices.ContainsFunc(w.Proxies, func(p netip.Prefix) bool {
		return p.Contains(at.Addr().Unmap().WithZone(""))
	})
}
