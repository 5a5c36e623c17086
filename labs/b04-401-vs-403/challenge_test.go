package guard_test

import (
	"strings"
)

// challenge returns the parameters of the answer's Bearer challenge, by their names in lower case,
// or nil. There may be several headers, and several challenges in one (RFC 9110, section 11.6.1).
func (a answer) challenge() map[string]string {
	for _, value := range a.header.Values("WWW-Authenticate") {
		for _, c := range parseChallenges(value) {
			if strings.EqualFold(c.scheme, "Bearer") {
				return c.params
			}
		}
	}
	return nil
}

type challenge struct {
	scheme string
	params map[string]string
}

func parseChallenges(text string) (all []challenge) {
	for {
		text = strings.TrimLeft(text, " \t,")
		end := strings.IndexAny(text+" ", " \t,=")
		word := text[:end]
		if word == "" {
			return all
		}
		text = strings.TrimLeft(text[end:], " \t")
		if !strings.HasPrefix(text, "=") { // a name with no value is a scheme
			all = append(all, challenge{word, map[string]string{}})
			continue
		}
		var value string
		value, text = paramValue(strings.TrimLeft(text[1:], " \t"))
		if len(all) > 0 {
			all[len(all)-1].params[strings.ToLower(word)] = value
		}
	}
}

// paramValue reads a token or a quoted string.
func paramValue(text string) (value, rest string) {
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text+",", " \t,")
		return text[:end], text[end:]
	}
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '"':
			return value, text[i+1:]
		case text[i] == '\\' && i+1 < len(text):
			i++
		}
		value += text[i : i+1]
	}
	return value, ""
}
