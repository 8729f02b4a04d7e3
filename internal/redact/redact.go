// Package redact masks secrets in the words of a command. The log, and the output
// of install, uninstall and status, go through it.
package redact

import (
	"slices"
	"strings"
)

// Mask replaces a secret.
const Mask = "***"

// secretNames are parts of the names of flags, variables, headers and members whose
// values are secrets, in lower case and without separators between words.
var secretNames = []string{"token", "secret", "passw", "passphrase", "pwd", "apikey", "accesskey", "secretkey",
	"privatekey", "credential", "auth", "bearer", "cookie", "dsn", "connectionstring", "signature"}

// secretWords are secret only as the last word of a name: "DB_PASS",
// "--openai-key".
var secretWords = []string{"key", "pass", "pat", "pw"}

// secretStarts are the beginnings of keys of well-known services.
var secretStarts = []string{"sk-", "pk-", "rk_", "sk_", "ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-",
	"xoxa-", "xoxb-", "xoxe-", "xoxp-", "xoxr-", "xoxs-", "AKIA", "ASIA", "AIza", "ya29.", "eyJ", "npm_", "hf_",
	"pypi-", "dop_v1_", "SG."}

// Command is command with secrets masked. In doubt it masks, because more people
// read the log than the configuration.
func Command(command []string) []string {
	out := slices.Clone(command)
	var c context
	for i, a := range command {
		if masked, ok := c.word(a, i == 0); ok {
			out[i] = masked
		} else if i > 0 {
			out[i] = line(Argument(a))
		}
	}
	return out
}

// line masks in an argument of several words, such as a shell's after "-c", what
// is a secret for the words before it.
func line(a string) string {
	const blanks, quotes = " \t\r\n", "\"'`()"
	if !strings.ContainsAny(a, blanks) {
		return a
	}
	var out strings.Builder
	var c context
	for first := true; a != ""; first = false {
		n := strings.IndexAny(a, blanks)
		if n < 0 {
			n = len(a)
		}
		left := strings.TrimLeft(a[:n], quotes)
		bare := strings.TrimRight(left, quotes)
		end := n - (len(left) - len(bare)) // of bare, in a
		if masked, ok := c.word(bare, first); ok && bare != "" {
			out.WriteString(a[:n-len(left)] + masked + a[end:n])
		} else {
			out.WriteString(a[:n])
		}
		rest := strings.TrimLeft(a[n:], blanks)
		out.WriteString(a[n : len(a)-len(rest)])
		a = rest
	}
	return out.String()
}

// context is what the words before a word say about it.
type context struct {
	password string // the password flag of the program that the command runs
	bare     bool   // the word before was that flag, without a value
	next     bool   // or announced a secret
	user     bool   // or was the flag of "user:password"
}

// word says whether a is or holds a secret for what stood before it, and gives it
// masked. The first word is the program.
func (c *context) word(a string, first bool) (masked string, ok bool) {
	if c.password == "" {
		c.password = passwordFlags[program(a)]
	}
	was := *c
	c.bare = !first && c.password != "" && a == c.password // its value comes next
	c.next = !first && announcesSecret(a)
	c.user = a == "-u" || a == "--user" || a == "--proxy-user"
	name, _, pair := strings.Cut(a, ":")
	switch {
	case first:
	case c.password != "" && strings.HasPrefix(a, c.password) && !c.bare:
		return c.password + Mask, true
	case (was.bare || was.next) && !strings.HasPrefix(a, "-"):
		return Mask, true
	case was.user && pair:
		return name + ":" + Mask, true
	}
	return "", false
}

// passwordFlags are one-letter flags for passwords, by program: for other programs
// -p is a port.
var passwordFlags = map[string]string{
	"mysql": "-p", "mysqldump": "-p", "mysqladmin": "-p", "mysqlsh": "-p", "mariadb": "-p", "mariadb-dump": "-p", "mycli": "-p",
	"mongo": "-p", "mongosh": "-p", "mongodump": "-p", "cqlsh": "-p", "sshpass": "-p",
	"redis-cli": "-a", "valkey-cli": "-a", "sqlcmd": "-P", "ldapsearch": "-w",
}

