package signup_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"

	"golang.org/x/text/unicode/norm"

	"github.com/backend-labs/backend-labs/harness/kit/expect"
	signup "github.com/backend-labs/backend-labs/labs/i14-validate-input"
)

func TestCharactersOfANameAreCounted(t *testing.T) {
	const (
		why     = "30 letters are 30 letters, in Gothic, too; people count what they see"
		whyKept = "what is kept is what has a length: not the white space that is taken away, and not the two code " +
			"points of which one is made"
	)
	for _, letter := range []string{"a", "é", "名", "\U00010330"} {
		for _, n := range []int{3, 30} {
			accepted(t, "username", strings.Repeat(letter, n), strings.Repeat(letter, n), why)
		}
		refused(t, "username", strings.Repeat(letter, 2), why, "too_short")
		for _, n := range []int{31, 1000} {
			refused(t, "username", strings.Repeat(letter, n), why, "too_long")
		}
	}
	accepted(t, "username", strings.Repeat("e\u0301", 30), strings.Repeat("é", 30), whyKept)
	refused(t, "username", strings.Repeat("e\u0301", 31), whyKept, "too_long")
	refused(t, "username", "e\u0301e\u0301", whyKept, "too_short")
	refused(t, "username", " ab ", whyKept, "too_short")
	refused(t, "username", "   ", whyKept, "too_short", "required")
	accepted(t, "username", "  "+strings.Repeat("a", 30)+"\n ", strings.Repeat("a", 30), whyKept)
}

func TestANameHasOneSpelling(t *testing.T) {
	const why = "two spellings of one name are two accounts that nobody can tell apart"
	accepted(t, "username", "René", "René", why)
	accepted(t, "username", "Rene\u0301", "René", why)
	accepted(t, "username", "A\u030angstro\u0308m", "Ångström", why)
	accepted(t, "username", "\u212bngström", "Ångström", "the sign for the unit is, in NFC, the letter")
	accepted(t, "username", "\u1112\u1161\u11ab한한", "한한한", why)
	accepted(t, "username", " \t\u00a0\u2003ann\r\n\u3000", "ann", "white space is more than the space bar's")
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if unicode.IsSpace(r) {
			accepted(t, "username", string(r)+"ann"+string(r), "ann", "white space is more than the space bar's")
		}
	}
	accepted(t, "username", "ANN", "ANN", "letters keep their case: nobody said otherwise")
	accepted(t, "username", "Straße", "Straße", "")
}

func TestNamesThatLookAlike(t *testing.T) {
	const why = "whoever sees the name believes that it is the other one"
	for _, name := range []string{"ａdmin", "ad\u200dmin", "ad\u200bmin", "\u202eadmin", "admin\u200f", "\ufeffadmin",
		"ﬁnance", "adm\u2170n", "admi\u207f", "admin①", "ＡＤＭＩＮ", "ad\u00admin", "admin\x00", "ad min", "admin\u2024",
		"ad\u2010min", "ad\uff3fmin", "\u16eeadmin", "admin²", "𝒶𝒹𝓂𝒾𝓃", "admin!", "admin'", "<admin>", "admin@x",
		"ad/min", "admin+", "admin,", "🙂🙂🙂", "admin\ufffd", "ad\nmin", "ad:min", "ad=min", "ad~min", "ad`min",
		"q\u0301abc", "adm\u0323\u0308in\u0332", "हिन्दी", "a\u20ddbc"} {
		refused(t, "username", name, why, "bad_character")
	}
	for _, name := range []string{"admin", "root", "Support", "null", "www", "\u0430dmin", "Aλβ", "anΔ_ж", "user.1-"} {
		accepted(t, "username", name, name, "who may have which name is another question, for whoever knows which "+
			"are taken; here each letter is one")
	}
	for _, name := range []string{"O_Brien", "o.b-1", "...", "---", "___", "Ждана", "名前太郎", "مريم", "১২৩",
		"123", "ñandú",
		"ʻokina", "Łódź"} {
		accepted(t, "username", name, name, "a name in another alphabet is a name")
	}
	everyCharacterOfAName(t)
}

// characters yields the code points that matter: two planes whole, and of the others their ends.
func characters(yield func(rune) bool) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		if utf16.IsSurrogate(r) || r >= 0x20000 && r&0xFFFF >= 0x200 && r&0xFFFF < 0xFF00 {
			continue
		}
		if !yield(r) {
			return
		}
	}
}

// inBatches gives try texts of so many characters: those that are taken of all that matter.
func inBatches(size int, takes func(rune) bool, try func(text string)) {
	var some []rune
	for r := range characters {
		if takes(r) {
			some = append(some, r)
		}
		if len(some) == size {
			try(string(some))
			some = some[:0]
		}
	}
	try(string(some))
}

