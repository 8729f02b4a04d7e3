package sign

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/canon"
)

// A Member of an event: a name of lower-case letters and underscores, and a
// value in canonical form.
type Member struct {
	Name  string
	Value []byte
}

// Event makes a signed event for the log, a statement about the log itself and
// not about a call (FORMAT.md, "Event"). kind is what its member "type" says.
// prev is the record_hash that it follows, as for [Draft.SignAt]; "" if it is
// for no log. It fails for a member whose name is taken or whose value is not
// canonical.
func (s *Signer) Event(kind string, now time.Time, prev string, members []Member) (*Receipt, error) {
	var x seal
	if err := x.open(now, s, prev); err != nil {
		return nil, err
	}
	all := append(slices.Clone(members),
		Member{"nonce", quote(x.nonce[:])},
		Member{"signer", s.signer},
		Member{"ts", quote(x.ts[:])},
		Member{"type", canon.AppendString(nil, kind)},
		Member{"v", []byte("1")})
	message, err := appendMembers(nil, all)
	if err != nil {
		return nil, fmt.Errorf("make an event %q: %w", kind, err)
	}
	if err := x.sign("evt_", s.key, message); err != nil {
		return nil, err
	}
	all = append(all, Member{"id", quote(x.id[:])}, Member{"sig", quote(x.sig[:])})
	b, err := appendMembers(nil, all)
	if err != nil {
		return nil, fmt.Errorf("make an event %q: %w", kind, err)
	}
	return &Receipt{ID: string(x.id[:]), JSON: b, Record: b}, nil
}

func quote(s []byte) []byte { return canon.AppendString(nil, string(s)) }

// appendMembers appends an object in canonical form; it sorts members.
func appendMembers(b []byte, members []Member) ([]byte, error) {
	slices.SortFunc(members, func(x, y Member) int { return strings.Compare(x.Name, y.Name) })
	b = append(b, '{')
	for i, m := range members {
		switch {
		case m.Name == "" || strings.Trim(m.Name, "abcdefghijklmnopqrstuvwxyz_") != "":
			return nil, fmt.Errorf("member %q has a bad name", m.Name)
		case i > 0 && members[i-1].Name == m.Name:
			return nil, fmt.Errorf("member %q stands twice", m.Name)
		case !canon.IsCanonical(m.Value):
			return nil, fmt.Errorf("member %q is not canonical", m.Name)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(canon.AppendString(b, m.Name), ':')
		b = append(b, m.Value...)
	}
	return append(b, '}'), nil
}
