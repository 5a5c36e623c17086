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
	`\blabs (ask|bundle|check|ci|debug|demo|doctor|down|grade|hint|hunt|init|join|list|progress|prove|report|reset|room|` +
		`show|solution|stub|submit|up|update|watch|workshop|--help)\b`)

// typed makes what is to be typed in a text what this user has to type here.
func (a *app) typed(text string) string { return typedAs(a.command, text) }

func typedAs(command, text string) string {
	if command == "labs" {
		return text
	}
	return commands.ReplaceAllString(text, strings.ReplaceAll(command, "$", "$$")+" $1")
}

// commandIn is how the user calls labs in another folder: a path as it was typed here means nothing there.
func (a *app) commandIn(dir string) string {
	if relative(dir) == "." || !strings.ContainsRune(a.command, filepath.Separator) {
		return a.command
	}
	abs, err := filepath.Abs(a.command)
	if err != nil {
		return a.command
	}
	return shellWord(abs)
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
