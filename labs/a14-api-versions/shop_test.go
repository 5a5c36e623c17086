package versions_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
)

type object = map[string]any

// core is the shop as it is today: it has never heard of a version.
type core struct {
	customers, orders []object
}

func newCore() *core {
	customer := func(id json.Number, first, last string) object {
		return object{"id": id, "first_name": first, "last_name": last,
			"email": fmt.Sprintf("c%s@example.com", id), "newsletter": false}
	}
	return &core{customers: []object{customer("1", "Ada", "Lovelace"), customer("2", "Plato", ""),
		customer("9007199254740993", "Bob", "van der Berg")}}
}

func (c *core) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /customers", func(w http.ResponseWriter, r *http.Request) {
		respond(w, 200, object{"data": c.customers})
	})
	mux.HandleFunc("PATCH /customers/{id}", c.patch)
	mux.HandleFunc("POST /orders", c.place)
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		if i := find(c.orders, r.PathValue("id")); i >= 0 {
			respond(w, 200, c.orders[i])
		} else {
			fail(w, 404, nil)
		}
	})
	mux.ServeHTTP(w, r)
}

func (c *core) patch(w http.ResponseWriter, r *http.Request) {
	i := find(c.customers, r.PathValue("id"))
	body, ok := read(r)
	switch {
	case i < 0:
		fail(w, 404, nil)
	case !ok:
		fail(w, 400, nil)
	default:
		for name, v := range body {
			c.customers[i][name] = v
		}
		respond(w, 200, c.customers[i])
	}
}

func (c *core) place(w http.ResponseWriter, r *http.Request) {
	body, ok := read(r)
	customer, _ := body["customer"].(object)
	i := find(c.customers, fmt.Sprint(customer["id"]))
	items, _ := body["items"].([]any)
	if !ok || i < 0 || len(items) == 0 {
		fail(w, 422, nil)
		return
	}
	for _, o := range c.orders {
		if body["ref"] != nil && o["ref"] == body["ref"] {
			fail(w, 409, o)
			return
		}
	}
	total := int64(0)
	for _, item := range items {
		n, _ := item.(object)["price_cents"].(json.Number)
		cents, err := n.Int64()
		if err != nil {
			fail(w, 422, nil)
			return
		}
		total += cents
	}
	body["id"] = json.Number(fmt.Sprint(4711 + len(c.orders)))
	body["customer"] = c.customers[i]
	body["total_cents"], body["currency"] = total, "EUR"
	c.orders = append(c.orders, body)
	w.Header().Set("Location", fmt.Sprint("/orders/", body["id"]))
	respond(w, 201, body)
}

func find(list []object, id string) int {
	return slices.IndexFunc(list, func(o object) bool { return fmt.Sprint(o["id"]) == id })
}

func read(r *http.Request) (body object, ok bool) {
	data, _ := io.ReadAll(r.Body)
	body, ok = value(string(data)).(object)
	return body, ok
}

func respond(w http.ResponseWriter, status int, body any) {
	reply{status: status, body: text(body)}.send(w)
}

func fail(w http.ResponseWriter, status int, current object) {
	problem := object{"type": "about:blank", "title": http.StatusText(status), "status": status}
	if current != nil {
		problem["current"] = current
	}
	reply{status: status, media: "application/problem+json", body: text(problem)}.send(w)
}