// everyCharacterOfAName has each letter and digit stand in one, and much else.
func everyCharacterOfAName(t *testing.T) {
	t.Helper()
	var some []rune
	try := func() {
		s, errs := signup.ParseSignup(with("username", string(some)))
		if len(errs) > 0 || s.Username != string(some) {
			for _, r := range some {
				name := "ab" + string(r) + "cd"
				accepted(t, "username", name, name, "it is a letter or a digit like any other")
			}
			accepted(t, "username", string(some), string(some), "")
		}
		some = some[:0]
	}
	for r := range characters {
		name := "ab" + string(r) + "cd"
		allowed := unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("._-", r)
		switch {
		case allowed && norm.NFKC.IsNormalString(string(some)+name):
			some = append(some, r)
		case !allowed && r < 0x3000 && norm.NFC.IsNormalString(name):
			_, errs := signup.ParseSignup(with("username", name))
			if len(errs) != 1 || errs[0].Code != "bad_character" {
				refused(t, "username", name, "it is neither a letter nor a digit", "bad_character")
			}
		}
		if len(some) == 30 {
			try()
		}
	}
}

func TestEmail(t *testing.T) {
	const why = "the part behind the @ is a host, whose case says nothing; the part before it belongs to that host"
	accepted(t, "email", "Ann.Lee+X@Example.ORG", "Ann.Lee+X@example.org", why)
	accepted(t, "email", "ANN@EXAMPLE.ORG", "ANN@example.org", why)
	accepted(t, "email", "o'brien@example.org", "o'brien@example.org", why)
	accepted(t, "email", "a@b", "a@b", "")
	accepted(t, "email", "日本@Example.org", "日本@example.org", "")
	for _, address := range []string{"a..b@example.org", ".ann.@example.org", "a,b;c:d@example.org", `"ann"@example.org`,
		"ann(home)@example.org", `a\b@example.org`, "ann@example..org", "ann@-example-", "ann@[127.0.0.1]", "ann@.",
		"a\u200bb@example.org", "a/b@localhost"} {
		accepted(t, "email", address, address, "whether there is such an address a message to it says; a rule that is "+
			"stricter than the contract shuts out people who have one")
	}
	for _, address := range []string{"e\u0301@example.org", "ann@e\u0301cole.example", "ﬁn@ﬁn.example", "ａnn@１.example",
		strings.Repeat("a", 252) + "@b", "a@" + strings.Repeat("b", 252)} {
		accepted(t, "email", address, address, "but for the capitals behind the @ nothing is changed: what another "+
			"spelling means only the host knows")
	}
	accepted(t, "email", "ann@xn--bcher-kva.Example", "ann@xn--bcher-kva.example", "")
	accepted(t, "email", strings.Repeat("a", 242)+"@Example.org", strings.Repeat("a", 242)+"@example.org",
		"254 bytes are allowed")
	const whyOne = "a mail server would deliver it elsewhere, or take part of it for a command"
	for _, address := range []string{"ann", "ann@", "@example.org", "@", "a@b@c.org", "ann@@example.org", "@a@b",
		"ann@example.org@"} {
		refused(t, "email", address, whyOne, "bad_format")
	}
	for _, address := range []string{"a b@example.org", "ann@exa mple.org", "ann@example.org\n",
		"ann@example.org\r\nBcc:x", " ann@example.org", "ann@example.org ", "ann@\texample.org",
		"an\u00a0n@example.org",
		"an\u2003n@example.org", "ann\x00@example.org", "ann@example.org\x7f", "ann@exam\u0085ple.org",
		"<ann@example.org",
		"ann>@example.org", "a<b@example.org", "ann@example.org>", "ann@exam\u0080ple.org",
		"an\u009bn@example.org"} {
		refused(t, "email", address, whyOne, "bad_character")
	}
	refused(t, "email", "Ann <ann@example.org>", whyOne, "bad_character", "bad_format")
	refused(t, "email", strings.Repeat("a", 243)+"@example.org", "", "too_long")
	refused(t, "email", strings.Repeat("é", 121)+"a@example.org", "bytes are what the protocol counts", "too_long")
	accepted(t, "email", strings.Repeat("é", 121)+"@example.org", strings.Repeat("é", 121)+"@example.org", "")
	// Ⱥ has two bytes, and ⱥ three.
	accepted(t, "email", "ab@"+strings.Repeat("Ⱥ", 83)+"cd", "ab@"+strings.Repeat("ⱥ", 83)+"cd",
		"capitals are not only those from A to Z, and 254 bytes are allowed")
	for _, address := range []string{"ab@" + strings.Repeat("Ⱥ", 84), "abc@" + strings.Repeat("Ⱥ", 83) + "cd"} {
		refused(t, "email", address, "what is kept would be refused when it is entered again: a "+
			"small letter may have more bytes than its capital", "too_long")
	}
	// The sign for Kelvin has three bytes, and its small letter is a k.
	refused(t, "email", "abc@"+strings.Repeat("\u212a", 83)+"cd", "255 bytes are entered, however few of them are kept",
		"too_long")
	everyCharacterOfAnAddress(t)
}

