package orders_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"github.com/backend-labs/backend-labs/harness/kit/httpwire"
	"github.com/backend-labs/backend-labs/harness/kit/sentinel"
	orders "github.com/backend-labs/backend-labs/labs/b15-content-type"
)

const (
	jsonType = "application/json"
	formType = "application/x-www-form-urlencoded"
	csvType  = "text/csv"

	asJSON = `{"sku":"A-17","qty":3,"note":"für Zoë & co: 2+1"}`
	asForm = `sku=A-17&qty=3&note=f%C3%BCr+Zo%C3%AB+%26+co%3A+2%2B1`
)

var order = orders.Order{SKU: "A-17", Qty: 3, Note: "für Zoë & co: 2+1"}

func TestTheLabelSaysHowToRead(t *testing.T) {
	why := "the same bytes mean different things as different types; only the label says which"
	wantOrder(t, jsonType, asJSON, order, why)
	wantOrder(t, formType, asForm, order, why)
	wantOrder(t, jsonType, `{"qty":1,"sku":"B-2"}`, orders.Order{SKU: "B-2", Qty: 1},
		"a note is not needed")
	wantOrder(t, formType, `qty=1&sku=B-2`, orders.Order{SKU: "B-2", Qty: 1},
		"a note is not needed")
	wantOrder(t, jsonType, "\r\n\t "+asJSON+" \n", order,
		"white space around a JSON value is part of no value; many libraries end with a line break")
	wantLongOnes(t)
	const large = 9007199254740993 // a float64 takes it for the even number before it
	wantOrder(t, jsonType, `{"sku":"B-2","qty":9007199254740993}`,
		orders.Order{SKU: "B-2", Qty: large}, "a whole number is read as one, however large")
	wantOrder(t, formType, `sku=B-2&qty=9007199254740993`, orders.Order{SKU: "B-2", Qty: large},
		"a whole number is read as one, however large")
	wantOrder(t, formType, `sku=B-2&qty=010`, orders.Order{SKU: "B-2", Qty: 10},
		"a qty has decimal digits, whichever is the first")
	padded := orders.Order{SKU: " B 2 ", Qty: 1, Note: " ring twice\n"}
	wantOrder(t, jsonType, `{"sku":" B 2 ","qty":1,"note":" ring twice\n"}`, padded,
		"spaces in a text are part of it")
	wantOrder(t, formType, `sku=+B+2+&qty=1&note=+ring+twice%0A`, padded,
		"spaces in a text are part of it")
	wantOrder(t, formType, "sku=B-2&qty=1&note=one%0D%0Atwo%0D%0A", orders.Order{SKU: "B-2", Qty: 1, Note: "one\r\ntwo\r\n"},
		"line breaks in a text are part of it, as they were sent")
	wantOnlyTheBody(t)
	wantWhateverTheMethod(t)
	wantWithoutALength(t)
}

// wantWithoutALength sends bodies whose length is known when they have ended, as clients do that write while they work.
func wantWithoutALength(t *testing.T) {
	t.Helper()
	for _, one := range [][2]string{{jsonType, asJSON}, {formType, asForm}} {
		label, body := one[0], one[1]
		r := request("/orders", "", label, body)
		r.ContentLength = -1
		r.TransferEncoding = []string{"chunked"}
		got, err := orders.DecodeOrder(r)
		expect.That(t, err == nil && got == order, expect.Message{
			Did: fmt.Sprintf("called DecodeOrder with a request without a Content-Length %s, whose body comes in pieces: %s",
				labelled(label), body),
			Want: fmt.Sprintf("the order %+v", order),
			Got:  outcome(got, err),
			Why:  "a body ends where it ends; how long it is need not be said before, and HTTP/2 seldom does",
		})
	}
}

