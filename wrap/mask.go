package wrap

import (
	"slices"
	"strings"
)

// masked stands where a secret stood.
const masked = "***"

// secretNames are parts of the names of flags and variables whose values are
// not for a log, without the hyphens and underscores between words.
var secretNames = []string{"token", "secret", "passw", "passphrase", "pwd", "apikey", "accesskey",
	"privatekey", "credential", "auth", "bearer", "cookie", "dsn", "connectionstring"}

// secretStarts are how the keys of well-known services begin.
var secretStarts = []string{"sk-", "pk-", "rk_", "sk_", "ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-",
	"xoxa-", "xoxb-", "xoxe-", "xoxp-", "xoxr-", "xoxs-", "AKIA", "ASIA", "AIza", "ya29.", "eyJ", "npm_", "hf_",
	"pypi-", "dop_v1_", "SG.", "Bearer ", "Basic "}

// maskSecrets is command with what looks like a secret replaced. It errs to
// masking: the log is read by more people than the configuration.
func maskSecrets(command []string) []string {
	out := slices.Clone(command)
	next := false // the argument before was the name of a secret
	for i, a := range command {
		if i == 0 {
			continue
		}
		name, value, found := strings.Cut(a, "=")
		switch {
		case next && !strings.HasPrefix(a, "-"), looksSecret(a):
			out[i] = masked
		case found && (namesSecret(name) || looksSecret(value)):
			out[i] = name + "=" + masked
		default:
			out[i] = withoutPassword(a)
		}
		next = strings.HasPrefix(a, "-") && !found && namesSecret(a)
	}
	return out
}

func namesSecret(name string) bool {
	name = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
	return slices.ContainsFunc(secretNames, func(part string) bool { return strings.Contains(name, part) })
}

// looksSecret knows the keys of services and long random words.
func looksSecret(s string) bool {
	if slices.ContainsFunc(secretStarts, func(start string) bool { return strings.HasPrefix(s, start) }) {
		return true
	}
	const digits, lower, upper = "0123456789", "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	if len(s) < 24 || strings.Trim(s, digits+lower+upper+"+_=-") != "" || !strings.ContainsAny(s, digits) {
		return false
	}
	return strings.ContainsAny(s, upper) && strings.ContainsAny(s, lower) || strings.Trim(s, digits+"abcdef") == ""
}

// withoutPassword is a URL with its user and password masked (RFC 3986,
// section 3.2.1), anything else as it is.
func withoutPassword(s string) string {
	scheme, rest, ok := strings.Cut(s, "://")
	if !ok {
		return s
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndexByte(rest[:end], '@')
	if at < 0 {
		return s
	}
	return scheme + "://" + masked + rest[at:]
}
