package doctor

import (
	"context"
	"errors"
	"fmt"

	"github.com/backend-labs/backend-labs/harness/docker"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/sandbox"
)

// needs says what a sandbox needs.
var needs = map[string]string{
	"ns": "it needs Linux with user namespaces, or root; labs grade may have a container " +
		"instead, labs check needs neither",
	"container": "it needs a Docker engine that sees the files of this machine; labs check does not",
	"landlock": "it is for containers in which neither of the others is to be had; it needs Linux " +
		"6.7 as root, 6.12 as another user",
}

// examine probes one sandbox: a line that sums up, and one for each probe. A container needs no
// mention where there is no engine.
func examine(ctx context.Context, name, secret string) []Line {
	part := "sandbox " + name
	box, err := sandbox.ForGrading(ctx, name, secret)
	if why, ok := errors.AsType[*docker.Error](err); errors.Is(err, sandbox.ErrNoEngine) &&
		(!ok || !why.There()) {
		return nil
	}
	var found []sandbox.Finding
	if err == nil {
		found, err = sandbox.Probe(ctx, box, secret, true)
	}
	if err != nil {
		return []Line{{Part: part, Detail: cause(err), Hint: hint(err, name), lacks: "sandbox"}}
	}
	lines := sumUp(name, found)
	for _, less := range sandbox.Caveats(box) {
		lines = append(lines, Line{Part: "sandbox " + name, OK: true, Detail: less})
	}
	return lines
}

// cause is an error without what everybody sees by the part's name.
func cause(err error) string {
	if unsafe, ok := errors.AsType[*sandbox.Unsafe](err); ok && unsafe.Err != nil {
		return unsafe.Err.Error()
	}
	return err.Error()
}

func hint(err error, name string) string {
	if why, ok := errors.AsType[*docker.Error](err); ok {
		return why.Hint()
	}
	if f, ok := errors.AsType[*fault.Fault](err); ok {
		return f.Hint()
	}
	return needs[name]
}

func sumUp(name string, found []sandbox.Finding) []Line {
	part := "sandbox " + name
	broken := sandbox.Broken(found)
	all := []Line{{
		Part: part, OK: len(broken) == 0, found: name + " sandbox", lacks: "sandbox",
		Detail: fmt.Sprintf("holds: %d of %d probes from inside were stopped",
			len(found)-len(broken), len(found)),
	}}
	if len(broken) > 0 {
		all[0].Detail = fmt.Sprintf("does not hold: a process inside can %s", broken[0].Probe)
		all[0].Hint = "labs grade refuses to start with it here; labs check does not need it"
	}
	for _, f := range found {
		verb := "cannot "
		if !f.Holds {
			verb = "CAN "
		}
		all = append(all, Line{Part: part, OK: f.Holds, Minor: true, probe: f.Probe,
			Detail: verb + f.Probe + " (" + f.Detail + ")"})
	}
	return all
}
