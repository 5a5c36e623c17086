package vredis

import (
	"strconv"
	"strings"
)

// Keys are the keys that the command names: those of a script or function by their count, else the
// first argument.
func (c Command) Keys() []string {
	switch c.Name {
	case "PING", "TIME", "SCRIPT", "FUNCTION", "MULTI", "EXEC", "DISCARD", "UNWATCH":
		return nil
	case "EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO":
		if len(c.Args) < 2 {
			return nil
		}
		n, err := strconv.Atoi(c.Args[1])
		if err != nil || n < 0 || n > len(c.Args)-2 {
			return nil
		}
		return c.Args[2 : 2+n]
	case "DEL", "UNLINK", "EXISTS", "TOUCH", "MGET", "WATCH":
		return c.Args
	}
	return c.Args[:min(1, len(c.Args))]
}

// Slot is the hash slot of a key in a Redis Cluster, as the cluster specification defines it: CRC16
// (XMODEM) of the key, or of its hash tag where it has one, modulo 16384. Asking a server (CLUSTER
// KEYSLOT) works on a cluster only.
func Slot(key string) int {
	if _, rest, ok := strings.Cut(key, "{"); ok {
		if tag, _, ok := strings.Cut(rest, "}"); ok && tag != "" {
			key = tag
		}
	}
	crc := uint16(0)
	for _, b := range []byte(key) {
		crc ^= uint16(b) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
	}
	return int(crc % 16384)
}
