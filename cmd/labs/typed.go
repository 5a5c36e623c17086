package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// calledAs is how the user has called labs: by its name if it is on the PATH, else by the path to
// it from here.
func calledAs() string {
	if len(os.Args) > 0 && filepath.Base(os.Args[0]) != os.Args[0] {
		return relative(os.Args[0])
	}
	return "labs"
}

// commands finds what is to be typed in a text: labs and the name of one of its commands.
var commands = regexp.MustCompile(
	`\blabs (check|ci|demo|doctor|down|grade|hint|hunt|list|progress|prove|reset|show|solution|stub|up|watch|--help)\b`)

// typed makes what is to be typed in a text what this user has to type here.
func (a *app) typed(text string) string {
	if a.command == "labs" {
		return text
	}
	return commands.ReplaceAllString(text, strings.ReplaceAll(a.command, "$", "$$")+" $1")
}

// typing gives a writer that makes each piece of text for people that.
func (a *app) typing(w io.Writer) io.Writer { return typingWriter{a, w} }

type typingWriter struct {
	a *app
	w io.Writer
}

func (t typingWriter) Write(p []byte) (int, error) {
	if _, err := io.WriteString(t.w, t.a.typed(string(p))); err != nil {
		return 0, err
	}
	return len(p), nil
}
