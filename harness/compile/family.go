package compile

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/backend-labs/backend-labs/harness/course"
	"github.com/backend-labs/backend-labs/harness/fault"
	"github.com/backend-labs/backend-labs/harness/owner"
)

// family is variants of one lab in one test binary. Each has, by overlay alone, import paths of its
// own for the lab's packages and its checks, so each is compiled once and all are linked once.
type family struct {
	lab     *course.Lab
	hunt    string // as in [Request]
	race    bool
	members []*plan           // no two of the same files
	got     map[string]Binary // by key
}

// families keeps what became of each family, by its id: the binary of each member by its key.
type families struct {
	mu  sync.Mutex
	got map[string]map[string]Binary
}

// inFamily reports whether a request's files may be linked together with others.
func (b *Builder) inFamily(r Request) bool {
	return len(r.Family) > 0 && b.Sandbox == nil && !b.Late
}

// key names the variant in import paths and in requests: equal files are one variant.
func (p *plan) key() string { return variantPrefix + p.sourceSHA[:16] }

// id stands for all that the family's binary is made of.
func (f *family) id() string {
	sums := make([]string, len(f.members))
	for i, p := range f.members {
		sums[i] = p.sum + fmt.Sprint(p.judges)
	}
	slices.Sort(sums)
	h := sha256.New()
	fmt.Fprintln(h, sums)
	return hex.EncodeToString(h.Sum(nil))[:20]
}

// of is a family of some of the members.
func (f *family) of(members []*plan) *family {
	return &family{lab: f.lab, hunt: f.hunt, race: f.race, members: members}
}

// add adds a member. One of the same files is the same variant, and judged by the checks of both.
func (f *family) add(p *plan) {
	for _, q := range f.members {
		if q.key() == p.key() {
			q.judges = union(q.judges, p.judges)
			return
		}
	}
	f.members = append(f.members, p)
}

// union joins names of checks; nil stands for all of them.
func union(a, b []string) []string {
	if a == nil || b == nil {
		return nil
	}
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// buildFamilies answers the requests whose files may be linked together.
func (b *Builder) buildFamilies(ctx context.Context, plans []*plan, common string) {
	var all, missing []*family
	of := map[*plan]*family{}
	for _, p := range plans {
		f := b.familyOf(p, all, common)
		if of[p] = f; !slices.Contains(all, f) {
			all = append(all, f)
		}
	}
	for _, f := range all {
		if f.got = b.families.known(f.id()); f.got == nil {
			missing = append(missing, f)
		}
	}
	b.makeFamilies(ctx, missing)
	for _, p := range plans {
		f := of[p]
		bin := f.got[p.key()]
		if ctx.Err() != nil {
			bin = Binary{Err: ctx.Err()}
		}
		bin.SHA256 = p.sourceSHA
		if bin.Cached = bin.Path != "" && !slices.Contains(missing, f); bin.Cached {
			bin.Took = 0
		}
		*p.out = bin
	}
}

// familyOf is the family of a plan: one of all if it is of the same lab, else a new one.
func (b *Builder) familyOf(p *plan, all []*family, common string) *family {
	for _, m := range p.req.Family {
		if m.Dir == p.req.Dir {
			p.judges = union(m.Checks, m.Checks)
		}
	}
	for _, f := range all {
		if f.lab.Slug == p.req.Lab.Slug && f.race == p.req.Race && f.hunt == p.req.Hunt {
			f.add(p)
			return f
		}
	}
	f := &family{lab: p.req.Lab, hunt: p.req.Hunt, race: p.req.Race}
	f.add(p)
	for _, m := range p.req.Family {
		if f.race {
			break
		}
		// what is wrong with another variant is said when that is asked for
		if q, err := b.plan(Request{Lab: f.lab, Dir: m.Dir, Hunt: f.hunt}, common); err == nil {
			q.judges = union(m.Checks, m.Checks)
			f.add(q)
		}
	}
	return f
}

// known is what became of a family, nil if it is not known or a binary of it is gone.
func (k *families) known(id string) map[string]Binary {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, bin := range k.got[id] {
		if bin.Err != nil || bin.Path != "" && !used(bin.Path) {
			return nil
		}
	}
	return k.got[id]
}

func (k *families) remember(id string, got map[string]Binary) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.got == nil {
		k.got = map[string]map[string]Binary{}
	}
	k.got[id] = got
}

// makeFamilies builds families. A member that does not compile, or does not let the others begin, is built
// on its own.
func (b *Builder) makeFamilies(ctx context.Context, all []*family) {
	m := &maker{b: b, got: map[string]Binary{}, as: map[string]string{}}
	for _, race := range []bool{false, true} {
		var parts []*family
		for _, f := range all {
			if f.race == race {
				parts = append(parts, m.apart(f))
			}
		}
		for len(parts) > 0 && ctx.Err() == nil {
			parts = m.round(ctx, parts, race)
		}
	}
	m.buildAlone(ctx)
	if ctx.Err() != nil {
		return
	}
	for _, f := range all {
		f.got = map[string]Binary{}
		for _, p := range f.members {
			f.got[p.key()] = m.got[cmp.Or(m.as[p.target], p.target)]
		}
		b.families.remember(f.id(), f.got)
	}
}

// maker is one making of families.
type maker struct {
	b     *Builder
	got   map[string]Binary // by the name that the binary would have on its own
	as    map[string]string // those that come out as another does, both by that name
	alone []*plan
}

