package doctor

import (
	"context"
	"os"
	"os/exec"
	"time"

	"github.com/shirou/gopsutil/v4/disk"

	"github.com/backend-labs/backend-labs/harness/compile"
	"github.com/backend-labs/backend-labs/harness/fault"
)

// toolchain looks whether labs can be built: it builds something small of the course, and does not
// believe a version.
func (e *Exam) toolchain(ctx context.Context) []Line {
	t, err := compile.FindToolchain(e.Course.Root)
	if err != nil {
		return []Line{broken("go", err), e.place("temporary folder", fault.TempFolder(),
			os.TempDir())}
	}
	path, _ := exec.LookPath("go")
	temp := e.place("temporary folder", fault.TempFolder(), os.TempDir())
	start := time.Now()
	var built error
	if temp.OK { // it builds there
		built = e.Builder.Try(ctx)
	} else {
		built = fault.New(temp.Hint, "%s at %s cannot build: %s", t.GOVERSION, path, temp.Detail)
	}
	goLine := Line{
		Part: "go", OK: true, Needed: true, Detail: t.GOVERSION + " at " + path +
			", which builds the course (" + seconds(time.Since(start)) + ")",
		found: t.GOVERSION,
	}
	if built != nil {
		goLine = broken("go", built)
	}
	race := Line{Part: racePart, OK: true, Detail: "with " + t.CC, found: "race detector",
		lacks: "race detector"}
	if err := e.Builder.Race(); err != nil {
		race.OK, race.Detail, race.Hint = false, err.Error(), fault.HintOf(err, "")
	}
	cache := e.place("build cache", fault.Writable(t.GOCACHE), t.GOCACHE)
	if !cache.OK {
		cache.Hint = "set GOCACHE to a folder that you may write to"
	}
	return []Line{
		goLine, race, cache, temp,
		e.place("binaries", runs(e.Builder.Dir), e.Builder.Dir),
	}
}

func broken(part string, err error) Line {
	return Line{Part: part, Needed: true, Detail: err.Error(), Hint: fault.HintOf(err, "")}
}

// place is a folder that is needed.
func (e *Exam) place(part string, err error, dir string) Line {
	if err == nil {
		err = room(dir)
	}
	if err != nil {
		return broken(part, err)
	}
	return Line{Part: part, OK: true, Needed: true, Detail: dir}
}

// leastRoom is what a few builds of a lab take.
const leastRoom = 200 << 20

// room is an error if a disk is almost full.
func room(dir string) error {
	usage, err := disk.Usage(dir)
	if err != nil || usage.Free > leastRoom {
		return nil
	}
	return fault.New("make room on it; go clean -cache frees the build cache",
		"the disk is full: %d MB are free in %s", usage.Free>>20, dir)
}

// runs is an error if nothing can be put into a folder, which is made, and executed there.
func runs(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.Of("make "+dir, err)
	}
	return fault.Runs(dir)
}
