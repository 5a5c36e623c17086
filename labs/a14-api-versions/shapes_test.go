package versions_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/backend-labs/backend-labs/harness/kit/bubble"
	"github.com/backend-labs/backend-labs/harness/kit/expect"
	"pgregory.net/rapid"
)

// call is one request and its answer, in each version.
type call struct {
	method, path string
	sent         [3]string // by a client of 2024, 2025, 2026
	status       int
	media        string
	gets         [3]string
}

const (
	ada2024 = `{"id":7,"name":"Ada Lovelace","email":"ada@example.com"}`
	ada     = `{"id":7,"first_name":"Ada","last_name":"Lovelace","email":"ada@example.com"}`
	bob2024 = `{"id":8,"name":"Bob van der Berg","email":null}`
	bob     = `{"id":8,"first_name":"Bob","last_name":"van der Berg","email":null}`

	items     = `[{"sku":"r1","name":"Rye bread","price":0.29},{"sku":"c2","name":"Cake","price":12}]`
	itemsNow  = `[{"sku":"r1","name":"Rye bread","price_cents":29},{"sku":"c2","name":"Cake","price_cents":1200}]`
	order2024 = `{"id":4711,"customer":` + ada2024 + `,"total":12.29,"items":` + items + `}`
	order2025 = `{"id":4711,"customer":` + ada + `,"total":12.29,"items":` + items + `}`
	order     = `{"id":4711,"customer":` + ada + `,"total_cents":1229,"items":` + itemsNow + `}`
)

// placed is an order as it is placed: without an id.
func placed(order string) string { return strings.Replace(order, `"id":4711,`, "", 1) }

// taken is the answer to an order that is there already.
func taken(order string) string {
	return `{"type":"/taken","title":"Conflict","status":409,"current":` + order + `}`
}

var calls = []call{
	{method: "GET", path: "/customers", status: 200, gets: [3]string{
		"[" + ada2024 + "," + bob2024 + "]", "[" + ada + "," + bob + "]",
		`{"data":[` + ada + "," + bob + "]}"}},
	{method: "GET", path: "/customers", status: 200, gets: [3]string{"[]", "[]", `{"data":[]}`}},
	{method: "PATCH", path: "/customers/7", status: 200, sent: [3]string{`{"name":"Ada King"}`,
		`{"first_name":"Ada","last_name":"King"}`, `{"first_name":"Ada","last_name":"King"}`},
		gets: [3]string{ada2024, ada, ada}},
	{method: "POST", path: "/orders", status: 201,
		sent: [3]string{placed(order2024), placed(order2025), placed(order)},
		gets: [3]string{order2024, order2025, order}},
	{method: "GET", path: "/orders/4711", status: 200, gets: [3]string{order2024, order2025, order}},
}

// play sends a call in each version. why is for what the client gets, and also for what the core
// does, if there are two.
func (c call) play(t *testing.T, why ...string) {
	t.Helper()
	up := "the core knows the newest version only"
	if len(why) > 1 {
		up = why[1]
	}
	core, h := shop(reply{status: c.status, media: c.media, body: c.gets[2],
		header: []string{"Content-Length", strconv.Itoa(len(c.gets[2]))}})
	for i, version := range all {
		did := request(c.method, c.path, c.sent[i], version)
		got := send(h, c.method, c.path, c.sent[i], in(version)...)
		wantHeard(t, did, core, c.sent[2], up)
		wantAnswer(t, did+"; the core answers "+short(c.gets[2]), got, c.status, c.gets[i], why[0])
	}
}

func TestThreeVersionsOfFourRoutes(t *testing.T) {
	for _, c := range calls {
		c.play(t, "that is what the clients of this version were written for")
	}
}

