package outfile

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Kept says that results could not be written where they were wanted, and where they are instead.
type Kept struct {
	Err  error
	Path string
}

func (e *Kept) Error() string { return e.Err.Error() }
func (e *Kept) Unwrap() error { return e.Err }

// Hint says where the results are.
func (e *Kept) Hint() string {
	return fmt.Sprintf("the results are not lost: they are in %s", e.Path)
}

// Keep puts data into a new file in the first of the folders in which that works, which is made if
// need be, and else in the system's folder for temporary files. name is a pattern as that of
// [os.CreateTemp]. cause is why it was necessary; the error is a [*Kept], or says that nothing
// worked.
func Keep(cause error, name string, data []byte, dirs ...string) error {
	errs := []error{cause}
	for _, dir := range append(dirs, os.TempDir()) {
		path, err := keepIn(dir, name, data)
		if err == nil {
			return &Kept{cause, path}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func keepIn(dir, name string, data []byte) (string, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	f, err := os.CreateTemp(dir, name)
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err != nil {
		os.Remove(f.Name())
		return "", err
	}
	return filepath.Abs(f.Name())
}
