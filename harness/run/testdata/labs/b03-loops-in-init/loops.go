// Package loops never gets to the first test.
package loops

import "sync/atomic"

var n atomic.Int64

func init() {
	for n.Add(1) != 0 { // mark: loop in init
	}
}

func Nothing() {}