func TestErrorsAreTranslatedToo(t *testing.T) {
	for _, status := range []int{200, 201, 202, 206, 400, 404, 409, 410, 422, 500, 503} {
		core, h := alphabet(nil)
		core.reply = reply{status: status, body: `{"c":1}`, header: []string{"Content-Length", "7"}}
		for _, version := range all {
			got := send(h, "GET", "/x", "", in(version)...)
			wantAnswer(t, fmt.Sprintf("GET /x in version %s; the core answers %d: {\"c\":1}", version,
				status), got, status, `{"`+letterOf[version]+`":1}`,
				"what a client cannot read when it is bad news, it cannot handle")
		}
	}
	call{method: "POST", path: "/orders", status: 409, media: "application/problem+json",
		sent: [3]string{placed(order2024), placed(order2025), placed(order)},
		gets: [3]string{taken(order2024), taken(order2025), taken(order)}}.play(t,
		"a client reads the order in an error with the same code as elsewhere")
	const broken = `{"type":"about:blank","title":"Service Unavailable","status":503}`
	for _, route := range [][2]string{{"GET", "/customers"}, {"GET", "/orders/4711"},
		{"PATCH", "/customers/7"}} {
		call{method: route[0], path: route[1], status: 503, media: "application/problem+json",
			gets: [3]string{broken, broken, broken}}.play(t,
			"an error has neither a list nor a customer, and is one in every version")
	}
}

func TestFieldsThatNobodyKnows(t *testing.T) {
	const (
		more = `,"big":9007199254740993,"ratio":1.0,"exp":1e2,"none":null,"tags":["<a>",{"deep":[1.50]}]`
		// It has the names of what changes, where nothing does.
		alike = `,"gift":{"name":"A card","first_name":"No","last_name":"One","total":1.5,"total_cents":150,` +
			`"price":2.5,"items":[{"price":3.5,"price_cents":350}],"customer":{"name":"x y"},"data":[1]}`
	)
	grow := func(order string) string {
		order = strings.Replace(order, `"items"`, `"note":"since today"`+more+alike+`,"items"`, 1)
		order = strings.Replace(order, `"email"`, `"loyalty":{"points":3.0}`+more+`,"email"`, 1)
		return strings.Replace(order, `"sku":"r1"`, `"sku":"r1","allergens":["rye"]`+more, 1)
	}
	// misplaced has the names of what changes one place away from where it does.
	misplaced := func(order string) string {
		order = strings.Replace(order, `"items"`, `"name":"Sun day","first_name":"Sun","last_name":"Day","price":7.5,`+
			`"price_cents":750,"customers":[`+ada2024+`],"items"`, 1)
		order = strings.Replace(order, `"email"`, `"total":1.5,"total_cents":150,"price":2.5,"price_cents":250,`+
			`"items":[{"price":3.5,"price_cents":350}],"email"`, 1)
		return strings.Replace(order, `"sku":"r1"`, `"sku":"r1","total":1.5,"total_cents":150,"first_name":"Rye",`+
			`"last_name":"Bread","customer":{"name":"A B"}`, 1)
	}
	for _, c := range []call{
		{method: "POST", path: "/orders", status: 201,
			sent: [3]string{placed(misplaced(order2024)), placed(misplaced(order2025)), placed(misplaced(order))},
			gets: [3]string{misplaced(order2024), misplaced(order2025), misplaced(order)}},
		{method: "GET", path: "/orders/4711", status: 200,
			gets: [3]string{misplaced(order2024), misplaced(order2025), misplaced(order)}},
		{method: "PATCH", path: "/customers/7", status: 200,
			sent: [3]string{misplaced(ada2024), misplaced(ada), misplaced(ada)},
			gets: [3]string{misplaced(ada2024), misplaced(ada), misplaced(ada)}},
	} {
		const why = "an item has a price, an order has a total, and a customer has a name: what else is called so is something else"
		c.play(t, why, why)
	}
	elsewhere(t)
	for _, c := range []call{
		{method: "POST", path: "/orders", status: 201,
			sent: [3]string{placed(grow(order2024)), placed(grow(order2025)), placed(grow(order))},
			gets: [3]string{grow(order2024), grow(order2025), grow(order)}},
		{method: "GET", path: "/orders/4711", status: 200,
			gets: [3]string{grow(order2024), grow(order2025), grow(order)}},
		{method: "GET", path: "/customers", status: 200, gets: [3]string{"[" + grow(ada2024) + "]",
			"[" + grow(ada) + "]", `{"data":[` + grow(ada) + "]}"}},
		{method: "PATCH", path: "/customers/7", status: 200,
			sent: [3]string{grow(ada2024), grow(ada), grow(ada)},
			gets: [3]string{grow(ada2024), grow(ada), grow(ada)}},
	} {
		const why = "what is added to an API breaks nobody, unless a gateway drops it or takes it for " +
			"something else"
		c.play(t, why, why)
		core, h := shop(reply{status: c.status, body: c.gets[2]})
		for i, version := range all {
			did := request(c.method, c.path, c.sent[i], version)
			got := send(h, c.method, c.path, c.sent[i], in(version)...)
			wantNumbers(t, did, c.gets[2], got.body)
			if asked, _ := core.take(); c.sent[i] != "" {
				wantNumbers(t, did, c.sent[i], asked.body)
			}
		}
	}
}

