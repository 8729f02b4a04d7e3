package keys

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// ParsePublic reads the contents of a .pub file: FORMAT.md, "The public half". The
// error says what is wrong. It is not a FileError, because there is no path.
func ParsePublic(b []byte) (*Public, error) {
	if len(b) > maxFile {
		return nil, fmt.Errorf("not a public key: longer than %d bytes", maxFile)
	}
	p, reason := parsePublic(b)
	if reason != "" {
		return nil, fmt.Errorf("not a public key: %s", reason)
	}
	return p, nil
}

func parsePublic(b []byte) (p *Public, reason string) {
	o := parseObject(b, "v", "algorithm", "name", "pubkey", "owner", "created_at")
	o.header()
	p = &Public{Name: o.str("name"), Key: o.bytes("pubkey", ed25519.PublicKeySize)}
	if !ValidName(p.Name) {
		o.fail(`"name" is not a name: 1 to 64 of A-Z a-z 0-9 _ -`)
	}
	if o.has("owner") && o.member["owner"].Kind() != 'n' {
		p.Owner = o.str("owner")
	}
	created, err := time.Parse(time.RFC3339, o.str("created_at"))
	p.Created = created.UTC()
	if err != nil || p.Created.Year() < 0 || p.Created.Year() > 9999 {
		o.fail(`"created_at" is not a time`)
	}
	return p, o.reason
}

// FormatPublic returns the contents of p's .pub file. ParsePublic returns p from
// it, with Created in milliseconds.
func FormatPublic(p *Public) []byte {
	s := fmt.Appendf(nil, `{"v":1,"algorithm":"ed25519","name":%q,"pubkey":%q`, p.Name, b64(p.Key))
	if p.Owner != "" {
		s = canon.AppendString(append(s, `,"owner":`...), p.Owner)
	}
	s = fmt.Appendf(s, `,"created_at":%q}`, event.FormatTime(p.Created))
	return indent(s)
}