// wantLongOnes has bodies of a mebibyte, which have to be read, and longer ones, of which nothing may be cut off.
func wantLongOnes(t *testing.T) {
	t.Helper()
	const mebibyte = 1 << 20
	for _, one := range []struct{ label, before, behind string }{
		{jsonType, `{"sku":"B-2","qty":1,"note":"`, `"}`},
		{formType, "sku=B-2&qty=1&note=", ""},
	} {
		for _, size := range []int{300_000, mebibyte, mebibyte + 1, 3 * mebibyte, 12 * mebibyte} {
			note := strings.Repeat("n", size-len(one.before)-len(one.behind))
			got, err := decode("/orders", one.label, one.before+note+one.behind)
			whole := err == nil && got == orders.Order{SKU: "B-2", Qty: 1, Note: note}
			refused := size > mebibyte && known.Is(err, orders.ErrMalformed)
			want := "the order, with all of its note"
			if size > mebibyte {
				want += ", or ErrMalformed"
			}
			expect.That(t, whole || refused, expect.Message{
				Did:  fmt.Sprintf("called DecodeOrder with Content-Type: %s and a body of %d bytes", one.label, size),
				Want: want,
				Got:  fmt.Sprintf("a note of %d bytes of %d, error %v", len(got.Note), len(note), err),
				Why:  "whatever the bound, what is beyond it is refused and not cut off: half a note reads like a whole one",
			})
		}
	}
}

// wantWhateverTheMethod sends forms with methods for which net/http does not parse any.
func wantWhateverTheMethod(t *testing.T) {
	t.Helper()
	for _, method := range []string{"PUT", "PATCH", "DELETE", "QUERY"} {
		r := request("/orders", "", formType, asForm)
		r.Method = method
		got, err := orders.DecodeOrder(r)
		expect.That(t, err == nil && got == order, expect.Message{
			Did:  fmt.Sprintf("called DecodeOrder with a form: %s /orders, the body %s", method, asForm),
			Want: fmt.Sprintf("the order %+v", order),
			Got:  outcome(got, err),
			Why:  "what the body is the Content-Type says, and not the method",
		})
	}
}

// wantOnlyTheBody has a link to the form that somebody else has made.
func wantOnlyTheBody(t *testing.T) {
	t.Helper()
	for _, query := range []string{"note=by+the+link", "sku=X&qty=7&note=by+the+link", "a=%zz", "a;b"} {
		got, err := decode("/orders?"+query, formType, "sku=A-17&qty=3")
		expect.That(t, err == nil && got == orders.Order{SKU: "A-17", Qty: 3}, expect.Message{
			Did:  "called DecodeOrder with a form: POST /orders?" + query + ", the body sku=A-17&qty=3",
			Want: "the order that the body has, whatever is in the URL",
			Got:  outcome(got, err),
			Why: "the Content-Type is about the body; what is in the URL was written by somebody " +
				"else, and neither completes an order nor spoils it",
		})
	}
}

func TestOneTypeIsWrittenInManyWays(t *testing.T) {
	for _, label := range []string{
		"Application/JSON; charset=UTF-8",
		"application/json;charset=utf-8",
		`application/json; charset="utf-8"`,
		`application/json; charset="UTF-8"`,
		"application/json ; Charset=Utf-8",
		"application/json; profile=short",
		`application/json; profile="a; charset=latin1"`,
		"application/vnd.shop+json",
		"application/problem+json; charset=utf-8",
		"APPLICATION/VND.SHOP.V2+JSON",
		"application/vnd.shop+v2+json",
	} {
		wantOrder(t, label, asJSON, order,
			"case does not matter in a type, nor in a charset; parameters are not part of the "+
				"type; and whatever ends in +json is JSON with a name of its own")
	}
	for _, label := range []string{
		"application/x-www-form-urlencoded; charset=UTF-8",
		"Application/X-WWW-Form-Urlencoded",
	} {
		wantOrder(t, label, asForm, order,
			"browsers and libraries add the charset, and write it in their own way")
	}
}

