package versions

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// Changes are those of the shop's API since January 2024, as the README says.
func Changes() []Change {
	return []Change{
		names("GET /customers", ""),
		names("PATCH /customers/{id}", ""),
		names("POST /orders", "customer", "current.customer"),
		names("GET /orders/{id}", "customer"),
		cents("POST /orders", "", "current"),
		cents("GET /orders/{id}", ""),
		{Version: "2026-03-01", Route: "GET /customers", Down: unwrap},
	}
}

// names is the change from one name to two, for the customers at these places.
func names(route string, places ...string) Change {
	return Change{
		Version: "2025-06-01", Route: route,
		Up: at(places, func(customer map[string]any) error {
			name, there := customer["name"]
			if !there { // a PATCH says nothing of what it leaves out, and neither do we
				return nil
			}
			text, ok := name.(string)
			if !ok {
				return fmt.Errorf("name: %v is no text", name)
			}
			delete(customer, "name")
			customer["first_name"], customer["last_name"], _ = strings.Cut(text, " ")
			return nil
		}),
		Down: at(places, func(customer map[string]any) error {
			first, ok := customer["first_name"].(string)
			if !ok {
				return nil
			}
			last, _ := customer["last_name"].(string)
			delete(customer, "first_name")
			delete(customer, "last_name")
			customer["name"] = first
			if last != "" {
				customer["name"] = first + " " + last
			}
			return nil
		}),
	}
}

// cents is the change from euros to cents, for the orders at these places.
func cents(route string, places ...string) Change {
	both := func(convert func(object map[string]any, euros string) error) func(any) (any, error) {
		total := at(places, func(o map[string]any) error { return convert(o, "total") })
		price := at(below(places, "items"), func(o map[string]any) error { return convert(o, "price") })
		return func(body any) (any, error) {
			if _, err := total(body); err != nil {
				return nil, err
			}
			return price(body)
		}
	}
	return Change{Version: "2026-03-01", Route: route, Up: both(toCents), Down: both(toEuros)}
}

func toCents(object map[string]any, member string) error {
	n, ok := object[member].(json.Number)
	if !ok {
		return nil
	}
	euros, err := n.Float64()
	if err != nil {
		return fmt.Errorf("%s: %w", member, err)
	}
	delete(object, member)
	object[member+"_cents"] = int64(math.Round(euros * 100)) // 0.29 * 100 is 28.999…
	return nil
}

func toEuros(object map[string]any, member string) error {
	n, ok := object[member+"_cents"].(json.Number)
	if !ok {
		return nil
	}
	cents, err := n.Int64()
	if err != nil {
		return fmt.Errorf("%s_cents: %w", member, err)
	}
	delete(object, member+"_cents")
	object[member] = float64(cents) / 100 // the float64 that is nearest: it is written as 0.29
	return nil
}

// unwrap makes a bare list of one that has room for more beside it. Errors have no data.
func unwrap(body any) (any, error) {
	if o, ok := body.(map[string]any); ok {
		if list, ok := o["data"].([]any); ok {
			return list, nil
		}
	}
	return body, nil
}

// at makes a change of a body from one of the objects at these places.
func at(places []string, f func(map[string]any) error) func(any) (any, error) {
	return func(body any) (any, error) {
		for _, place := range places {
			if err := each(body, place, f); err != nil {
				return nil, err
			}
		}
		return body, nil
	}
}

// below are the paths of a member at these places.
func below(places []string, member string) (paths []string) {
	for _, place := range places {
		paths = append(paths, strings.TrimPrefix(place+"."+member, "."))
	}
	return paths
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
