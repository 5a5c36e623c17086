package policy

import (
	"go/ast"
	"go/types"
	"strings"
)

const whyPorts = "whether a port is taken is known to all instances and processes of this machine, like a variable " +
	"that they share: use what New… is given"

const whyCounted = "it counts what all instances in this process have, like a variable that they share"

// common are functions, types and methods by which instances in one process or on one machine would find what another
// has left, though no variable of the package has it, as beginnings of their names.
var common = []struct{ name, why string }{
	{"net.Dial", whyPorts}, {"net.Listen", whyPorts},
	{"crypto/tls.Dial", whyPorts}, {"crypto/tls.Listen", whyPorts},
	{"net/http.ListenAndServe", whyPorts}, {"net/http.Server.ListenAndServe", whyPorts},
	{"runtime.NumGoroutine", whyCounted},
}

// shared looks for names of the common ones, in labs whose instances share nothing. A net.Listener that is handed in
// is no breach, nor is its name.
func (u *unit) shared() {
	u.uses(func(id *ast.Ident, obj types.Object) {
		if !u.foreign(obj) {
			return
		}
		name := fullName(obj)
		if name == "net.Listener" || strings.HasPrefix(name, "net.Listener.") {
			return
		}
		for _, c := range common {
			if strings.HasPrefix(name, c.name) {
				u.addUnless(id, RuleState, types.ExprString(u.whole(id)), c.why)
				return
			}
		}
	})
}
