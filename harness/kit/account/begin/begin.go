// Package begin lets the account of a check begin before any code of the learner's. The runner adds
// an import of it to the learner's package, and Go initialises what a package imports before the
// package itself. Nothing else imports it.
package begin

import "github.com/backend-labs/backend-labs/harness/kit/account"

func init() { account.Begin() }

// Pointers are the addresses of variables by their names. The name is for generated code, which
// stands in a package that may give any and string a meaning of its own.
type Pointers = map[string]any

// Variables tells the account of the exported variables of the learner's package, or of that of a
// variant.
func Variables(variant string, pointers Pointers) {
	account.Variables(variant, pointers)
}