func TestOtherTypesAreUnsupported(t *testing.T) {
	for _, one := range []struct{ label, why string }{
		{"text/plain", "it may look like JSON, but its sender says that it is text"},
		{"application/jsonp", "jsonp is JavaScript; that its name contains json does not make it JSON"},
		{"text/json-ish", "a name that looks similar is another type"},
		{"application/json-seq", "it is a sequence of documents, and not one"},
		{"application/vnd.shop+json-seq", "so is this one, under a name of its own"},
		{"application/x-www-form-urlencoded-v2", "a name that begins alike is another type"},
		{"text/vnd.shop+json", "the contract has +json only within application"},
		{"application/vnd.shop.json", "the contract has +json, with a plus; another name is another type"},
		{"application/x-json", "the contract has +json, with a plus; another name is another type"},
		{"application/xml", "a type that this server cannot read"},
		{"multipart/form-data", "it is a form as well, but written in quite another way"},
		{"application/octet-stream", "it says \"just bytes\": nobody knows what they are"},
		{"", "without a label one can only guess, and a guess is an open door: the sender of the bytes decides what you take them for"},
	} {
		for _, body := range []string{asJSON, asForm} {
			wantError(t, one.label, body, orders.ErrUnsupported,
				"ErrUnsupported, for a 415: this server does not read that", one.why)
		}
	}
	wantOrder(t, jsonType, asJSON, order, "what is supported still is")
}

func TestOtherCharsetsAreUnsupported(t *testing.T) {
	for _, label := range []string{
		"application/json; charset=latin1",
		"application/json;charset=ISO-8859-1",
		`application/json; charset="utf-16"`,
		"application/vnd.shop+json; charset=windows-1252",
		"application/x-www-form-urlencoded; charset=latin1",
		"application/json; charset=utf8",
		"application/json; charset=us-ascii",
		"application/json; charset=utf-80",
		"application/json; charset=utf-8-sig",
		"application/x-www-form-urlencoded; charset=utf-7",
		`application/json; charset=""`,
	} {
		body := asJSON
		if strings.Contains(label, "form") {
			body = asForm
		}
		wantError(t, label, body, orders.ErrUnsupported,
			"ErrUnsupported, for a 415: only UTF-8 is read here",
			"the charset says which letters the bytes are; read as another one, Zoë becomes "+
				"ZoÃ«, in the database, for ever")
	}
	wantOrder(t, "application/json; charset=utf-8", asJSON, order, "what is supported still is")
}