// elsewhere asks on routes that no version has changed.
func elsewhere(t *testing.T) {
	t.Helper()
	const why = "this route was the same in all versions: whoever translates it breaks those who read it as it is"
	both := `{"data":[` + ada + `],"customer":` + ada + `,"total":1.5,"items":` + items + `,"name":"A B"}`
	now := strings.Replace(order, `"email"`, `"name":"A B","email"`, 1)
	for _, route := range []string{"GET /customers/7", "PUT /customers/7", "DELETE /customers/7", "POST /customers",
		"PATCH /customers", "GET /customers/7/orders", "GET /orders", "PUT /orders/4711", "PATCH /orders/4711",
		"GET /orders/4711/items", "POST /orders/4711", "GET /products"} {
		method, path, _ := strings.Cut(route, " ")
		for _, body := range []string{ada, ada2024, order, order2024, now, both, `{"data":[` + ada + `]}`, "[" + order + "]"} {
			sent := body
			if method == "GET" || method == "DELETE" {
				sent = ""
			}
			call{method: method, path: path, status: 200, sent: [3]string{sent, sent, sent},
				gets: [3]string{body, body, body}}.play(t, why, why)
		}
	}
}

// wantNumbers demands that numbers which no change knows have kept their text.
func wantNumbers(t *testing.T, did, before, after string) {
	t.Helper()
	for _, text := range []string{"9007199254740993", "1.0", "1e2", "1.50", "3.0"} {
		was, is := strings.Count(before, ":"+text)+strings.Count(before, "["+text),
			strings.Count(after, ":"+text)+strings.Count(after, "["+text)
		expect.That(t, was == is, expect.Message{Did: did,
			Want: fmt.Sprintf("the number %s, %d times, as it was before", text, was),
			Got:  fmt.Sprintf("it is there %d times: %s", is, short(after)),
			Why: "beyond 2⁵³ a float64 is another number: an id that nobody touched belongs to " +
				"somebody else"})
	}
}

func TestWhatIsLeftOutStaysOut(t *testing.T) {
	const why = "a PATCH is about what it mentions: names that it does not mention are not to be emptied"
	for _, body := range []string{`{"email":"new@example.com"}`, `{}`, `{"phone":null}`} {
		call{method: "PATCH", path: "/customers/7", status: 200,
			sent: [3]string{body, body, body}, gets: [3]string{ada2024, ada, ada}}.play(t, why)
	}
	call{method: "PATCH", path: "/customers/7", status: 200,
		sent: [3]string{`{"name":"Ada King"}`, `{"last_name":"King","first_name":"Ada"}`,
			`{"first_name":"Ada","last_name":"King"}`}, gets: [3]string{ada2024, ada, ada}}.play(t, "")
	for _, sent := range [][3]string{
		{`{"items":[{"sku":"r1"}]}`, `{"items":[{"sku":"r1"}]}`, `{"items":[{"sku":"r1"}]}`},
		{`{"customer":{"id":7},"total":1}`, `{"customer":{"id":7},"total":1}`,
			`{"customer":{"id":7},"total_cents":100}`},
		{`{"items":[]}`, `{"items":[]}`, `{"items":[]}`},
	} {
		call{method: "POST", path: "/orders", status: 201, sent: sent,
			gets: [3]string{order2024, order2025, order}}.play(t, "")
	}
}

