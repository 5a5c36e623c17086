package intake

import (
	"bytes"
	"io"
	"maps"
	"slices"

	"github.com/backend-labs/backend-labs/harness/course"
)

// Given reads what somebody has sent as files by their names, for one lab: by the rules of an archive whose files lie at
// the top. The error is a [*Rejection].
func Given(l *course.Lab, files map[string][]byte) (Submission, error) {
	p := &picker{labs: []*course.Lab{l}, single: l, got: map[string]map[string][]byte{}, seen: map[string]string{}}
	for n, name := range slices.Sorted(maps.Keys(files)) {
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files[name])), nil }
		if err := p.entry(n, name, "", open); err != nil {
			return Submission{}, err
		}
	}
	all, err := p.result()
	if err != nil {
		return Submission{}, err
	}
	return all[0], nil
}
