// Sick is a shop without logs, to be tried by hand:
//
//	go run ./labs/a18-no-logs/sick -from memory -seed 7
//
// It prints what can be asked. Sicknesses are none, goroutines, deadlock, pool, loop, memory, lock and
// upstream.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"

	"github.com/backend-labs/backend-labs/labs/a18-no-logs/shop"
)

func main() {
	from := flag.String("from", "none", "what the shop suffers from")
	seed := flag.Uint64("seed", 1, "draws which function does what")
	flag.Parse()
	if err := serve(*from, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "sick:", err)
		os.Exit(1)
	}
}

func serve(from string, seed uint64) error {
	s, err := shop.New(from, seed)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	at := "http://" + l.Addr().String()
	fmt.Printf("the shop is open. Ask it, twice:\n  curl %[1]s/goroutines\n  curl %[1]s/metrics\n"+
		"  go tool pprof -top %[1]s/heap\n  go tool pprof -top %[1]s/mutex\n  go tool pprof -top '%[1]s/cpu?for=1s'\n", at)
	return http.Serve(l, s)
}
