package room

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"strings"
	"unicode"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// crockford are the signs of codes that people type: https://www.crockford.com/base32.html.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// secret is a random one of 160 bits.
func secret() string {
	var b [20]byte
	rand.Read(b[:])
	return strings.ToLower(crockford.EncodeToString(b[:]))
}

// code is a random one of n signs that people can read out and type, in groups of four.
func code(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	text := crockford.EncodeToString(b)[:n]
	var groups []string
	for len(text) > 4 {
		groups, text = append(groups, text[:4]), text[4:]
	}
	return strings.Join(append(groups, text), "-")
}

// typed is a code as it was made, however it was typed: letter case, spaces and hyphens do not matter, nor whether 0
// was taken for O, or 1 for I or L.
func typed(code string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case '-', ' ', '\t':
			return -1
		case 'O', 'o':
			return '0'
		case 'I', 'i', 'L', 'l':
			return '1'
		}
		return unicode.ToUpper(r)
	}, code)
}

// SameCode reports whether two codes are the same, however each was typed. An empty one is none.
func SameCode(a, b string) bool {
	one, two := typed(a), typed(b)
	return one != "" && subtle.ConstantTimeCompare([]byte(one), []byte(two)) == 1
}

// hash is what is stored of a secret. Secrets are long and random, so one round without salt is enough.
func hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// cleanName is a name as it is shown, and folded as it is compared: names that look alike are the same. ok is false
// where it is none: see ErrName.
func cleanName(name string) (clean, folded string, ok bool) {
	if len(name) > 1<<10 {
		return "", "", false
	}
	clean = strings.Join(strings.Fields(norm.NFC.String(name)), " ")
	for _, r := range clean {
		if r != ' ' && !unicode.IsGraphic(r) || r == unicode.ReplacementChar {
			return "", "", false
		}
	}
	if n := len([]rune(clean)); n == 0 || n > 80 {
		return "", "", false
	}
	return clean, cases.Fold().String(norm.NFKC.String(clean)), true
}
