package batch

import (
	"bytes"
	"go/scanner"
	"go/token"
	"os"
	"path/filepath"

	"github.com/backend-labs/backend-labs/harness/intake"
)

// resembles is the remark on a submission that is one of the course's own solutions, or "", and
// whether it is that to the byte.
func resembles(f intake.Submission) (remark string, exact bool) {
	if same(f, f.Lab.SolutionDir, words) {
		return "this is the course's reference, word for word but for comments and layout",
			same(f, f.Lab.SolutionDir, bytes.Clone)
	}
	others, err := f.Lab.Alternatives()
	if err != nil {
		return "", false
	}
	for _, dir := range others {
		if same(f, dir, words) {
			return "this is the course's solution " + filepath.Base(dir) +
				", word for word but for comments and layout", same(f, dir, bytes.Clone)
		}
	}
	return "", false
}

// same reports whether the files are those of a folder, by what is looked at of them. It is false where
// there is no such folder: a course may have been given without its solutions.
func same(f intake.Submission, dir string, of func([]byte) []byte) bool {
	for _, name := range f.Lab.Files {
		theirs, there := f.Files[name]
		ours, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if !there || err != nil || !bytes.Equal(of(theirs), of(ours)) {
			return false
		}
	}
	return true
}

// words is Go source without comments and layout.
func words(source []byte) []byte {
	var s scanner.Scanner
	file := token.NewFileSet().AddFile("", -1, len(source))
	s.Init(file, source, func(token.Position, string) {}, 0)
	var out bytes.Buffer
	for {
		_, tok, text := s.Scan()
		switch tok {
		case token.EOF:
			return out.Bytes()
		case token.SEMICOLON: // also where a line ends
			out.WriteString(";\n")
		default:
			out.WriteString(tok.String() + " " + text + "\n")
		}
	}
}