// everyCharacterOfAnAddress has each that there is stand before and behind an @.
func everyCharacterOfAnAddress(t *testing.T) {
	t.Helper()
	takes := func(r rune) bool {
		switch {
		case r == '@', unicode.ToLower(r) != r:
		case unicode.IsSpace(r), unicode.IsControl(r):
			refused(t, "email", "a"+string(r)+"b@c", "", "bad_character")
			refused(t, "email", "a@b"+string(r)+"c", "", "bad_character")
		default:
			return r != '<' && r != '>'
		}
		return false
	}
	inBatches(60, takes, func(local string) {
		for _, address := range []string{local + "@b", "a@" + local} {
			s, errs := signup.ParseSignup(with("email", address))
			if len(errs) > 0 || s.Email != address {
				const why = "what is neither white space, a control character nor an angle bracket is for the mail server to judge"
				for _, r := range local {
					accepted(t, "email", "x"+string(r)+"@b", "x"+string(r)+"@b", why)
					accepted(t, "email", "x@"+string(r)+"b", "x@"+string(r)+"b", why)
				}
				accepted(t, "email", address, address, why)
			}
		}
	})
}

func TestAge(t *testing.T) {
	for _, a := range []int{13, 14, 77, 129, 130} {
		s, errs := signup.ParseSignup(with("age", a))
		expect.That(t, len(errs) == 0 && s.Age == a, expect.Message{
			Did: fmt.Sprintf("parsed a body with the age %d, and all else right", a), Want: "it is let in and kept",
			Got: fmt.Sprintf("%s, %d", told(errs), s.Age)})
	}
	for _, a := range []int{12, 131, 0, -1, -13, -30, 256 + 13, 1 << 32, 1<<32 + 30} {
		refused(t, "age", a, "", "out_of_range")
	}
	refused(t, "age", 1e300, "", "out_of_range", "wrong_type")
	refused(t, "age", uint64(1<<63), "", "out_of_range", "wrong_type")
}

// texts are bios that are let in, and look dangerous to a filter.
var texts = []string{
	"O'Brien", "<b>Bob</b>", "🙂", "I <3 Bach & Co", "Tom &amp; Ann", "&lt;b&gt;", "<script>alert(1)</script>",
	"<scr<script>ipt>alert(1)</scr</script>ipt>", "<img src=x onerror=alert(1)>", `"><svg/onload=alert(1)>`,
	"</p></div></body>", "<!-- ", "<![CDATA[", "a\nb\n\nc", "' OR 1=1 --", `\' OR 1=1 --`, "{{.Bio}}", "%s%n",
	"../../etc/passwd",
	"javascript:alert(1)", "</textarea><script>", "&#60;b&#62;", "&notit; &copy", "e\u0301", "ａdmin", "<br>",
	"a <br> b",
	"\\u003cb\\u003e", "$1 `x` ${y}", "👨\u200d👩\u200d👧", "שלום\u200f", "<", "&", "a&", "<?php ?>",
	"<plaintext>", "' \" `", "see https://example.org/?a=b&c=d#e, or www.example.org", "ann@example.org", "@ann #choir",
	"*a* _b_ **c** ~d~ `e`", "[a](https://example.org)", "# a\n- b\n> c", ":smile: :-) (c) -- ... \"a\"", "a  b   c",
	"a \u00a0\u2003 b", "  a\n  b\n\n\n  c",
}

func TestABioIsKept(t *testing.T) {
	const why = "it is the member's text; where it goes is not known yet: a page, a mail, a file of another program. " +
		"Each has its own dangerous characters, and what is changed here is wrong in all others"
	for _, bio := range texts {
		accepted(t, "bio", bio, bio, why)
	}
	for _, bio := range []string{" a ", "\n\na\n", "   ", "a  b", "\u00a0", "\ufeffa", "\u2028a\u2029",
		"\u202f", "\u2065",
		"\u206a", "a\u0300\u0301", "ﬁ", "\u200e\u200f\u200b\u00ad", "\ufffd", "\u2064"} {
		accepted(t, "bio", bio, bio, why)
	}
	for _, c := range []string{"a", "é", "🙂", "\n", "<"} {
		accepted(t, "bio", strings.Repeat(c, 500), strings.Repeat(c, 500),
			"500 characters are allowed, whatever they are")
		refused(t, "bio", strings.Repeat(c, 501), "", "too_long")
	}
	accepted(t, "bio", strings.Repeat("e\u0301", 250), strings.Repeat("e\u0301", 250), why)
	refused(t, "bio", strings.Repeat("e\u0301", 250)+"a", "nothing is composed, so each code point counts",
		"too_long")
	refused(t, "bio", strings.Repeat(" ", 501), "nothing is trimmed, so white space counts", "too_long")
	everyCharacterOfABio(t)
}

