package keys

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/sshagent"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

// MaxTrust is the length of the longest trust file, in bytes.
const MaxTrust = 1 << 20

// Namespaces of a trust file (FORMAT.md, "Trust files"): for receipts and events, and
// for events that accept that records are gone.
const (
	TrustNamespace       = "signet-wrap"
	MaintenanceNamespace = "signet-maintenance"
)

// A TrustLine says who holds a key, and from when until when: a line of a trust
// file that counts.
type TrustLine struct {
	Number        int // of the line, from 1 on
	Principals    []string
	Key           ed25519.PublicKey
	After, Before time.Time // zero: no bound
	Maintenance   bool      // its events may accept that records are gone
}

// ParseTrust reads a trust file, which is an allowed_signers file of ssh-keygen.
// Lines for other kinds of keys and for other namespaces are read and left out. What
// is wrong with a line is an error that names it: a line must not be passed over.
func ParseTrust(b []byte) ([]TrustLine, error) {
	if len(b) > MaxTrust {
		return nil, fmt.Errorf("it is longer than %d bytes", MaxTrust)
	}
	b, err := text.Decode(b)
	if err != nil {
		return nil, err
	}
	var lines []TrustLine
	number := 0
	for line := range bytes.Lines(b) {
		number++
		l, counts, err := parseTrustLine(string(line))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if l.Number = number; counts {
			lines = append(lines, *l)
		}
	}
	return lines, nil
}

// parseTrustLine reads a line. counts is false for one that says nothing here.
func parseTrustLine(line string) (l *TrustLine, counts bool, err error) {
	l = &TrustLine{}
	line = strings.TrimSpace(line)
	if line == "" || line[0] == '#' {
		return l, false, nil
	}
	if strings.ContainsFunc(line, func(r rune) bool { return r < ' ' && r != '\t' }) {
		return l, false, fmt.Errorf("it has a control character")
	}
	principals, rest, err := trustField(line)
	if err != nil {
		return l, false, err
	}
	if err := l.takePrincipals(principals); err != nil {
		return l, false, err
	}
	kind, rest, err := trustField(rest)
	if err != nil {
		return l, false, err
	}
	counts = true
	if !isKeyType(kind) {
		if counts, err = l.takeOptions(kind); err != nil {
			return l, false, err
		}
		if kind, rest, err = trustField(rest); err != nil {
			return l, false, err
		}
	}
	if !isKeyType(kind) {
		return l, false, fmt.Errorf("%q is neither an option nor a type of key", kind)
	}
	b64, _, err := trustField(rest) // and a comment
	if err != nil {
		return l, false, err
	}
	blob, err := base64.StdEncoding.Strict().DecodeString(b64)
	if err != nil || len(blob) < 4 || uint64(binary.BigEndian.Uint32(blob)) > uint64(len(blob)-4) ||
		string(blob[4:4+binary.BigEndian.Uint32(blob)]) != kind {
		return l, false, fmt.Errorf("what follows %s is not such a key in base64", kind)
	}
	if kind != "ssh-ed25519" {
		return l, false, nil // it signs no receipts
	}
	key, ok := sshagent.ParseBlob(blob)
	if !ok {
		return l, false, fmt.Errorf("what follows %s is not such a key in base64", kind)
	}
	l.Key = key
	return l, counts, nil
}

