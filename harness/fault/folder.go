package fault

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// TempFolder is an error if the folder for temporary files is not there, cannot be written, or
// forbids execution.
func TempFolder() error {
	dir := os.TempDir()
	err := Runs(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return &Fault{
			Text: "the folder for temporary files, " + dir + ", is not there", Err: err,
			Remedy: "make it, or set TMPDIR to a folder that is there",
		}
	}
	if f, ok := errors.AsType[*Fault](err); ok && errors.Is(err, ErrNoExec) {
		f.Remedy = "set TMPDIR to a folder on another disk, such as one in your home"
	}
	return err
}

// ErrNoExec is what a [Fault] wraps that says that a folder forbids execution.
var ErrNoExec = errors.New("execution is forbidden")

// Runs is an error if nothing can be written to a folder and executed there. It leaves nothing
// behind.
func Runs(dir string) error {
	f, err := os.CreateTemp(dir, "labs-runs-*")
	if err != nil {
		return Of("write to "+dir, err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString("#!/nonexistent/labs\n")
	if err = errors.Join(err, f.Close(), os.Chmod(f.Name(), 0o700)); err != nil {
		return Of("write to "+dir, err)
	}
	if runtime.GOOS == "windows" {
		return nil
	}
	// Where execution is allowed, the kernel does not find the interpreter.
	if err := exec.Command(f.Name()).Run(); errors.Is(err, fs.ErrPermission) {
		return NoExec(dir)
	}
	return nil
}

// NoExec says that programs in a folder may not be executed.
func NoExec(dir string) *Fault {
	return &Fault{
		Text:   dir + " forbids the execution of programs (it is mounted with noexec)",
		Remedy: "work in a copy of the course on another disk", Err: ErrNoExec,
	}
}

// Start says why a program could not be started: it lies on a disk that forbids it.
func Start(path string, err error) error {
	info, stat := os.Stat(path)
	if errors.Is(err, fs.ErrPermission) && stat == nil && info.Mode()&0o100 != 0 {
		f := NoExec(filepath.Dir(path))
		// made by labs itself
		if rel, err := filepath.Rel(os.TempDir(), path); err == nil &&
			strings.HasPrefix(rel, "labs-") {
			f.Remedy = "set TMPDIR to a folder on another disk, such as one in your home"
		}
		return f
	}
	return Of("start "+path, err)
}

// Writable is an error if nothing can be written to a folder, which is made if it is not there.
func Writable(dir string) error {
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		var f *os.File
		if f, err = os.CreateTemp(dir, "labs-writable-*"); err == nil {
			err = errors.Join(f.Close(), os.Remove(f.Name()))
		}
	}
	return Of("write to "+dir, err)
}