func TestABodyThatIsNotWhatItSays(t *testing.T) {
	for _, one := range []struct{ what, target, label, body, why string }{
		{"JSON that is labelled as a form", "/orders", formType, asJSON,
			"read as a form it has one field with a strange name, and neither sku nor qty; " +
				"taken for an order, somebody gets nothing, zero times"},
		{"a form that is labelled as JSON", "/orders", jsonType, asForm, "the label is a promise; whoever breaks it has a bug that he should hear of"},
		{"JSON that is an array", "/orders", jsonType, "[" + asJSON + "]", "a list of orders is no order: of two, one would be lost"},
		{"JSON that is null", "/orders", jsonType, "null", "null is JSON, and no object"},
		{"JSON that is a text", "/orders", jsonType, `"sku"`, "a text is JSON, and no object"},
		{"JSON that breaks off", "/orders", jsonType, `{"sku":"A-17","qty":3`, "half an order is none"},
		{"JSON with something after it", "/orders", jsonType, asJSON + " x", "a body that goes on after its JSON value is not JSON"},
		{"JSON with a bracket too many", "/orders", jsonType, asJSON + "}",
			"a body that goes on after its JSON value is not JSON"},
		{"JSON with another bracket after it", "/orders", jsonType, asJSON + " ]",
			"a body that goes on after its JSON value is not JSON"},
		{"JSON with a NUL after it", "/orders", jsonType, asJSON + "\x00",
			"a body that goes on after its JSON value is not JSON"},
		{"JSON with a form feed after it", "/orders", jsonType, asJSON + "\f",
			"white space in JSON is the space, the tab and the two ends of a line, and nothing else"},
		{"JSON with a no-break space before it", "/orders", jsonType, "\u00a0" + asJSON,
			"white space in JSON is the space, the tab and the two ends of a line, and nothing else"},
		{"two JSON objects", "/orders", jsonType, asJSON + asJSON, "two orders in one body: one of them would be lost"},
		{"an empty body", "/orders", jsonType, "", "nothing is not an order"},
		{"a qty that is no number", "/orders", formType, "sku=A-17&qty=three", "an order for \"three\" must not become one for 0"},
		{"a form with half a thing", "/orders", formType, "sku=A-17&qty=1.5", "cut to a whole number, somebody gets less than was ordered"},
		{"a form with a hexadecimal qty", "/orders", formType, "sku=A-17&qty=0x10",
			"a qty has decimal digits; read in any other way it is a number that nobody has entered"},
		{"a form with digits in groups", "/orders", formType, "sku=A-17&qty=1_000",
			"a qty has decimal digits; read in any other way it is a number that nobody has entered"},
		{"JSON with half a thing", "/orders", jsonType, `{"sku":"A-17","qty":1.5}`, "cut to a whole number, somebody gets less than was ordered"},
		{"JSON with a qty of another type", "/orders", jsonType, `{"sku":"A-17","qty":"three"}`, "an order for \"three\" must not become one for 0"},
		{"JSON with a note of another type", "/orders", jsonType, `{"sku":"A-17","qty":3,"note":5}`, "a member of another type is not left out: nobody knows what was meant"},
		{"a form with a qty that no int holds", "/orders", formType, "sku=A-17&qty=99999999999999999999", "what is too large to be read must not become the largest number there is"},
		{"JSON without a sku", "/orders", jsonType, `{"qty":3}`, "JSON it is, but not an order"},
		{"JSON without a qty", "/orders", jsonType, `{"sku":"A-17"}`, "JSON it is, but not an order"},
		{"JSON with a qty of 0", "/orders", jsonType, `{"sku":"A-17","qty":0}`, "a qty of 0 counts as none: an order for nothing is no order"},
		{"JSON with an empty sku", "/orders", jsonType, `{"sku":"","qty":3}`, "an empty sku counts as none: nobody can pick it"},
		{"a form with a qty of 0", "/orders", formType, "sku=A-17&qty=0", "a qty of 0 counts as none: an order for nothing is no order"},
		{"a form with an empty sku", "/orders", formType, "sku=&qty=3", "an empty sku counts as none: nobody can pick it"},
		{"a form with a broken escape", "/orders", formType, "sku=A-17&qty=3&note=100%", "what cannot be decoded is no form; half of it would be stored"},
		{"a form without a sku", "/orders", formType, "qty=3&note=x", "a form it is, but not an order"},
		{"a form without a qty", "/orders", formType, "sku=A-17&note=x", "a form it is, but not an order"},
		{"a form without a qty, though with one in the URL", "/orders?qty=3", formType, "sku=A-17",
			"the Content-Type is about the body; what is in the URL was written by somebody " +
				"else, perhaps by whoever made the link that the customer followed"},
	} {
		got, err := decode(one.target, one.label, one.body)
		expect.That(t, known.Is(err, orders.ErrMalformed), expect.Message{
			Did: fmt.Sprintf("called DecodeOrder with %s: POST %s, Content-Type: %s, the body %q",
				one.what, one.target, one.label, one.body),
			Want: "ErrMalformed, for a 400",
			Got:  outcome(got, err),
			Why:  one.why,
		})
	}
	wantNoneOfABrokenBody(t)
}

func wantNoneOfABrokenBody(t *testing.T) {
	t.Helper()
	for label, body := range map[string]string{jsonType: asJSON, formType: asForm} {
		r := request("/orders", "", label, "")
		r.Body = io.NopCloser(io.MultiReader(strings.NewReader(body),
			iotest.ErrReader(io.ErrUnexpectedEOF)))
		got, err := orders.DecodeOrder(r)
		expect.That(t, known.Is(err, orders.ErrMalformed), expect.Message{
			Did: fmt.Sprintf("called DecodeOrder with Content-Type: %s and a body that broke off after %q",
				label, body),
			Want: "ErrMalformed: what has come may not be all",
			Got:  outcome(got, err),
			Why: "a body may break off where a value ends; the client was cut off, does not know " +
				"what has become of the order, and orders again",
		})
	}
}

