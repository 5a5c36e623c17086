package course

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/backend-labs/backend-labs/harness/near"
)

// ErrUnknownLab says that a name stands for no lab, or for several.
var ErrUnknownLab = errors.New("unknown lab")

// Named returns the lab that name stands for: its id, its slug (the folder's name), the slug
// without the id, a path to its folder, or a prefix of one of these that no other lab shares, in
// any case. The error wraps [ErrUnknownLab] and names the labs that may be meant.
func (c *Course) Named(name string) (*Lab, error) {
	want := strings.ToLower(strings.Trim(filepath.ToSlash(name), "/"))
	if strings.Contains(want, "/") || want == "." || want == ".." {
		if l := c.Containing(name); l != nil {
			return l, nil
		}
		want = want[strings.LastIndex(want, "/")+1:]
	}
	var prefixed []*Lab
	for _, l := range c.Labs {
		for _, n := range l.names() {
			if n == want {
				return l, nil
			}
		}
		for _, n := range l.names() {
			if want != "" && strings.HasPrefix(n, want) {
				prefixed = append(prefixed, l)
				break
			}
		}
	}
	switch {
	case len(prefixed) == 1:
		return prefixed[0], nil
	case len(prefixed) > 1:
		return nil, fmt.Errorf("%w: %q could be %s", ErrUnknownLab, name, slugs(prefixed, 5))
	}
	for _, err := range c.Broken {
		var e *Error
		if !errors.As(err, &e) || want == "" {
			continue
		}
		slug := filepath.Base(filepath.Dir(e.File))
		_, rest, _ := strings.Cut(slug, "-")
		if strings.HasPrefix(slug, want) || strings.HasPrefix(rest, want) {
			return nil, err
		}
	}
	if meant := c.nearest(want); len(meant) > 0 {
		return nil, fmt.Errorf("%w: %q; nearest: %s", ErrUnknownLab, name, slugs(meant, len(meant)))
	}
	return nil, fmt.Errorf("%w: %q", ErrUnknownLab, name)
}

// Select returns the labs that the names stand for, in their order and each once; without a name all of them. A comma
// parts names, too, as in "b10,b11". The error is that of [Course.Named].
func (c *Course) Select(names []string) (labs []*Lab, err error) {
	if len(names) == 0 {
		return c.Labs, nil
	}
	for _, name := range apart(names) {
		l, err := c.Named(name)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(labs, l) {
			labs = append(labs, l)
		}
	}
	return labs, nil
}

// apart parts names at commas. A name that is empty between two of them is left out.
func apart(names []string) (all []string) {
	for _, name := range names {
		if !strings.Contains(name, ",") {
			all = append(all, name)
			continue
		}
		for part := range strings.SplitSeq(name, ",") {
			if part = strings.TrimSpace(part); part != "" {
				all = append(all, part)
			}
		}
	}
	if len(all) == 0 {
		return names // commas alone name nothing, and not everything
	}
	return all
}

// Containing returns the lab whose folder, or solution's folder, is dir or contains it; nil if none
// does.
func (c *Course) Containing(dir string) *Lab {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil
	}
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	root := c.Root
	if real, err := filepath.EvalSymlinks(root); err == nil {
		root = real
	}
	rel, err := filepath.Rel(root, dir)
	if err != nil {
		return nil
	}
	parts := strings.Split(filepath.ToSlash(rel), "/")
	if len(parts) < 2 || (parts[0] != "labs" && parts[0] != "solutions") {
		return nil
	}
	for _, l := range c.Labs {
		if l.Slug == parts[1] {
			return l
		}
	}
	return nil
}

func (l *Lab) names() []string {
	id := strings.ToLower(l.ID)
	return []string{id, l.Slug, strings.TrimPrefix(l.Slug, id+"-")}
}

func slugs(labs []*Lab, most int) string {
	var names []string
	for i, l := range labs {
		if i == most {
			names = append(names, "…")
			break
		}
		names = append(names, l.Slug)
	}
	return strings.Join(names, ", ")
}

// nearest are the labs with a name, or a word in it, that somebody who typed want may have meant, at most three, the
// nearest first.
func (c *Course) nearest(want string) (labs []*Lab) {
	var names []string
	of := map[string][]*Lab{}
	for _, l := range c.Labs {
		for _, n := range slices.Concat(l.names(), strings.Split(l.Slug, "-")) {
			names = append(names, n)
			of[n] = append(of[n], l)
		}
	}
	for _, n := range near.Of(want, names) {
		for _, l := range of[n] {
			if !slices.Contains(labs, l) {
				labs = append(labs, l)
			}
		}
	}
	return labs[:min(3, len(labs))]
}