// isKeyType knows the types of keys that OpenSSH has.
func isKeyType(s string) bool {
	for _, prefix := range []string{"ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-"} {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

// trustField takes the first field of a line: up to white space outside quotes.
func trustField(line string) (field, rest string, err error) {
	line = strings.TrimLeft(line, " \t")
	if line == "" {
		return "", "", fmt.Errorf("it ends too early: principals, perhaps options, a type of key and the key in base64 are needed")
	}
	quoted := false
	for i := range len(line) {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case !quoted && (c == ' ' || c == '\t'):
			return line[:i], line[i+1:], nil
		}
	}
	if quoted {
		return "", "", fmt.Errorf("a quotation mark is not closed")
	}
	return line, "", nil
}

// maxPrincipals bounds those of a line, and maxPrincipal each, in bytes.
const (
	maxPrincipals = 20
	maxPrincipal  = 200
)

func (l *TrustLine) takePrincipals(field string) error {
	if len(field) > 1 && field[0] == '"' && field[len(field)-1] == '"' {
		field = field[1 : len(field)-1]
	}
	l.Principals = strings.Split(field, ",")
	if len(l.Principals) > maxPrincipals {
		return fmt.Errorf("it has more than %d principals", maxPrincipals)
	}
	for _, p := range l.Principals {
		switch {
		case p == "" || len(p) > maxPrincipal || strings.Contains(p, `"`):
			return fmt.Errorf("%.40q is not a principal of 1 to %d bytes", p, maxPrincipal)
		case isPattern(p):
			return fmt.Errorf("the principal %.40q is a pattern: name who is meant", p)
		}
	}
	return nil
}

// isPattern says whether OpenSSH would take s for a pattern.
func isPattern(s string) bool { return strings.ContainsAny(s, "*?!") }

// takeOptions takes the options of a line, and says whether they let it count here.
func (l *TrustLine) takeOptions(field string) (counts bool, err error) {
	counts = true
	var given []string
	for field != "" {
		var option string
		option, field = cutOption(field)
		name, value, valued := strings.Cut(option, "=")
		name = strings.ToLower(name)
		if slices.Contains(given, name) {
			return false, fmt.Errorf("the option %s is there twice", name)
		}
		given = append(given, name)
		if quotes := strings.Count(value, `"`); valued && (quotes != 2 || len(value) < 2 || value[0] != '"' || value[len(value)-1] != '"') {
			return false, fmt.Errorf("the value of %.40s must stand in quotation marks", name)
		}
		value = strings.Trim(value, `"`)
		switch {
		case name == "namespaces" && valued:
			counts = false
			for namespace := range strings.SplitSeq(value, ",") {
				if isPattern(namespace) || namespace == "" {
					return false, fmt.Errorf("the namespace %.40q is a pattern: name what is meant", namespace)
				}
				counts = counts || namespace == TrustNamespace
				l.Maintenance = l.Maintenance || namespace == MaintenanceNamespace
			}
			counts = counts || l.Maintenance
		case name == "valid-after" && valued:
			l.After, err = ParseTrustTime(value)
		case name == "valid-before" && valued:
			l.Before, err = ParseTrustTime(value)
		case name == "cert-authority":
			return false, fmt.Errorf("certificates sign no receipts: cert-authority is refused")
		default:
			return false, fmt.Errorf("%.40q is not an option: namespaces=, valid-after=, valid-before=", option)
		}
		if err != nil {
			return false, fmt.Errorf("%s: %w", name, err)
		}
	}
	if !l.After.IsZero() && !l.Before.IsZero() && !l.After.Before(l.Before) {
		return false, fmt.Errorf("valid-before is not after valid-after")
	}
	return counts, nil
}

// cutOption takes the first of options with commas between them, outside quotes.
func cutOption(s string) (option, rest string) {
	quoted := false
	for i := range len(s) {
		if s[i] == '"' {
			quoted = !quoted
		}
		if s[i] == ',' && !quoted {
			return s[:i], s[i+1:]
		}
	}
	return s, ""
}

// ParseTrustTime reads a time as trust files have it: YYYYMMDD, YYYYMMDDHHMM or
// YYYYMMDDHHMMSS, local, or with a Z in UTC.
func ParseTrustTime(s string) (time.Time, error) {
	digits, utc := strings.CutSuffix(s, "Z")
	place := time.Local
	if utc {
		place = time.UTC
	}
	form := map[int]string{8: "20060102", 12: "200601021504", 14: "20060102150405"}[len(digits)]
	t, err := time.ParseInLocation(form, digits, place)
	if form == "" || err != nil || strings.Trim(digits, "0123456789") != "" {
		return time.Time{}, fmt.Errorf("%.40q is not a time: YYYYMMDD, or YYYYMMDDHHMMSS, with Z for UTC", s)
	}
	return t, nil
}

// FormatTrust is the line of l in a trust file. ParseTrust gives l back, to the
// second.
func FormatTrust(l TrustLine) string {
	var b strings.Builder
	principals := strings.Join(l.Principals, ",")
	if strings.ContainsAny(principals, " \t") || strings.HasPrefix(principals, "#") {
		principals = `"` + principals + `"`
	}
	namespaces := TrustNamespace
	if l.Maintenance {
		namespaces += "," + MaintenanceNamespace
	}
	fmt.Fprintf(&b, `%s namespaces="%s"`, principals, namespaces)
	const form = "20060102150405Z"
	if !l.After.IsZero() {
		fmt.Fprintf(&b, `,valid-after="%s"`, l.After.UTC().Format(form))
	}
	if !l.Before.IsZero() {
		fmt.Fprintf(&b, `,valid-before="%s"`, l.Before.UTC().Format(form))
	}
	fmt.Fprintf(&b, " ssh-ed25519 %s", base64.StdEncoding.EncodeToString(sshagent.Blob(l.Key)))
	return b.String()
}
