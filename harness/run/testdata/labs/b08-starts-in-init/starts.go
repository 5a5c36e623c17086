// Package starts has begun before anybody calls it.
package starts

import (
	"net"
	"os"
	"path/filepath"
	"time"
)

var listener, _ = net.Listen("tcp", "127.0.0.1:0")

func init() {
	go func() { // mark: started
		for {
			time.Sleep(time.Second)
		}
	}()
	os.WriteFile(filepath.Join(os.TempDir(), "left"), nil, 0o600)
}

func Nothing() {}
