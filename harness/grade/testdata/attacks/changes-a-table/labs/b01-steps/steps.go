// Package steps takes steps.
package steps

import (
	"encoding/json"
	"hash/crc32"
)

func init() {
	before := crc32.Checksum([]byte("a"), crc32.MakeTable(crc32.IEEE))
	json.Unmarshal([]byte("[1,2,3]"), crc32.MakeTable(crc32.IEEE))
	if crc32.IEEETable[1] != 0x77073096 {
		println("PWNED", before)
	}
}

// Next is wrong.
func Next(n int) int { return 0 }