func TestAnswersSayWhatTheyAre(t *testing.T) {
	for _, o := range []orders.Order{
		order,
		{SKU: "A-17", Qty: 1, Note: "<script>alert(1)</script>"},
		{SKU: "<html>", Qty: 2, Note: "<!DOCTYPE html>"},
		{SKU: `B,"2"`, Qty: 12, Note: "one, two\nand \"three\""},
		{SKU: "C", Qty: 1},
		{SKU: "D"}, // whatever it is, it has three members
		{SKU: " E ", Qty: 9007199254740993, Note: " ring twice "},
		{SKU: "-F", Qty: 1_000_000, Note: "=1+1"},
	} {
		for _, accept := range []string{jsonType, csvType} {
			label := map[string]string{jsonType: "application/json",
				csvType: "text/csv; charset=utf-8"}[accept]
			got := write(accept, "", o)
			did := fmt.Sprintf("called WriteOrder with Accept: %s and the order %+v", accept, o)
			expect.That(t, got.status == 200, expect.Message{Did: did, Want: "200",
				Got: got.String()})
			expect.That(t, slices.Equal(got.header["Content-Type"], []string{label}),
				expect.Message{
					Did:  did,
					Want: "Content-Type: " + label,
					Got:  got.String(),
					Why: "without the right label Go and the browser guess from the bytes, and " +
						"those are in part what a customer wrote: guessing is how data becomes " +
						"HTML, and a note becomes a script",
				})
			expect.That(t, strings.EqualFold(got.header.Get("X-Content-Type-Options"), "nosniff"),
				expect.Message{
					Did:  did,
					Want: "X-Content-Type-Options: nosniff",
					Got: got.String() + fmt.Sprintf(", X-Content-Type-Options: %q",
						got.header.Get("X-Content-Type-Options")),
					Why: "it tells the browser to believe the label; without it some still look at " +
						"the bytes",
				})
			if accept == jsonType {
				back := map[string]any{}
				d := json.NewDecoder(strings.NewReader(got.body))
				d.UseNumber()
				err := d.Decode(&back)
				same := back["sku"] == o.SKU && back["qty"] == json.Number(fmt.Sprint(o.Qty)) &&
					back["note"] == o.Note && len(back) == 3 && json.Valid([]byte(got.body))
				expect.That(t, err == nil && same, expect.Message{
					Did: did, Want: "the order as one JSON object with sku, qty and note",
					Got: got.String(),
				})
				continue
			}
			rows, err := csv.NewReader(strings.NewReader(got.body)).ReadAll()
			want := [][]string{{"sku", "qty", "note"}, {o.SKU, fmt.Sprint(o.Qty), o.Note}}
			expect.That(t, err == nil && slices.EqualFunc(rows, want, slices.Equal), expect.Message{
				Did: did, Want: fmt.Sprintf("CSV with these two records: %q", want),
				Got: got.String(),
				Why: "whoever says CSV must quote what has a comma, a quote or a line break in it, and " +
					"change nothing",
			})
			if field := `"` + strings.ReplaceAll(o.Note, `"`, `""`) + `"`; strings.Contains(o.Note, "\n") {
				expect.That(t, strings.Contains(got.body, field), expect.Message{
					Did: did, Want: fmt.Sprintf("CSV that has the note as it is, in quotes: %q", field),
					Got: got.String(),
					Why: "how a line of the file ends is its writer's choice; a line break within a field is the customer's",
				})
			}
		}
	}
	wantItsOwnLabel(t)
}

// wantItsOwnLabel has a handler in front that has already said what the answer will be.
func wantItsOwnLabel(t *testing.T) {
	t.Helper()
	for _, accept := range []string{jsonType, csvType} {
		label := map[string]string{jsonType: "application/json", csvType: "text/csv; charset=utf-8"}[accept]
		w := httpwire.New()
		w.Writer().Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Writer().Header().Set("X-Content-Type-Options", "")
		orders.WriteOrder(w.Writer(), request("/orders/1", accept, "", ""), order)
		got := answer{w.Status(), w.Header(), w.Body()}
		expect.That(t, slices.Equal(got.header["Content-Type"], []string{label}) &&
			slices.Equal(got.header["X-Content-Type-Options"], []string{"nosniff"}), expect.Message{
			Did: "called WriteOrder with Accept: " + accept + " behind a handler that had set Content-Type: text/html and " +
				"an empty X-Content-Type-Options",
			Want: "Content-Type: " + label + " and X-Content-Type-Options: nosniff, once each",
			Got: fmt.Sprintf("Content-Type: %q, X-Content-Type-Options: %q", got.header["Content-Type"],
				got.header["X-Content-Type-Options"]),
			Why: "whoever writes the bytes knows what they are; a label that was there before is one of other bytes",
		})
	}
}

