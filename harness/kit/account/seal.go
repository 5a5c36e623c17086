package account

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// Key seals the report of one process. It is an array, so that a copy of it is nobody's buffer.
type Key [sha256.Size]byte

// NewKey is a random one.
func NewKey() (k Key) {
	rand.Read(k[:])
	return k
}

// Seal makes the line with that number, counted from 0, of a content that has no line break: its
// HMAC-SHA256 (RFC 2104) over number and content in hexadecimal digits, the number, the content,
// with spaces between them.
func (k *Key) Seal(n uint64, content []byte) []byte {
	body := append(strconv.AppendUint(nil, n, 10), ' ')
	body = append(body, content...)
	line := hex.AppendEncode(make([]byte, 0, 2*sha256.Size+len(body)+2), k.sum(body))
	line = append(line, ' ')
	return append(append(line, body...), '\n')
}

// Open takes a line without its line break apart. ok says that it was sealed with this key.
func (k *Key) Open(line []byte) (n uint64, content []byte, ok bool) {
	digits, body, found := bytes.Cut(line, []byte(" "))
	if !found || len(digits) != 2*sha256.Size {
		return 0, nil, false
	}
	var sum [sha256.Size]byte
	if _, err := hex.Decode(sum[:], digits); err != nil || !hmac.Equal(sum[:], k.sum(body)) {
		return 0, nil, false
	}
	number, content, _ := bytes.Cut(body, []byte(" "))
	n, err := strconv.ParseUint(string(number), 10, 64)
	return n, content, err == nil
}

func (k *Key) sum(body []byte) []byte {
	h := hmac.New(sha256.New, k[:])
	h.Write(body)
	return h.Sum(nil)
}
