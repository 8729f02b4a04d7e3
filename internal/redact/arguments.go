package redact

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
)

// InArguments says whether the arguments of a call, as JSON text, seem to hold a secret:
// a key of a well-known service, a private key, the password in a URL, a bearer token, a
// long random word, basic credentials, or what follows the name or flag of a secret. The patterns are those of
// [Argument]; but arguments are texts and code, too, so names of secrets count only
// before what can be one, and hashes, and long runs of base64, are none.
//
// It reads the bytes as they are: what is escaped (\u0041), encoded or split is not
// found. It takes one pass.
func InArguments(raw []byte) bool {
	if bytes.Contains(raw, []byte("PRIVATE KEY-----")) {
		return true
	}
	for i := 0; i < len(raw); {
		if argumentEnds[raw[i]] {
			if raw[i] == ':' && hasPasswordInURL(raw[i:]) {
				return true
			}
			if raw[i] == '\\' && i+1 < len(raw) { // of \n, n begins no word
				i++
				if raw[i] == 'u' {
					i = min(i+4, len(raw)-1)
				}
			}
			i++
			continue
		}
		end := i + 1
		for end < len(raw) && !argumentEnds[raw[end]] {
			end++
		}
		if isSecretWord(raw, i, end) || end < len(raw) && announces(raw[i:end], raw[end:]) {
			return true
		}
		i = end
	}
	return false
}

// argumentEnds are the bytes that end a word.
var argumentEnds = func() (is [256]bool) {
	for _, c := range []byte(" \t\r\n\"'`=:/?&;,|{}[]()<>\\") {
		is[c] = true
	}
	return is
}()

// isSecretWord says whether raw[from:to] is a secret by itself.
func isSecretWord(raw []byte, from, to int) bool {
	if to-from < 8 || to-from > 4096 {
		return false
	}
	word := raw[from:to]
	if word[0] != 'A' && !hasDigit(word) {
		return false
	}
	switch c := word[0]; c {
	case 's', 'p', 'r', 'g', 'x', 'A', 'y', 'n', 'h', 'd', 'S', 'e':
		s := string(word[:min(len(word), 200)])
		if strings.HasPrefix(s, "eyJ") { // also the beginning of any JSON in base64
			return strings.Count(s, ".") >= 2
		}
		if IsServiceKey(s) && len(s) >= 16 && (strings.ContainsAny(s, "0123456789") || strings.HasPrefix(s, "AKIA") || strings.HasPrefix(s, "ASIA")) {
			return true
		}
	}
	return to-from >= 24 && to-from <= 100 && isRandom(word) && runOfBase64(raw, from, to) <= 100
}

func hasDigit(b []byte) bool {
	for _, c := range b {
		if '0' <= c && c <= '9' {
			return true
		}
	}
	return false
}

func hasLetter(b []byte) bool {
	for _, c := range b {
		if 'a' <= c|0x20 && c|0x20 <= 'z' {
			return true
		}
	}
	return false
}

// isRandom says whether a word has digits, and letters of both cases, mixed as no name
// has them.
func isRandom(word []byte) bool {
	var digits, lower, upper, changes int
	last := byte(0)
	for _, c := range word {
		kind := byte(0)
		switch {
		case '0' <= c && c <= '9':
			kind = 'd'
			digits++
		case 'a' <= c && c <= 'z':
			kind = 'l'
			lower++
		case 'A' <= c && c <= 'Z':
			kind = 'u'
			upper++
		case c == '+' || c == '_' || c == '-':
		default:
			return false
		}
		if kind != last {
			changes++
		}
		last = kind
	}
	return digits > 1 && lower > 1 && upper > 1 && changes*3 >= len(word)
}

// runOfBase64 is the length of the run of base64 that a word is part of.
func runOfBase64(raw []byte, from, to int) int {
	is := func(c byte) bool { return c == '/' || c == '=' || !argumentEnds[c] }
	for from > 0 && to-from <= 200 && is(raw[from-1]) {
		from--
	}
	for to < len(raw) && to-from <= 200 && is(raw[to]) {
		to++
	}
	return to - from
}

