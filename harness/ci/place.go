package ci

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ErrNoRepository says that a folder belongs to no repository.
var ErrNoRepository = errors.New("no repository")

// ThereAlready says that a file is where another is to be written.
type ThereAlready struct{ Path string }

func (e *ThereAlready) Error() string { return e.Path + " is there already" }

// Place writes the file of a service to its place in the repository that a folder belongs to, and
// returns its path. A file that is there is kept, which is a [*ThereAlready], unless force says
// otherwise. Outside a repository the error is [ErrNoRepository].
func Place(dir, service, text string, force bool) (string, error) {
	root, err := repository(dir)
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, filepath.FromSlash(Target(service)))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	flag := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flag = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(path, flag, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return "", &ThereAlready{path}
	}
	if err != nil {
		return "", err
	}
	_, err = f.WriteString(text)
	return path, errors.Join(err, f.Close())
}

// repository finds the top of the repository that a folder belongs to.
func repository(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, ".git")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is in %w", dir, ErrNoRepository)
		}
	}
}