func TestNames(t *testing.T) {
	const why = "what a client has sent as a name it wants to see as that name"
	for _, tt := range []struct{ name, first, last string }{
		{"Ada Lovelace", "Ada", "Lovelace"}, {"Bob van der Berg", "Bob", "van der Berg"},
		{"Plato", "Plato", ""}, {"Zoë Müller", "Zoë", "Müller"}, {"李 小龍", "李", "小龍"},
		{"Anne-Marie d'Arc", "Anne-Marie", "d'Arc"}, {"", "", ""}, {" King", "", "King"}, {"Ada  King", "Ada", " King"},
		{"Ada King ", "Ada", "King "}, {"Ada\tB King", "Ada\tB", "King"}, {"Ada\u00a0B King", "Ada\u00a0B", "King"},
	} {
		old := fmt.Sprintf(`{"id":1,"name":%q}`, tt.name)
		now := fmt.Sprintf(`{"id":1,"first_name":%q,"last_name":%q}`, tt.first, tt.last)
		call{method: "PATCH", path: "/customers/1", status: 200, sent: [3]string{old, now, now},
			gets: [3]string{old, now, now}}.play(t, why, why)
	}
}

func TestCentsAndEuros(t *testing.T) {
	bag := func(total string, price func(i int) string, from, to int) string {
		var b strings.Builder
		fmt.Fprintf(&b, `{"id":1,%s,"items":[`, total)
		for i := from; i < to; i++ {
			if i > from {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"sku":"%d",%s}`, i, price(i))
		}
		return b.String() + "]}"
	}
	inEuros := func(i int) string {
		return `"price":` + strconv.FormatFloat(float64(i)/100, 'f', -1, 64)
	}
	inCents := func(i int) string { return fmt.Sprintf(`"price_cents":%d`, i) }
	const why = "amounts are counted, not measured: a cent that is missing is missed by somebody"
	core, h := shop(reply{status: 201})
	for from := 0; from < 10_000; from += 100 {
		old := bag(`"total":99.99`, inEuros, from, from+100)
		now := bag(`"total_cents":9999`, inCents, from, from+100)
		core.reply.body = now
		did := fmt.Sprintf("POST /orders in version %s with an item for each price from %.2f to %.2f", y2025,
			float64(from)/100, float64(from+99)/100)
		got := send(h, "POST", "/orders", old, in(y2025)...)
		wantHeard(t, did, core, now, why)
		wantAnswer(t, did+"; the core answers with the same in cents", got, 201, old, why)
	}
	for _, tt := range []struct {
		euros string
		cents int
		back  string
	}{
		{"0.29", 29, "0.29"}, {"0.30000000000000004", 30, "0.3"}, {"0.57", 57, "0.57"},
		{"1.15", 115, "1.15"}, {"16.080000000000002", 1608, "16.08"}, {"-0.29", -29, "-0.29"},
		{"-1.15", -115, "-1.15"}, {"-0.57", -57, "-0.57"}, {"-0.009", -1, "-0.01"},
		{"19.999999999999996", 2000, "20"}, {"12.0", 1200, "12"}, {"1e1", 1000, "10"},
		{"2.9e-1", 29, "0.29"}, {"1234567.89", 123456789, "1234567.89"}, {"0.004", 0, "0"},
		{"21474836.48", 2147483648, "21474836.48"},
	} {
		sent := `{"total":` + tt.euros + `,"items":[{"price":` + tt.euros + `}]}`
		now := fmt.Sprintf(`{"total_cents":%d,"items":[{"price_cents":%[1]d}]}`, tt.cents)
		gets := `{"total":` + tt.back + `,"items":[{"price":` + tt.back + `}]}`
		call{method: "POST", path: "/orders", status: 201, sent: [3]string{sent, sent, now},
			gets: [3]string{gets, gets, now}}.play(t, why, why)
		core, h := shop(reply{body: order})
		send(h, "POST", "/orders", sent, in(y2025)...)
		asked, _ := core.take()
		text := fmt.Sprintf(`"total_cents":%d`, tt.cents)
		expect.That(t, strings.Contains(asked.body, text), expect.Message{
			Did:  request("POST", "/orders", sent, y2025),
			Want: "the core gets a whole number, written as one: " + text, Got: short(asked.body),
			Why: "who decodes into an integer cannot read 30.0 or 3e1"})
	}
}

// TestWhatAClientPutsBack shows a client what the core has, in each version, and lets it send back
// just that.
func TestWhatAClientPutsBack(t *testing.T) {
	type plan struct{ customer, order, list string }
	word := rapid.StringMatching(`[A-Za-zäöüß'<&"-]{1,8}`)
	draw := func(rt *rapid.T) plan {
		customer := func() string {
			last := strings.Join(rapid.SliceOfN(word, 0, 3).Draw(rt, "last"), " ")
			return fmt.Sprintf(`{"id":%d,"first_name":%q,"last_name":%q,"x":{"name":%q}}`,
				rapid.Int64().Draw(rt, "id"), word.Draw(rt, "first"), last, word.Draw(rt, "other"))
		}
		item := func() string {
			return fmt.Sprintf(`{"sku":%q,"name":"a b","price_cents":%d}`, word.Draw(rt, "sku"),
				rapid.IntRange(-1_000_000, 1_000_000).Draw(rt, "price"))
		}
		several := func(one func() string) string {
			list := make([]string, rapid.IntRange(0, 3).Draw(rt, "n"))
			for i := range list {
				list[i] = one()
			}
			return "[" + strings.Join(list, ",") + "]"
		}
		return plan{customer(), fmt.Sprintf(`{"customer":%s,"total_cents":%d,"items":%s}`, customer(),
			rapid.IntRange(-1_000_000, 1_000_000).Draw(rt, "total"), several(item)), several(customer)}
	}
	bubble.Property(t, draw, func(p plan) *expect.Message {
		for _, version := range all {
			for _, back := range [][4]string{{"PATCH", "/customers/7", "/customers", p.customer},
				{"POST", "/orders", "/orders/7", p.order}} {
				method, path, from, object := back[0], back[1], back[2], back[3]
				says := object
				if from == "/customers" {
					says = `{"data":[` + object + `,` + strings.TrimPrefix(p.list, "[") + `}`
					says = strings.Replace(says, ",]", "]", 1)
				}
				core, h := shop(reply{body: says})
				got := send(h, "GET", from, "", in(version)...)
				sent := got.body
				if list, ok := value(got.body).([]any); ok && len(list) > 0 {
					sent = text(list[0])
				} else if o, ok := value(got.body).(map[string]any); ok && version == y2026 {
					if list, ok := o["data"].([]any); ok && len(list) > 0 {
						sent = text(list[0])
					}
				}
				core.take()
				core.reply.body = object
				send(h, method, path, sent, in(version)...)
				asked, n := core.take()
				if n != 1 || !same(asked.body, object) {
					return &expect.Message{
						Did: fmt.Sprintf("GET %s in version %s; the core answers %s. Then %s %s with what "+
							"that gave: %s", from, version, short(says), method, path, short(sent)),
						Want: "the core gets back what it had sent: " + short(object),
						Got:  fmt.Sprintf("it was asked %d times, with %s", n, short(asked.body)),
						Why: "who reads and writes back unchanged must not have changed anything, whatever " +
							"version he speaks"}
				}
			}
		}
		return nil
	})
}