// apart puts aside the members that cannot be linked with others, by the look of them.
func (m *maker) apart(f *family) *family {
	rest := f.of(nil)
	for _, p := range f.members {
		if p.solitary() {
			m.alone = append(m.alone, p)
		} else {
			rest.members = append(rest.members, p)
		}
	}
	return rest
}

// round builds each part of a family in one go command, and returns the parts that are to be tried
// next, for those that did not come about.
func (m *maker) round(ctx context.Context, parts []*family, race bool) (next []*family) {
	parts = slices.DeleteFunc(parts, func(f *family) bool {
		if len(f.members) == 1 {
			m.alone = append(m.alone, f.members...)
		}
		return len(f.members) < 2
	})
	if len(parts) == 0 {
		return nil
	}
	tmp, err := owner.TempDir(m.b.Dir, "family")
	if err != nil {
		m.fail(parts, fault.Of("make a folder for a build", err))
		return nil
	}
	defer os.RemoveAll(tmp)
	overlay := map[string]string{}
	var packages []string
	for _, f := range parts {
		if err := f.writeOverlay(m.b.Course, tmp, overlay); err != nil {
			m.fail(parts, err)
			return nil
		}
		packages = append(packages, f.pkg())
	}
	if err := m.b.writeOverlay(tmp, race, overlay); err != nil {
		m.fail(parts, err)
		return nil
	}
	started := time.Now()
	text, _ := m.b.goCommand(ctx, testArgs(tmp, race, append(m.flags(), packages...)), tmp, race,
		roomy...)
	took := time.Since(started) / time.Duration(len(parts))
	for _, f := range parts {
		next = append(next, m.settle(ctx, f, tmp, text, took)...)
	}
	return next
}

// roomy has the compiler collect no garbage before it has half a gibibyte: it seldom needs more for a
// package, and with dozens of variants the collections are a tenth of all the time.
var roomy = []string{"GOGC=off", "GOMEMLIMIT=512MiB"}

// flags leave out of the variants what the linker would drop with the symbols.
func (m *maker) flags() []string {
	return []string{"-gcflags=" + m.b.Course.Module + "/labs/...=-dwarf=false"}
}

// fail ends the making of families for a reason that is not theirs.
func (m *maker) fail(parts []*family, err error) {
	for _, f := range parts {
		for _, p := range f.members {
			m.got[p.target] = Binary{Err: err}
		}
	}
}

// settle takes a family's binary, or says in which parts to try again: without those that do not
// compile; in two halves where one member keeps the others from beginning.
func (m *maker) settle(ctx context.Context, f *family, tmp, text string,
	took time.Duration) []*family {
	built := filepath.Join(tmp, f.name()+".test"+exeSuffix)
	if _, err := os.Stat(built); err != nil {
		good, bad := f.blame(text)
		if len(bad) == 0 {
			good, bad = nil, f.members // each by itself says what is wrong
		}
		if f.hunt != "" && len(good) == 0 {
			bad = m.stand(bad)
		}
		m.alone = append(m.alone, bad...)
		return []*family{f.of(good)}
	}
	if !begins(ctx, built) {
		half := len(f.members) / 2
		return []*family{f.of(f.members[:half]), f.of(f.members[half:])}
	}
	target := filepath.Join(m.b.Dir, f.lab.Slug+"@"+f.name()+exeSuffix)
	if err := os.Rename(built, target); err != nil {
		m.fail([]*family{f}, fault.Of("keep a binary", err))
		return nil
	}
	for _, p := range f.members {
		m.got[p.target] = Binary{Path: target, Variant: p.key(),
			Took: took / time.Duration(len(f.members))}
	}
	return nil
}

// stand has one member say what is wrong for all: their tests are the same, and compile with none.
func (m *maker) stand(bad []*plan) []*plan {
	for _, p := range bad[1:] {
		m.as[p.target] = bad[0].target
	}
	return bad[:1]
}

// variantForm and importForm find the variants, and the packages that are not there, in what the go
// command says.
var (
	variantForm = regexp.MustCompile(`(?m)^# \S*/(` + variantPrefix + `[0-9a-f]{16})\b`)
	importForm  = regexp.MustCompile(`(?m)^\S+\.go:\d.* package ([^\s:;]+)`)
)

// blame divides the members into those about which the go command has said nothing, and the others.
func (f *family) blame(text string) (good, bad []*plan) {
	said := map[string]bool{}
	for _, form := range []*regexp.Regexp{variantForm, importForm} {
		for _, found := range form.FindAllStringSubmatch(text, -1) {
			said[found[1]] = true
		}
	}
	for _, p := range f.members {
		if said[p.key()] || slices.ContainsFunc(p.imports(), func(i string) bool { return said[i] }) {
			bad = append(bad, p)
		} else {
			good = append(good, p)
		}
	}
	return good, bad
}

// buildAlone builds those that are in no family as a submission is built.
func (m *maker) buildAlone(ctx context.Context) {
	reqs := make([]Request, len(m.alone))
	for i, p := range m.alone {
		reqs[i] = Request{Lab: p.req.Lab, Dir: p.req.Dir, Race: p.req.Race, Hunt: p.req.Hunt}
	}
	if len(reqs) == 0 {
		return
	}
	for i, bin := range m.b.Build(ctx, reqs) {
		m.got[m.alone[i].target] = bin
	}
}
