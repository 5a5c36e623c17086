package course

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/backend-labs/backend-labs/harness/near"
)

// compare holds a node against the type that it is to be decoded into. No key may be unknown,
// missing or doubled, and every value must be of the right kind.
func (f *source) compare(n *yaml.Node, t reflect.Type, key string) {
	switch t.Kind() {
	case reflect.Struct:
		f.compareKeys(n, t, key)
		return
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			f.unexpected(n, t, key)
			return
		}
		for i, v := range n.Content {
			f.compare(v, t.Elem(), fmt.Sprintf("%s[%d]", key, i))
		}
		return
	}
	tags := map[reflect.Kind]string{reflect.Int: "!!int", reflect.Bool: "!!bool"}
	if tag := tags[t.Kind()]; n.Kind != yaml.ScalarNode || tag != "" && n.ShortTag() != tag {
		f.unexpected(n, t, key)
	}
}

// unexpected notes a value of the wrong kind.
func (f *source) unexpected(n *yaml.Node, t reflect.Type, key string) {
	got := fmt.Sprintf("%q", n.Value)
	switch {
	case n.Kind == yaml.SequenceNode:
		got = "a list"
	case n.Kind == yaml.MappingNode:
		got = "keys with values"
	case n.Value == "":
		got = "nothing"
	}
	f.fault(n.Line, key, "%s is expected here, not %s", kindOf(t), got)
}

// mayBeEmpty are the lists that may have nothing in them. They are written all the same: nobody has
// forgotten them.
var mayBeEmpty = map[string]bool{"topics": true, "after": true, "imports": true, "forbid": true,
	"needs": true}

// kindOf says what a value of a type is in a lab.yaml.
func kindOf(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Struct:
		return "a mapping of keys to values"
	case reflect.Slice:
		return "a list"
	case reflect.Int:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	}
	return "text"
}

func (f *source) compareKeys(n *yaml.Node, t reflect.Type, outer string) {
	if n.Kind != yaml.MappingNode {
		f.unexpected(n, t, outer)
		return
	}
	missing, order := map[string]reflect.Type{}, []string{}
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		key := tag.Get("yaml")
		if key == "-" {
			continue
		}
		missing[key] = t.Field(i).Type
		if tag.Get("key") != "optional" {
			order = append(order, key)
		}
	}
	known := map[string]bool{}
	var unknown, kept []*yaml.Node
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		typ, left := missing[key.Value]
		switch {
		case left:
			known[key.Value] = true
			delete(missing, key.Value)
			f.compare(value, typ, join(outer, key.Value))
		case known[key.Value]:
			f.fault(key.Line, join(outer, key.Value), "this key stands here twice")
			continue
		default:
			unknown = append(unknown, key)
		}
		kept = append(kept, key, value)
	}
	n.Content = kept // a doubled key would end the decoding, and with it what is said of the others
	f.compareMissing(n, outer, order, missing, unknown)
}

// compareMissing notes the keys that are unknown, and those that are not there.
func (f *source) compareMissing(
	n *yaml.Node, outer string, order []string, missing map[string]reflect.Type,
	unknown []*yaml.Node,
) {
	for _, key := range unknown {
		f.unknownKey(key, outer, missing)
	}
	for _, key := range order {
		if typ, ok := missing[key]; ok {
			what := kindOf(typ)
			if mayBeEmpty[key] {
				what += ", or [] for none"
			}
			f.fault(n.Line, join(outer, key), "this key is missing here; its value is %s", what)
		}
	}
}

// unknownKey notes a key that does not exist. If a missing one is spelt nearly so, that one is
// meant, and no longer missing.
func (f *source) unknownKey(key *yaml.Node, outer string, missing map[string]reflect.Type) {
	likely := near.Of(key.Value, slices.Sorted(maps.Keys(missing)))
	if len(likely) == 0 {
		f.fault(key.Line, join(outer, key.Value), "this key is unknown")
		return
	}
	meant := likely[0]
	delete(missing, meant)
	f.fault(key.Line, join(outer, key.Value), "this key is unknown: is %s meant?", meant)
	f.meant = append(f.meant, join(outer, meant))
}