// program is the name of the program at path, for all systems.
func program(path string) string {
	return strings.TrimSuffix(path[strings.LastIndexAny(path, `/\`)+1:], ".exe")
}

// announcesSecret says whether the argument after a is a secret, because a is a
// flag or header with such a name, or the text before the value.
func announcesSecret(a string) bool {
	if strings.HasPrefix(a, "-") || strings.HasSuffix(a, ":") {
		name := strings.TrimSuffix(a, ":")
		return !strings.ContainsAny(name, "=: ") && NamesSecret(name)
	}
	return strings.EqualFold(a, "bearer")
}

// Argument masks the secrets in one argument: the rest of the argument after the
// name of a secret, as in "--token=x", "Authorization: Bearer x", "host=h
// password=x" or {"token":"x"}; the user of a URL (RFC 3986, section 3.2.1); the
// password in "user:password@host"; and words that look like a secret.
func Argument(a string) string {
	const ends = " \t\r\n\"'=:/?&;,|{}[]()<>"
	start := 0 // of the word that is being read
	var out strings.Builder
	for i := 0; i <= len(a); i++ {
		if i < len(a) && strings.IndexByte(ends, a[i]) < 0 {
			continue
		}
		word := a[start:i]
		if LooksSecret(word) && !strings.HasSuffix(a[:start], "sha256:") {
			word = Mask
		}
		out.WriteString(word)
		if i == len(a) {
			break
		}
		if NamesSecret(word) && isValueNext(word, a[i:]) {
			return out.String() + a[i:i+1] + Mask
		}
		if at := userEnd(a[i:]); at > 0 {
			out.WriteString("://" + Mask)
			i += at
		}
		out.WriteByte(a[i])
		if at := passwordEnd(a[i:]); at > 0 && word != "" && !strings.HasSuffix(a[:i], "npm") {
			out.WriteString(Mask)
			i += at - 1
		}
		start = i + 1
	}
	return out.String()
}

// isValueNext says whether rest, which follows the name of a secret, continues with
// its value. After a flag a blank is enough.
func isValueNext(name, rest string) bool {
	rest = strings.TrimLeft(rest, `"' `)
	return rest != "" && (rest[0] == '=' || rest[0] == ':' && !strings.HasPrefix(rest, "://")) ||
		(strings.HasPrefix(name, "-") || strings.EqualFold(name, "bearer")) && rest != "" && rest[0] != '-'
}

// passwordEnd is the index of the @ after a password, if rest begins at the colon
// of "user:password@host"; else 0. A version and the hash of an image also have an
// @ before them.
func passwordEnd(rest string) int {
	if rest[0] != ':' || strings.HasPrefix(rest, "://") {
		return 0
	}
	at := strings.IndexByte(rest, '@')
	if at < 2 || strings.ContainsAny(rest[1:at], "/ \t\"',:") || strings.HasPrefix(rest[at:], "@sha256:") {
		return 0
	}
	return at
}

// userEnd is the index of the @ after the user of a URL, if rest begins at its
// "://"; else 0.
func userEnd(rest string) int {
	if !strings.HasPrefix(rest, "://") {
		return 0
	}
	authority := rest[3:]
	if end := strings.IndexAny(authority, "/?# "); end >= 0 {
		authority = authority[:end]
	}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		return 3 + at
	}
	return 0
}

// NamesSecret says whether name is the name of a secret.
func NamesSecret(name string) bool {
	name = strings.ToLower(name)
	if last := name[strings.LastIndexAny(name, "-_.")+1:]; slices.Contains(secretWords, last) {
		return true
	}
	name = strings.NewReplacer("-", "", "_", "", ".", "").Replace(name)
	return slices.ContainsFunc(secretNames, func(part string) bool { return strings.Contains(name, part) })
}

// LooksSecret says whether s looks like a key of a service, or is a long random
// word.
func LooksSecret(s string) bool {
	if IsServiceKey(s) {
		return true
	}
	const digits, lower, upper = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if len(s) < 24 || strings.Trim(s, digits+lower+upper+"+_-") != "" || !strings.ContainsAny(s, digits) {
		return false
	}
	return strings.ContainsAny(s, upper) && strings.ContainsAny(s, lower) || strings.Trim(s, digits+"abcdef") == ""
}

// IsServiceKey says whether s begins like a key of a well-known service, or a JSON Web
// Token. For ids, which are long random words, LooksSecret says too much.
func IsServiceKey(s string) bool {
	return slices.ContainsFunc(secretStarts, func(start string) bool { return strings.HasPrefix(s, start) && len(s) > len(start)+6 })
}