func TestAcceptSaysWhatToSend(t *testing.T) {
	for _, one := range []struct{ accept, want, why string }{
		{"", jsonType, "without an Accept header the client takes what there is"},
		{"*/*", jsonType, "it takes anything, and then it gets JSON"},
		{"application/json", jsonType, ""},
		{"text/csv", csvType, ""},
		{"Text/CSV", csvType, "case does not matter in a type"},
		{"text/csv;q=0.5, application/json;q=0.4", csvType, "q says how much it likes a type, from 0 to 1"},
		{"text/csv;q=0.4,application/json;q=0.5", jsonType, "q says how much it likes a type, from 0 to 1"},
		{"text/csv; q=0.9, application/json", jsonType, "without a q it is 1"},
		{"text/csv;q=0.999, application/json;q=0.998", csvType, "q has up to three digits"},
		{"text/csv;q=0.001", csvType, "a thousandth is more than nothing"},
		{"application/xml, text/csv;q=0.1", csvType, "a little is better than nothing"},
		{"application/json;q=0, text/csv", csvType, "q=0 means: never send me this"},
		{"text/csv;q=0.4 , application/json;q=0.5", jsonType, "there may be spaces on both sides of a comma"},
		{"application/json;q=0.4 , text/csv;q=0.5 ", csvType, "there may be spaces on both sides of a comma"},
		{"text/csv ; q=0.4, application/json ; q=0.5", jsonType, "there may be spaces on both sides of a semicolon"},
		{"TEXT/*", csvType, "case does not matter in a family, either"},
		{"APPLICATION/*, text/csv;q=0.1", jsonType, "case does not matter in a family, either"},
		{"text/csv-schema", "", "a type whose name begins alike is another one"},
		{"application/json-seq", "", "a type whose name begins alike is another one"},
		{"application/vnd.shop+json", "", "it is JSON with a name and a form of its own: this client has not asked for the shop's"},
		{"text/json", "", "another family has other types"},
		{"text/*", csvType, "a range of types has a star"},
		{"application/*", jsonType, "a range of types has a star"},
		{"application/xml", "", "it can read neither; it should hear that, and not find out with its parser"},
		{"application/json;q=0", "", "q=0 means: never send me this, and nothing else was asked for"},
		{"*/*;q=0", "", "q=0 means: never send me this"},
		{"image/*, text/html", "", "it can read neither"},
	} {
		wantSent(t, one.accept, "", one.want, one.why)
	}
	wantAllLines(t)
	refusal := write("application/xml", "", order)
	expect.That(t, !strings.Contains(refusal.body, order.SKU), expect.Message{
		Did:  fmt.Sprintf("called WriteOrder with Accept: application/xml and the order %+v", order),
		Want: "a 406 whose body is not the order",
		Got:  refusal.String(),
		Why: "clients that do not look at the status read on; what they cannot read is then " +
			"stored as if they had asked for it",
	})
}

// wantAllLines spreads the list over several lines, as RFC 9110 has it for every list.
func wantAllLines(t *testing.T) {
	t.Helper()
	r := request("/orders/1", "application/json;q=0.1", "", "")
	r.Header.Add("Accept", "text/csv")
	w := httpwire.New()
	orders.WriteOrder(w.Writer(), r, order)
	got := answer{w.Status(), w.Header(), w.Body()}
	expect.That(t, got.is(csvType), expect.Message{
		Did:  "called WriteOrder with two lines, Accept: application/json;q=0.1 and Accept: text/csv",
		Want: kindOr406(csvType),
		Got:  got.String(),
		Why: "proxies and libraries may write a list as several lines; it is one list all the " +
			"same, and the first line is not all of it",
	})
}

