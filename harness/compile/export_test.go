package compile

import "github.com/backend-labs/backend-labs/harness/course"

// RaceOf judges a toolchain on another platform than this one.
func RaceOf(t Toolchain, platform, enabled string) error { return t.race(platform, enabled) }

// WatchBuild tells of the progress of a go command that works in tmp, for labs.
func (b *Builder) WatchBuild(labs []*course.Lab, tmp string) (stop func()) {
	all := &batch{}
	for _, l := range labs {
		all.plans = append(all.plans, &plan{req: Request{Lab: l}})
	}
	return b.watchBuild(all, tmp)
}

// Pruned is a file of checks without what one test does not need.
func Pruned(file, test string) (text string, ok bool) {
	c, err := readCheckFiles([]string{file})
	if err != nil {
		panic(err)
	}
	texts, ok := c.only([]string{test})
	return string(texts[file]), ok
}
