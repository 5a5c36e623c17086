package main

import (
	"fmt"
	"runtime/debug"
)

// version is that of the module or, where it was built from a clone, the commit, and the Go that
// built it. Source: runtime/debug, BuildInfo.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	set := map[string]string{}
	for _, s := range info.Settings {
		set[s.Key] = s.Value
	}
	text := info.Main.Version
	if text == "" || text == "(devel)" {
		text = "devel"
		if rev := set["vcs.revision"]; rev != "" {
			text += " " + rev[:min(12, len(rev))]
		}
		if set["vcs.modified"] == "true" {
			text += ", modified"
		}
	}
	return fmt.Sprintf("%s (%s %s/%s)", text, info.GoVersion, set["GOOS"], set["GOARCH"])
}
