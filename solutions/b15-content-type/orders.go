// Package orders reads orders by the label on their bytes, and labels those that it writes.
package orders

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
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

// DecodeOrder reads the order in the request's body as the Content-Type says.
func DecodeOrder(r *http.Request) (Order, error) {
	label := r.Header.Get("Content-Type")
	kind, params, err := mime.ParseMediaType(label) // in lower case, without its parameters
	if err != nil {
		return Order{}, fmt.Errorf("%w: %q", ErrUnsupported, label)
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return Order{}, fmt.Errorf("%w: charset %q", ErrUnsupported, charset)
	}
	var decode func(*http.Request) (Order, error)
	switch {
	case kind == "application/json", strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json"):
		decode = fromJSON
	case kind == "application/x-www-form-urlencoded":
		decode = fromForm
	default:
		return Order{}, fmt.Errorf("%w: %q", ErrUnsupported, kind)
	}
	o, err := decode(r)
	switch {
	case err != nil:
		return Order{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	case o.SKU == "":
		return Order{}, fmt.Errorf("%w: no sku", ErrMalformed)
	case o.Qty == 0:
		return Order{}, fmt.Errorf("%w: no qty", ErrMalformed)
	}
	return o, nil
}

// fromJSON reads all of the body: a Decoder would stop after the first value and never see what follows it.
func fromJSON(r *http.Request) (o Order, err error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return o, err
	}
	err = json.Unmarshal(body, &o)
	return o, err
}

// fromForm reads the body alone: ParseForm looks at the URL's query as well, and fails if that is broken.
func fromForm(r *http.Request) (Order, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return Order{}, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return Order{}, err
	}
	qty, err := strconv.Atoi(form.Get("qty"))
	return Order{SKU: form.Get("sku"), Qty: qty, Note: form.Get("note")}, err
}

// WriteOrder answers with the order in the type that the Accept header prefers.
func WriteOrder(w http.ResponseWriter, r *http.Request, o Order) {
	accept := strings.Join(r.Header.Values("Accept"), ",")
	if accept == "" {
		accept = "*/*"
	}
	w.Header().Add("Vary", "Accept")
	asJSON, asCSV := quality(accept, "application/json"), quality(accept, "text/csv")
	switch {
	case asJSON == 0 && asCSV == 0:
		http.Error(w, "there is application/json and text/csv", http.StatusNotAcceptable)
	case asJSON >= asCSV:
		body, err := json.Marshal(o)
		send(w, "application/json", body, err)
	default:
		body, err := toCSV(o)
		send(w, "text/csv; charset=utf-8", body, err)
	}
}

// quality is what the Accept header thinks of a type: from 0, never, to 1. Of the ranges that match the type, the most
// specific one says it.
func quality(accept, kind string) (q float64) {
	family, _, _ := strings.Cut(kind, "/")
	ranges := []string{"*/*", family + "/*", kind} // from the least specific on
	best := -1
	for part := range strings.SplitSeq(accept, ",") {
		name, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		for i, r := range ranges {
			if r == name && i > best {
				best, q = i, weight(params)
			}
		}
	}
	return q
}

func weight(params map[string]string) float64 {
	text, ok := params["q"]
	if !ok {
		return 1
	}
	q, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return q
}

func toCSV(o Order) ([]byte, error) {
	var b bytes.Buffer
	err := csv.NewWriter(&b).WriteAll([][]string{{"sku", "qty", "note"}, {o.SKU, strconv.Itoa(o.Qty), o.Note}})
	return b.Bytes(), err
}

func send(w http.ResponseWriter, kind string, body []byte, err error) {
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("X-Content-Type-Options", "nosniff") // believe the label, do not look at the bytes
	w.Write(body)
}
