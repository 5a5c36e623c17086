package compile

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
)

// A cause is what the go command says where the machine or the course, and nobody's code, is at
// fault. In text and remedy $1 is what the pattern has found, and COURSE the course's folder.
type cause struct {
	said         *regexp.Regexp
	text, remedy string
}

// causes are tried in their order.
var causes = []cause{
	{
		regexp.MustCompile(`go\.mod requires go >= (\S+) \(running go ([^;)\s]+)`),
		"go $2 is too old for this course: its go.mod asks for $1",
		"install Go $1 or later (https://go.dev/dl)",
	},
	{
		regexp.MustCompile(`go: download (go\S+) for \S+ (.*)`),
		"the go command on the PATH is too old for this course, and $1 cannot be downloaded: $2",
		"install Go by hand (https://go.dev/dl)",
	},
	{
		regexp.MustCompile(`invalid go version '(\S+)'`),
		"the go command on the PATH is too old for this course: its go.mod asks for $1",
		"install Go $1 or later (https://go.dev/dl)",
	},
	{
		regexp.MustCompile(`module lookup disabled by GOPROXY=off()`),
		"modules of the course are not on this machine, and GOPROXY=off forbids to fetch them",
		fetchModules + " with GOPROXY unset",
	},
	{
		regexp.MustCompile(`((?:dial tcp|proxyconnect|lookup \S+ on|Get "https?://|reading https?://|x509: |TLS handshake).*)`),
		"modules of the course are not on this machine and cannot be downloaded: $1",
		fetchModules + " with a network, or set GOPROXY",
	},
	{
		regexp.MustCompile(`(missing go\.sum entry|checksum mismatch|updates to go\.(?:mod|sum) needed|errors parsing (?:\S*/)?go\.(?:mod|sum)|go\.mod file not found|malformed go\.sum)`),
		"the course's go.mod and go.sum are not right: $1", "git checkout go.mod go.sum in COURSE",
	},
	{
		regexp.MustCompile(`(module cache not found|Files beneath GOMODCACHE \(\)|GOCACHE is not defined|HOME (?:are|is) not (?:set|defined)|build cache is required)`),
		"HOME is not set, so the go command does not know where modules and builds are kept",
		"set HOME, or GOMODCACHE and GOCACHE",
	},
	{
		regexp.MustCompile(`(build cache is disabled by GOCACHE=off)`),
		"$1, and nothing can be built without one", "unset GOCACHE",
	},
	{
		regexp.MustCompile(`failed to initialize build cache at (.*)`),
		"the build cache cannot be written: $1", "set GOCACHE to a folder that you may write to",
	},
	{
		regexp.MustCompile(`((?:\S+: )?no space left on device|(?:\S+: )?disk quota exceeded)`),
		"the disk is full: $1",
		"make room on it (go clean -cache frees the build cache), or set GOCACHE and TMPDIR " +
			"to another one",
	},
	{
		regexp.MustCompile(`(signal: killed)`),
		"the compiler was killed, most likely because the machine ran out of memory",
		"close what needs much memory, and try again",
	},
	{
		regexp.MustCompile(`(?m)^(runtime/cgo: .*|cgo: .*|\S*link: running \S+ failed.*)$`),
		"the C compiler does not work: $1",
		"install it with its headers (apt-get install gcc libc6-dev), or set CC to one that " +
			"works",
	},
	{
		regexp.MustCompile(`(cannot find GOROOT directory.*|no such tool "\w+"|package \S+ is not in std.*)`),
		"the Go installation is not complete: $1",
		"unset GOROOT, or install Go again (https://go.dev/dl)",
	},
	{
		regexp.MustCompile(`(?m)(?:^|[\s"'(])((?:/|[A-Za-z]:\\).*[/\\][0-9a-f]{2}[/\\][0-9a-f]{64}-[ad]: permission denied)$`),
		"the go command cannot work here: what it makes cannot be kept in the build cache: $1", ownCache,
	},
	{
		// The last is what a folder of somebody else's says in a user namespace.
		regexp.MustCompile(`(?m)(?:^|[\s"'(])((?:/|[A-Za-z]:\\).*: (?:permission denied|` +
			`read-only file system|input/output error|value too large for defined data type))$`),
		"the go command cannot work here: $1",
		"make that folder yours with chown, or set GOCACHE, GOMODCACHE or TMPDIR to one that is",
	},
}

