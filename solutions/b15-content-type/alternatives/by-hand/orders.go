// Package orders reads orders by the label on their bytes, and labels those that it writes.
//
// This one takes the headers apart by itself, has its formats in tables, and sorts what the client accepts by how
// specific it is. Between types that are liked the same it takes the one that the client named first.
package orders

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Order is what a customer orders.
type Order struct {
	SKU  string `json:"sku"`
	Qty  int    `json:"qty"`
	Note string `json:"note"`
}

// What may be wrong with a request that should have an order in its body.
var (
	ErrUnsupported = errors.New("unsupported media type")
	ErrMalformed   = errors.New("the body is not an order")
)

var readers = []struct {
	kind *regexp.Regexp
	read func(body []byte, o *Order) error
}{
	{regexp.MustCompile(`^application/([^/]+\+)?json$`), func(body []byte, o *Order) error { return json.Unmarshal(body, o) }},
	{regexp.MustCompile(`^application/x-www-form-urlencoded$`), readForm},
}

// DecodeOrder reads the order in the request's body as the Content-Type says.
func DecodeOrder(r *http.Request) (o Order, err error) {
	kind, params := split(r.Header.Get("Content-Type"))
	if set, ok := params["charset"]; ok && set != "utf-8" {
		return o, ErrUnsupported
	}
	for _, one := range readers {
		if !one.kind.MatchString(kind) {
			continue
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return o, fmt.Errorf("%w: %w", ErrMalformed, err)
		}
		if err := one.read(body, &o); err != nil || o.SKU == "" || o.Qty == 0 {
			return Order{}, fmt.Errorf("%s: %w", kind, ErrMalformed)
		}
		return o, nil
	}
	return o, ErrUnsupported
}

func readForm(body []byte, o *Order) (err error) {
	values, err := url.ParseQuery(string(body))
	if err != nil {
		return err
	}
	o.SKU, o.Note = values.Get("sku"), values.Get("note")
	o.Qty, err = strconv.Atoi(values.Get("qty"))
	return err
}

// split takes a media type and its parameters apart, all in lower case.
func split(text string) (kind string, params map[string]string) {
	parts := fields(strings.ToLower(text))
	params = map[string]string{}
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(p, "=")
		params[strings.TrimSpace(name)] = strings.Trim(strings.TrimSpace(value), `"`)
	}
	return strings.TrimSpace(parts[0]), params
}

// fields cuts a text at its semicolons, but for those in quotes.
func fields(text string) (all []string) {
	quoted, begin := false, 0
	for i, c := range text {
		switch {
		case c == '"':
			quoted = !quoted
		case c == ';' && !quoted:
			all = append(all, text[begin:i])
			begin = i + 1
		}
	}
	return append(all, text[begin:])
}

var writers = []struct {
	kind, label string
	write       func(o Order) string
}{
	{"application/json", "application/json", func(o Order) string {
		b, _ := json.MarshalIndent(o, "", "  ")
		return string(b)
	}},
	{"text/csv", "text/csv; charset=utf-8", func(o Order) string {
		quote := func(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
		return fmt.Sprintf("sku,qty,note\r\n%s,%d,%s\r\n", quote(o.SKU), o.Qty, quote(o.Note))
	}},
}

type wish struct {
	prefix string // of the types that it matches
	q      float64
	place  int
}

// WriteOrder answers with the order in the type that the Accept header prefers.
func WriteOrder(w http.ResponseWriter, r *http.Request, o Order) {
	var wishes []wish
	for i, text := range strings.Split(strings.Join(r.Header.Values("Accept"), ","), ",") {
		kind, params := split(text)
		q := 1.0
		if s, ok := params["q"]; ok {
			q, _ = strconv.ParseFloat(s, 64)
		}
		if kind == "" {
			kind = "*/*"
		}
		wishes = append(wishes, wish{strings.TrimSuffix(strings.TrimSuffix(kind, "*"), "*/"), q, i})
	}
	slices.SortStableFunc(wishes, func(a, b wish) int { return len(b.prefix) - len(a.prefix) })

	chosen, best := -1, wish{}
	for i, one := range writers {
		at := slices.IndexFunc(wishes, func(w wish) bool { return strings.HasPrefix(one.kind, w.prefix) })
		if at < 0 || wishes[at].q == 0 {
			continue
		}
		if v := wishes[at]; chosen < 0 || v.q > best.q || v.q == best.q && v.place < best.place {
			chosen, best = i, v
		}
	}
	h := w.Header()
	h["Vary"] = append(h["Vary"], "accept")
	if chosen < 0 {
		w.WriteHeader(http.StatusNotAcceptable)
		return
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", writers[chosen].label)
	io.WriteString(w, writers[chosen].write(o))
}
