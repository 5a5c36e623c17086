package sandbox

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// stage is where the new root is put together; it exists everywhere, and only this mount namespace
// sees the change.
const stage = "/tmp"

// buildRoot makes a root on tmpfs that has the executable, the binds, /dev/null and its like, and a
// /tmp to write to, and moves into it.
func buildRoot(st setup) error {
	mount := func(source, target, kind string, flags uintptr, data string) error {
		if err := unix.Mount(source, target, kind, flags, data); err != nil {
			return fmt.Errorf("mount %s: %w", target, err)
		}
		return nil
	}
	if err := mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	// Everything that is bound is opened before the stage covers it.
	binds := []Bind{{Source: st.Path, Target: inside}}
	for _, d := range []string{"null", "zero", "urandom"} {
		binds = append(binds, Bind{Source: "/dev/" + d, Target: "/dev/" + d, Writable: true})
	}
	binds = append(binds, st.Binds...)
	// A folder comes before what is bound below it, or it would hide that.
	slices.SortStableFunc(binds, func(a, b Bind) int { return strings.Compare(a.Target, b.Target) })
	sources := make([]int, len(binds))
	for i, b := range binds {
		fd, err := unix.Open(b.Source, unix.O_PATH|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open %s: %w", b.Source, err)
		}
		sources[i] = fd
	}
	if err := mount("tmpfs", stage, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV,
		"mode=0755,size=1m,nr_inodes=4096"); err != nil {
		return err
	}
	scratch := fmt.Sprintf("mode=1777,size=%d,nr_inodes=65536", st.Limits.Scratch)
	if err := os.MkdirAll(stage+"/tmp", 0o755); err != nil {
		return err
	}
	if err := mount("tmpfs", stage+"/tmp", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV,
		scratch); err != nil {
		return err
	}
	for i, b := range binds {
		if err := bind(b, sources[i], scratch, mount); err != nil {
			return err
		}
		unix.Close(sources[i])
	}
	if err := writeEnviron(stage, st.Env); err != nil {
		return err
	}
	if err := os.Mkdir(stage+"/.old", 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot(stage, stage+"/.old"); err != nil {
		return fmt.Errorf("pivot_root: %w", err)
	}
	if err := unix.Unmount("/.old", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmount the old root: %w", err)
	}
	if err := os.Remove("/.old"); err != nil {
		return err
	}
	if err := mount("", "/", "",
		unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return err
	}
	return os.Chdir(st.Dir)
}

// writeEnviron puts the environment into a root that has no /proc.
func writeEnviron(root string, env []string) error {
	path := filepath.Join(root, environFile)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(strings.Join(env, "\x00")+"\x00"), 0o444)
}

// bind makes one source visible at its target below the stage.
func bind(b Bind, source int, scratch string, mount func(string, string, string, uintptr,
	string) error) error {
	target := filepath.Join(stage, b.Target)
	var info unix.Stat_t
	if err := unix.Fstat(source, &info); err != nil {
		return fmt.Errorf("stat %s: %w", b.Source, err)
	}
	isDir := info.Mode&unix.S_IFMT == unix.S_IFDIR
	err := os.MkdirAll(filepath.Dir(target), 0o755)
	if err == nil && isDir {
		err = os.MkdirAll(target, 0o755)
	} else if err == nil {
		var f *os.File
		if f, err = os.OpenFile(target, os.O_CREATE|os.O_RDONLY, 0o644); err == nil {
			f.Close()
		}
	}
	if err != nil {
		return fmt.Errorf("make a place for %s: %w", b.Target, err)
	}
	from := fmt.Sprintf("/proc/self/fd/%d", source)
	if b.Scratch {
		return overlay(from, target, scratch, mount)
	}
	if err := mount(from, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	if b.Writable {
		return nil
	}
	return readOnly(target, mount)
}

// readOnly keeps the flags that the mount has: in a user namespace they may not be taken away.
func readOnly(target string, mount func(string, string, string, uintptr, string) error) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(target, &fs); err != nil {
		return fmt.Errorf("statfs %s: %w", target, err)
	}
	keep := uintptr(fs.Flags) & (unix.MS_NODEV | unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME)
	return mount("", target, "",
		unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|keep, "")
}

// overlay shows a folder at target with a writable tmpfs laid over it. The folder is named by a
// descriptor: its own name may have a comma or a colon, which part the options of the mount.
func overlay(from, target, scratch string, mount func(string, string, string, uintptr,
	string) error) error {
	layer, err := os.MkdirTemp(stage, ".layer-")
	if err != nil {
		return err
	}
	if err := mount("tmpfs", layer, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, scratch); err != nil {
		return err
	}
	for _, d := range []string{"/upper", "/work"} {
		if err := os.Mkdir(layer+d, 0o777); err != nil {
			return err
		}
		if err := os.Chmod(layer+d, 0o777); err != nil {
			return err
		}
	}
	return mount("overlay", target, "overlay", unix.MS_NOSUID|unix.MS_NODEV,
		fmt.Sprintf("lowerdir=%s,upperdir=%s/upper,workdir=%s/work", from, layer, layer))
}
