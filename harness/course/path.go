package course

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"
)

// PathsFile is where a course has its paths, below labs; it may have none.
const PathsFile = "paths.yaml"

// Path is a way through the course.
type Path struct {
	Name  string   `yaml:"name"`
	Title string   `yaml:"title"`
	Labs  []string `yaml:"labs"` // ids, in the order in which to do them
}

// Paths reads the course's ways. Labs that the course does not have are left out of them: a workspace may have a part.
func (c *Course) Paths() ([]Path, error) {
	file := filepath.Join(c.Root, "labs", PathsFile)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the paths: %w", err)
	}
	d := yaml.NewDecoder(strings.NewReader(string(data)))
	d.KnownFields(true)
	var all []Path
	if err := d.Decode(&all); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return all, nil
}

// NoPath says that a course has no path of a name.
type NoPath struct {
	Name  string
	Known []string
}

func (e *NoPath) Error() string { return fmt.Sprintf("there is no path %q", e.Name) }

// Hint names those that there are.
func (e *NoPath) Hint() string {
	if len(e.Known) == 0 {
		return "this course has no paths"
	}
	return "one of " + strings.Join(e.Known, ", ")
}

// Along are the labs of the path with that name, in its order. The error may be a [*NoPath].
func (c *Course) Along(name string) ([]*Lab, error) {
	paths, err := c.Paths()
	if err != nil {
		return nil, err
	}
	none := &NoPath{Name: name}
	for _, p := range paths {
		none.Known = append(none.Known, p.Name)
		if p.Name != name {
			continue
		}
		var labs []*Lab
		for _, id := range p.Labs {
			for _, l := range c.Labs {
				if l.ID == id {
					labs = append(labs, l)
				}
			}
		}
		return labs, nil
	}
	return nil, none
}
