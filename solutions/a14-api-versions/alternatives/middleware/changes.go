package versions

import (
	"encoding/json"
	"math/big"
	"strings"
)

// Changes are those of the shop's API since January 2024, as the README says.
func Changes() []Change {
	euros := both(all(toEuros("total"), "", "current"), all(toEuros("price"), "items", "current.items"))
	return []Change{
		{Version: "2026-03-01", Route: "GET /customers", Down: bare},
		{Version: "2026-03-01", Route: "GET /orders/{id}", Down: both(all(toEuros("total"), ""), all(toEuros("price"), "items"))},
		{Version: "2026-03-01", Route: "POST /orders", Up: both(all(toCents("total"), ""), all(toCents("price"), "items")),
			Down: euros},
		{Version: "2025-06-01", Route: "GET /customers", Down: all(join, "")},
		{Version: "2025-06-01", Route: "PATCH /customers/{id}", Up: all(split, ""), Down: all(join, "")},
		{Version: "2025-06-01", Route: "GET /orders/{id}", Down: all(join, "customer")},
		{Version: "2025-06-01", Route: "POST /orders", Up: all(split, "customer"),
			Down: all(join, "customer", "current.customer")},
	}
}

// all changes the objects at these paths.
func all(f func(map[string]any), paths ...string) func(any) (any, error) {
	return func(body any) (any, error) {
		for _, path := range paths {
			each(body, path, func(o map[string]any) error { f(o); return nil })
		}
		return body, nil
	}
}

// both changes a body by one function, and then by the other. None of all's ever fails.
func both(f, g func(any) (any, error)) func(any) (any, error) {
	return func(body any) (any, error) {
		body, _ = f(body)
		return g(body)
	}
}

func bare(body any) (any, error) {
	if o, _ := body.(map[string]any); o != nil && o["data"] != nil {
		return o["data"], nil
	}
	return body, nil
}

func split(customer map[string]any) {
	if name, ok := customer["name"].(string); ok {
		parts := append(strings.SplitN(name, " ", 2), "")
		customer["first_name"], customer["last_name"] = parts[0], parts[1]
		delete(customer, "name")
	}
}

func join(customer map[string]any) {
	first, ok := customer["first_name"].(string)
	last, ok2 := customer["last_name"].(string)
	if !ok || !ok2 {
		return
	}
	if last != "" {
		last = " " + last
	}
	customer["name"] = first + last
	delete(customer, "first_name")
	delete(customer, "last_name")
}

// toCents and toEuros count in decimals, as the text of the number has them.
func toCents(member string) func(map[string]any) {
	return func(object map[string]any) {
		if amount, ok := scaled(object[member], 100, 1); ok {
			object[member+"_cents"] = json.Number(amount.FloatString(0))
			delete(object, member)
		}
	}
}

func toEuros(member string) func(map[string]any) {
	return func(object map[string]any) {
		if amount, ok := scaled(object[member+"_cents"], 1, 100); ok {
			object[member] = json.Number(amount.FloatString(2))
			delete(object, member+"_cents")
		}
	}
}

func scaled(v any, times, by int64) (*big.Rat, bool) {
	n, ok := v.(json.Number)
	if !ok || len(n) > 40 {
		return nil, false
	}
	amount, ok := new(big.Rat).SetString(string(n))
	if !ok {
		return nil, false
	}
	return amount.Mul(amount, big.NewRat(times, by)), true
}

// What follows is given.

// each calls f for each object to which path leads: "" to the body itself, "a" to its member a,
// "a.b" to the member b of that. Lists on the way are walked; what is not there is passed over.
func each(body any, path string, f func(object map[string]any) error) error {
	switch v := body.(type) {
	case []any:
		for _, element := range v {
			if err := each(element, path, f); err != nil {
				return err
			}
		}
	case map[string]any:
		if path == "" {
			return f(v)
		}
		name, rest, _ := strings.Cut(path, ".")
		return each(v[name], rest, f)
	}
	return nil
}