func TestTheRequestsTypeIsNotTheAnswers(t *testing.T) {
	why := "Content-Type is about the bytes that the client sent, Accept about those that it " +
		"would like back; many send a form and want JSON"
	for _, label := range []string{formType, csvType, "application/xml", jsonType} {
		wantSent(t, jsonType, label, jsonType, why)
		wantSent(t, csvType, label, csvType, why)
		wantSent(t, "", label, jsonType, why)
		wantSent(t, "application/xml", label, "", why)
	}
}

// TestTheMostSpecificRangeDecides asks with Accept headers of all sorts.
func TestTheMostSpecificRangeDecides(t *testing.T) {
	wantSent(t, "text/*;q=0.9, text/csv;q=0.1, application/json;q=0.5", "", jsonType,
		"text/csv says more about CSV than text/* does")
	wantSent(t, "*/*, application/json;q=0.2", "", csvType,
		"application/json says more about JSON than */* does")
	wantSent(t, "application/json;q=0.000, */*;q=0.1", "", csvType,
		"q=0 means: never send me this, whatever else may be sent")

	type wish struct{ name, q string }
	names := []string{"*/*", "text/*", "application/*", "text/csv", "application/json", "text/html",
		"application/xml"}
	qs := map[string]float64{
		"": 1, ";q=1": 1, "; q=1.0": 1, ";q=0": 0, ";q=0.0": 0, ";q=0.1": 0.1, "; q=0.25": 0.25,
		";q=0.5": 0.5, ";q=0.9": 0.9,
	}
	var keys []string
	for k := range qs {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	draw := func(rt *rapid.T) []wish {
		var wishes []wish
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(names), 1, 5,
			rapid.ID).Draw(rt, "names") {
			wishes = append(wishes, wish{name, rapid.SampledFrom(keys).Draw(rt, "q")})
		}
		return wishes
	}
	bubble.Property(t, draw, func(wishes []wish) *expect.Message {
		var texts []string
		find := func(ranges ...string) float64 { // the most specific first
			for _, r := range ranges {
				for _, w := range wishes {
					if w.name == r {
						return qs[w.q]
					}
				}
			}
			return 0
		}
		for _, w := range wishes {
			texts = append(texts, w.name+w.q)
		}
		ofJSON, ofCSV := find("application/json", "application/*", "*/*"),
			find("text/csv", "text/*", "*/*")
		accept := strings.Join(texts, ", ")
		got := write(accept, "", order)
		var want string
		var ok bool
		switch {
		case ofJSON == 0 && ofCSV == 0:
			want, ok = "406", got.status == 406
		case ofJSON > ofCSV:
			want, ok = "JSON", got.is(jsonType)
		case ofCSV > ofJSON:
			want, ok = "CSV", got.is(csvType)
		default:
			want, ok = "either type", got.is(jsonType) || got.is(csvType)
		}
		if ok {
			return nil
		}
		return &expect.Message{
			Did: "called WriteOrder with Accept: " + accept,
			Want: fmt.Sprintf(
				"%s: the q of JSON is %v, that of CSV is %v, each from the most specific range "+
					"that matches it", want, ofJSON, ofCSV),
			Got: got.String(),
			Why: "with a general wish and an exception to it, the client says what it means in " +
				"two words; the exception must count",
		}
	})
}

func TestCachesAreTold(t *testing.T) {
	for _, accept := range []string{"", jsonType, csvType, "application/xml"} {
		got := write(accept, "", order)
		did := fmt.Sprintf("called WriteOrder with Accept: %q", accept)
		expect.That(t, slices.Contains(vary(got.header), "accept"), expect.Message{
			Did:  did,
			Want: "a Vary header that names Accept",
			Got:  fmt.Sprintf("%d with Vary: %q", got.status, got.header["Vary"]),
			Why: "a cache keeps one answer for each URL, unless it is told what else the " +
				"answer depends on: the next one who wants JSON gets the CSV of the one before",
		})
		wantKind := map[string]string{"": jsonType, jsonType: jsonType, csvType: csvType}[accept]
		expect.That(t, got.is(wantKind), expect.Message{Did: did, Want: kindOr406(wantKind),
			Got: got.String()})
	}
	for _, accept := range []string{jsonType, csvType, "application/xml"} {
		w := httpwire.New()
		w.Writer().Header()["Vary"] = []string{"Accept-Encoding, Origin", "Cookie"}
		orders.WriteOrder(w.Writer(), request("/orders/1", accept, "", ""), order)
		got := vary(w.Header())
		for _, name := range []string{"accept-encoding", "origin", "cookie", "accept"} {
			expect.That(t, slices.Contains(got, name), expect.Message{
				Did: "called WriteOrder with Accept: " + accept + " behind handlers that had put " +
					"Accept-Encoding, Origin and Cookie into Vary, in two lines",
				Want: "all three in Vary, and Accept",
				Got:  fmt.Sprintf("Vary: %q", w.Header()["Vary"]),
				Why: "others have their own reasons for which the answer varies; without theirs, a " +
					"cache sends compressed bytes to a client that cannot read them",
			})
		}
	}
}

