package course

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/agnivade/levenshtein"
)

// ErrUnknownLab says that a name stands for no lab, or for several.
var ErrUnknownLab = errors.New("unknown lab")

// Named returns the lab that name stands for: its id, its slug (the folder's name), the slug
// without the id, a path to its folder, or a prefix of one of these that no other lab shares, in
// any case. The error wraps [ErrUnknownLab] and names the nearest labs.
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
	return nil, fmt.Errorf("%w: %q; nearest: %s", ErrUnknownLab, name, slugs(c.nearest(want), 3))
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

// nearest orders the labs by the distance of their names from want. A part of a name is near it.
func (c *Course) nearest(want string) []*Lab {
	labs := append([]*Lab(nil), c.Labs...)
	distance := map[*Lab]int{}
	for _, l := range labs {
		distance[l] = 1 << 30
		for _, n := range l.names() {
			d := levenshtein.ComputeDistance(want, n)
			if len(want) > 2 && strings.Contains(n, want) {
				d = min(d, 1)
			}
			distance[l] = min(distance[l], d)
		}
	}
	sort.SliceStable(labs, func(i, j int) bool { return distance[labs[i]] < distance[labs[j]] })
	return labs[:min(3, len(labs))]
}
