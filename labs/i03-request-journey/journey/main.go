// Journey is the lab's program: it follows requests to real servers, and draws where the time
// goes. The second request to a server shows what a connection is worth:
//
//	go run ./labs/i03-request-journey/journey https://go.dev https://go.dev/doc
package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	journey "github.com/backend-labs/backend-labs/labs/i03-request-journey"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: journey URL...")
		os.Exit(2)
	}
	if !follow(os.Args[1:]) {
		os.Exit(1)
	}
}

// follow gets the URLs, one after another with one client, and reports whether all went well.
func follow(urls []string) (ok bool) {
	c := journey.NewClient(world())
	defer c.Close()
	ok = true
	for _, url := range urls {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		res, err := c.Get(ctx, url, nil)
		cancel()
		fmt.Println(url)
		if err != nil {
			ok = false
			fmt.Println(err)
		} else {
			fmt.Printf("%d, %d bytes, %d redirects, connection reused: %t\n",
				res.Status, len(res.Body), res.Hops, res.Reused)
		}
		if res != nil {
			fmt.Println(journey.Waterfall(res.Phases))
		}
	}
	return ok
}

// world is the real one.
func world() journey.Env {
	var d net.Dialer
	return journey.Env{
		Resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
		Dial: func(ctx context.Context, addr netip.AddrPort) (net.Conn, error) {
			return d.DialContext(ctx, "tcp", addr.String())
		},
	}
}