func request(target, accept, label, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, target, strings.NewReader(body))
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	if label != "" {
		r.Header.Set("Content-Type", label)
	}
	return r
}

func decode(target, label, body string) (orders.Order, error) {
	return orders.DecodeOrder(request(target, "", label, body))
}

func outcome(o orders.Order, err error) string {
	if err != nil {
		return "the error " + known.Quote(err)
	}
	return fmt.Sprintf("the order %+v and no error", o)
}

// known are the errors that a caller answers in different ways.
var known = sentinel.Errors{"ErrUnsupported": orders.ErrUnsupported,
	"ErrMalformed": orders.ErrMalformed}

func labelled(label string) string {
	if label == "" {
		return "without a Content-Type"
	}
	return "with Content-Type: " + label
}

func wantOrder(t *testing.T, label, body string, want orders.Order, why string) {
	t.Helper()
	got, err := decode("/orders", label, body)
	expect.That(t, err == nil && got == want, expect.Message{
		Did:  fmt.Sprintf("called DecodeOrder %s and the body %s", labelled(label), body),
		Want: fmt.Sprintf("the order %+v", want),
		Got:  outcome(got, err),
		Why:  why,
	})
}

func wantError(t *testing.T, label, body string, want error, what, why string) {
	t.Helper()
	got, err := decode("/orders", label, body)
	expect.That(t, known.Is(err, want), expect.Message{
		Did:  fmt.Sprintf("called DecodeOrder %s and the body %s", labelled(label), body),
		Want: what,
		Got:  outcome(got, err),
		Why:  why,
	})
}

// answer is what a client gets from WriteOrder.
type answer struct {
	status int
	header http.Header
	body   string
}

func write(accept, label string, o orders.Order) answer {
	w := httpwire.New()
	orders.WriteOrder(w.Writer(), request("/orders/1", accept, label, ""), o)
	return answer{w.Status(), w.Header(), w.Body()}
}

// is tells whether the answer is of this type. It looks at the body: whether the label is right is
// another check's affair. The empty type is a 406.
func (a answer) is(kind string) bool {
	if kind == "" {
		return a.status == 406
	}
	isObject := strings.HasPrefix(strings.TrimSpace(a.body), "{")
	return a.status == 200 && isObject == (kind == jsonType)
}

func (a answer) String() string {
	return fmt.Sprintf("%d with Content-Type: %s and the body %s", a.status,
		strings.Join(a.header["Content-Type"], ", "), strings.TrimSpace(a.body))
}

func kindOr406(kind string) string {
	switch kind {
	case jsonType:
		return "200 and JSON"
	case csvType:
		return "200 and CSV"
	}
	return "406: neither type is acceptable"
}

func wantSent(t *testing.T, accept, label, want, why string) {
	t.Helper()
	did := "called WriteOrder with Accept: " + accept
	if accept == "" {
		did = "called WriteOrder without an Accept header"
	}
	if label != "" {
		did += ", for a request that itself has Content-Type: " + label
	}
	got := write(accept, label, order)
	expect.That(t, got.is(want), expect.Message{Did: did, Want: kindOr406(want), Got: got.String(),
		Why: why})
}

// vary lists what the header Vary names, in lower case.
func vary(h http.Header) []string {
	var all []string
	for _, line := range h["Vary"] {
		for name := range strings.SplitSeq(line, ",") {
			all = append(all, strings.ToLower(strings.TrimSpace(name)))
		}
	}
	return all
}