const ownCache = "set GOCACHE to a folder that is yours, or make it yours with chown"

const fetchModules = "run go mod download in COURSE once"

// unreadForm is what the go command says of a package of the library where it could not keep what
// it has read of it, and where there is none.
var unreadForm = regexp.MustCompile(`(?m)package (\S+) is not in std \((.*)\)$`)

// unread is the fault where a package is there that is said not to be, else nil.
func unread(words string) *fault.Fault {
	for _, m := range unreadForm.FindAllStringSubmatch(words, -1) {
		if files, _ := filepath.Glob(filepath.Join(m[2], "*.go")); len(files) > 0 {
			return fault.New(ownCache, "the go command cannot work here: what it reads of the "+
				"package %s cannot be kept in the build cache", m[1])
		}
	}
	return nil
}

// explain says what the go command's words mean where they are about the machine or the modules,
// else nil. The words must not have any of a learner's.
func explain(words, root string) *fault.Fault {
	if f := unread(words); f != nil {
		return f
	}
	for _, c := range causes {
		m := c.said.FindStringSubmatchIndex(words)
		if m == nil {
			continue
		}
		fill := func(s string) string {
			s = string(c.said.ExpandString(nil, s, words, m))
			return strings.Join(strings.Fields(strings.ReplaceAll(s, "COURSE", root)), " ")
		}
		f := &fault.Fault{Text: fill(c.text), Remedy: fill(c.remedy)}
		if chosen := os.Getenv("GOTOOLCHAIN"); strings.Contains(f.Text, "too old") &&
			chosen != "" && chosen != "auto" {
			f.Remedy = "unset GOTOOLCHAIN (it is " + chosen + "), or " + f.Remedy
		}
		return f
	}
	return nil
}

// fetchForm is a message about an import in somebody's file that is the go command's own: it could
// not get the module, or not read or write what it keeps of the package.
var fetchForm = regexp.MustCompile(`^(module lookup disabled|reading https?:|\S+@v\S+: |` +
	`(open|read|write|mkdir|truncate|close|remove) (/|[A-Za-z]:\\).*: [a-z/ -]+$)`)

// beforeMessages is what the go command printed before the first message of a compiler. What comes
// then may have any words and lines in it: a message quotes the strings of the code that it is
// about.
func beforeMessages(text string) string {
	end := 0
	for line := range strings.Lines(text) {
		m := messageForm.FindStringSubmatch(strings.TrimRight(line, "\r\n"))
		if m != nil && !fetchForm.MatchString(m[4]) && unread(m[4]) == nil {
			break
		}
		end += len(line)
	}
	return text[:end]
}

// noBinary says why there is no binary of a lab about which the compiler has not said anything.
func (p *plan) noBinary(c *course.Course, sections map[string]string, all string) error {
	for pkg, section := range sections {
		if !strings.HasPrefix(pkg, c.Module+"/harness/") {
			continue
		}
		for line := range strings.Lines(section) {
			if m := messageForm.FindStringSubmatch(strings.TrimRight(line, "\r\n")); m != nil {
				what := fmt.Sprintf("the kit does not compile: %s:%s: %s", path.Clean(m[1]), m[2],
					m[4])
				return newCourseError(p.req.Lab, what,
					"git checkout harness go.mod go.sum in "+c.Root)
			}
		}
	}
	said := strings.Join(strings.Fields(all), " ")
	if said == "" {
		said = "it said nothing"
	}
	return fault.New(fault.Doctor, "the go command made no binary of %s: %s", p.req.Lab.Slug, said)
}
