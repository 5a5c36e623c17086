// Package secrecy tells whether what is shown has to do with a secret, in whatever form: as it is,
// reversed, in base64, or as part of something else. To look for the secret's own text finds only
// the first.
//
//	how := secrecy.Told(20, func(secret string) string { return answerTo(errors.New(secret)) })
//	expect.That(t, how == "", expect.Message{Want: "the same answer, whatever the secret is", Got: how})
//
// Secrets are made at random, so nobody can know them by heart, and all that lies between two shows
// is the secret.
package secrecy

import (
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"strings"
)

const (
	shows = 3 // of each secret: what changes by itself says nothing
	times = 4 // with other secrets each time: what changes by itself may have done so with the secret
	// how much longer one secret is where lengths are compared, and how much of that may be chance
	longer, slack = 4096, 1024
)

// Told shows two secrets of n letters and digits, and says how what was shown tells one from the other, or
// nothing. What is different each time, with one secret, too, such as the number of a request, is
// compared by its bytes in whatever order and, where those change as well, by whether it grows with
// the secret.
func Told(n int, show func(secret string) string) (how string) {
	for range times {
		if how = told(n, show); how == "" {
			return ""
		}
	}
	return how
}

func told(n int, show func(secret string) string) string {
	one, other := secret(n), secret(n)
	var ones, others []string
	turns := make([]bool, 2*shows)
	for _, i := range mathrand.Perm(len(turns))[:shows] {
		turns[i] = true
	}
	for _, first := range turns {
		if first {
			ones = append(ones, show(one))
		} else {
			others = append(others, show(other))
		}
	}
	for _, form := range []func(string) string{whole, ordered} {
		a, b := steady(ones, form), steady(others, form)
		switch {
		case a == nil || b == nil:
			continue
		case *a == *b:
			return ""
		}
		return fmt.Sprintf("%s where the secret is %q, and %s where it is %q", brief(ones[0]), brief(one),
			brief(others[0]), brief(other))
	}
	return grows(n, append(ones, others...), show)
}

// steady is what all have in this form, nil if they differ.
func steady(shown []string, form func(string) string) *string {
	first := form(shown[0])
	for _, s := range shown[1:] {
		if form(s) != first {
			return nil
		}
	}
	return &first
}

func whole(s string) string { return s }

// ordered are the bytes in order: what is listed in another order each time is the same then.
func ordered(s string) string {
	b := []byte(s)
	slices.Sort(b)
	return string(b)
}

// grows tells of what is longer where the secret is, each time.
func grows(n int, shown []string, show func(string) string) string {
	most := 0
	for _, s := range shown {
		most = max(most, len(s))
	}
	least := -1
	for range shows {
		if l := len(show(secret(n + longer))); least < 0 || l < least {
			least = l
		}
	}
	if least < most+slack {
		return ""
	}
	return fmt.Sprintf("%d bytes where the secret has %d, and %d where it has %d", most, n, least, n+longer)
}

// secret is a text of n letters and digits.
func secret(n int) string {
	var b strings.Builder
	for b.Len() < n {
		b.WriteString(rand.Text())
	}
	return b.String()[:n]
}

func brief(s string) string {
	if r := []rune(s); len(r) > 200 {
		return string(r[:200]) + "…"
	}
	return s
}