// everyCharacterOfABio has each that is let in stand somewhere in one.
func everyCharacterOfABio(t *testing.T) {
	t.Helper()
	takes := func(r rune) bool {
		return (r == '\n' || !unicode.IsControl(r)) && (r < 0x202A || r > 0x202E) && (r < 0x2066 || r > 0x2069)
	}
	inBatches(500, takes, func(text string) {
		s, errs := signup.ParseSignup(with("bio", text))
		if len(errs) == 0 && s.Bio == text {
			return
		}
		for _, r := range text {
			accepted(t, "bio", string(r), string(r), "nothing but control characters and what turns the order round is bad in a bio")
		}
		accepted(t, "bio", text, text, "")
	})
}

func TestABioIsRefused(t *testing.T) {
	const (
		why     = "it does something to a terminal, a log or a file of lines that nobody sees"
		whyTurn = "it turns round the order of what is read, far behind the place where it stands"
	)
	for r := rune(0); r < 0xA0; r++ {
		if text := "a" + string(r) + "b"; (r < 0x20 || r >= 0x7F) && r != '\n' {
			refused(t, "bio", text, why, "bad_character")
		} else {
			accepted(t, "bio", text, text, "it is no control character, or it is the end of a line")
		}
	}
	for r := rune(0x202A); r <= 0x202E; r++ {
		refused(t, "bio", "a"+string(r)+"b", whyTurn, "bad_character")
	}
	for r := rune(0x2066); r <= 0x2069; r++ {
		refused(t, "bio", "a"+string(r)+"b", whyTurn, "bad_character")
	}
	refused(t, "bio", "\t", why, "bad_character")
	refused(t, "bio", "a\r\nb", "\\r is a control character, in front of \\n, too", "bad_character")
	refused(t, "bio", "ab\u202e", whyTurn, "bad_character")
	accepted(t, "bio", "a\nb", "a\nb", "")
}

func TestWebsite(t *testing.T) {
	const why = "whoever clicks on the name of the member goes there; with another scheme the link is a program"
	for _, site := range []string{"http://example.org", "https://example.org", "HTTPS://Example.org/", "hTTp://A.b",
		"https://example.org:8443/a/b?q=1&r=%20#top", "http://127.0.0.1", "http://[::1]:80/",
		"https://bücher.example/é",
		"http://a", "https://example.org/javascript:alert(1)", "https://example.org/?u=//evil.org",
		"http://example.org/'x'", "https://ann:secret@example.org/", "https://ann@example.org:443", "http://localhost/a",
		"https://example.org/e\u0301", "https://e\u0301cole.example/ﬁ", "https://example.org/%C3%A9?q=%2f&a=b;c",
		"http://example.org./", "http://a_b.example/?#",
		"https://example.org/" + strings.Repeat("a", 100_000)} {
		accepted(t, "website", site, site, "it is a web page, and the address is kept as it was entered")
	}
	for _, site := range []string{"javascript:alert(1)", "JaVaScRiPt:alert(1)",
		"javascript://example.org/%0aalert(1)",
		"data:text/html,<script>", "vbscript:x", "file:///etc/passwd", "ftp://example.org", "mailto:ann@example.org",
		"//evil.org", "/a", "example.org", "www.example.org", "https:x", "https:/x", "http://", "https:///a",
		"http://:80/",
		"http:", "https", "://x", "httpx://example.org", "xhttp://example.org", "http+x://example.org",
		"ws://example.org",
		"http://?q", "https://#a", "shttp://a", "http://[::1", "http://a:b:c/"} {
		refused(t, "website", site, why, "bad_format")
	}
	for _, site := range []string{" javascript:alert(1)", "\tjavascript:alert(1)", "java\nscript:alert(1)",
		"\x01javascript:alert(1)", " http://example.org", "http://example.org/\n", "http://exa\tmple.org",
		"http://a b/",
		"\u00a0javascript:x"} {
		refused(t, "website", site,
			"a browser takes white space and control characters out, and then it is another URL",
			"bad_format", "bad_character")
	}
}