// announces says whether name, which rest follows, is the name of a secret before what
// can be one: something in quotes, or a word with a digit.
func announces(name, rest []byte) bool {
	switch rest[0] { // most words are followed by nothing of interest
	case '=', ':', '"', '\'', '`', '\\':
	case ' ':
		if len(name) != 6 && len(name) != 5 && name[0] != '-' && (len(rest) < 2 || rest[1] != '=' && rest[1] != ':' && rest[1] != ' ') {
			return false
		}
	default:
		return false
	}
	if len(name) > 64 {
		return false
	}
	if name[0] == '-' && flagAnnounces(name, rest) {
		return true
	}
	bearer := len(name) == 6 && rest[0] == ' ' && strings.EqualFold(string(name), "bearer")
	basic := len(name) == 5 && rest[0] == ' ' && strings.EqualFold(string(name), "basic")
	if !bearer && !basic {
		at := 0
		for at < min(len(rest), 16) && betweenNameAndValue[rest[at]] {
			at++
		}
		if at >= min(len(rest), 16) || rest[at] != '=' && rest[at] != ':' || bytes.HasPrefix(rest[at:], []byte("://")) || !namesSecretMember(name) {
			return false
		}
		rest = rest[at+1:]
	}
	value := bytes.TrimLeft(rest[:min(len(rest), 200)], " >=")
	before := len(value)
	value = bytes.TrimLeft(value, "\"'`\\")
	quoted := len(value) < before
	end := 0
	for end < len(value) && (!argumentEnds[value[end]] || value[end] == '/' || value[end] == ':') {
		end++
	}
	value = value[:end]
	switch {
	case bearer:
		return len(value) >= 16
	case basic: // "user:password" in base64
		user, err := base64.RawStdEncoding.AppendDecode(nil, value)
		return err == nil && bytes.IndexByte(user, ':') > 0
	case bytes.HasPrefix(value, []byte("***")), bytes.ContainsAny(value[:min(1, len(value))], "$%<"): // masked, or a variable
		return false
	case quoted:
		return len(value) >= 6
	}
	return hasDigit(value) && (len(value) >= 8 || len(value) >= 6 && hasLetter(value)) && bytes.IndexByte(value, '.') < 0
}

// flagAnnounces says whether name is the flag of a command for a secret, as
// "--password", and rest continues with what can be one: after = or a blank, or as the
// next string of a list; or the flag before "user:password".
func flagAnnounces(name, rest []byte) bool {
	if n := string(name); (n == "-u" || n == "--user" || n == "--proxy-user") && rest[0] != ':' {
		user, password, ok := bytes.Cut(firstWord(bytes.TrimLeft(rest[:min(len(rest), 200)], "=\"'` ,\\")), []byte(":"))
		return ok && len(user) > 0 && len(password) >= 6 && hasDigit(password) && hasLetter(password) // not of uid:gid
	}
	bare := bytes.TrimLeft(name, "-")
	if len(bare) == 0 || !namesSecretMember(bare) || !endsAsSecret(bare) {
		return false
	}
	value := bytes.TrimLeft(rest[:min(len(rest), 200)], "=\"'` ,\\")
	end := 0
	for end < len(value) && !argumentEnds[value[end]] {
		end++
	}
	value = value[:end]
	return len(value) >= 6 && value[0] != '-' && value[0] != '$' && hasDigit(value) && hasLetter(value) && bytes.IndexByte(value, '.') < 0
}

// firstWord is the beginning of s up to a blank or a quote.
func firstWord(s []byte) []byte {
	if end := bytes.IndexAny(s, " \t\"'`\\,"); end >= 0 {
		return s[:end]
	}
	return s
}

// endsAsSecret says whether a name ends with the name of a secret: not "auth-type".
func endsAsSecret(name []byte) bool {
	low := strings.ToLower(string(name))
	if slices.Contains(secretWords, low[strings.LastIndexAny(low, "-_.")+1:]) {
		return true
	}
	low = strings.NewReplacer("-", "", "_", "", ".", "").Replace(low)
	return strings.HasSuffix(low, "password") || strings.HasSuffix(low, "passwd") ||
		slices.ContainsFunc(secretNames, func(part string) bool { return strings.HasSuffix(low, part) })
}

// betweenNameAndValue are the bytes that may be between a name and the = or : after it.
var betweenNameAndValue = [256]bool{'"': true, '\'': true, '`': true, ' ': true, '\\': true}

// namesSecretMember is NamesSecret, but not for words of texts that only begin so, and
// without an allocation.
func namesSecretMember(name []byte) bool {
	var room, bareRoom [64]byte
	low, bare := room[:0], bareRoom[:0]
	last := 0 // where the last word of the name begins
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if low = append(low, c); c == '-' || c == '_' || c == '.' {
			last = len(low)
			continue
		}
		bare = append(bare, c)
	}
	is := false
	for _, word := range secretWords {
		is = is || string(low[last:]) == word
	}
	for i, c := range bare {
		for _, part := range secretNamesBy[c] {
			is = is || len(bare)-i >= len(part) && string(bare[i:i+len(part)]) == part
		}
	}
	if !is || string(low) == "key" { // of a list, an object, a keyboard
		return false
	}
	for _, word := range [...]string{"author", "tokeniz", "tokens", "authentic", "keyboard"} {
		if bytes.Contains(low, []byte(word)) && string(low) != "authorization" {
			return false
		}
	}
	return true
}

// secretNamesBy are secretNames by their first bytes.
var secretNamesBy = func() (by [256][]string) {
	for _, part := range secretNames {
		by[part[0]] = append(by[part[0]], part)
	}
	return by
}()

// hasPasswordInURL says whether rest begins at the "://" of a URL with a user and a password.
func hasPasswordInURL(rest []byte) bool {
	if !bytes.HasPrefix(rest, []byte("://")) {
		return false
	}
	s := string(rest[:min(len(rest), 300)])
	at := userEnd(s)
	if at <= 3 {
		return false
	}
	_, password, ok := strings.Cut(s[3:at], ":")
	return ok && password != "" && !strings.HasPrefix(password, "$") && !strings.HasPrefix(password, "***")
}
