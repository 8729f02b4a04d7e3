package verify

import (
	"crypto/ed25519"
	"slices"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/keys"
	"github.com/signet-wrap/signet-wrap/sign"
)

// Keys are the public keys that are known, and by whose word. The zero value knows
// none.
type Keys struct {
	// Trust names the trust file in force, "" if there is none. Then what is signed
	// by a key that only the home names is not established.
	Trust string

	known map[string]*identity // by the 32 bytes
}

// identity is what is known of a key.
type identity struct {
	name    string // what it is called here
	trusted bool   // by who verifies, at any time
	carried bool   // by the evidence alone
	grants  []keys.TrustLine
}

// Levels of trust in a key.
const (
	Trusted = "trusted" // by a trust file, or by who verifies
	Named   = "named"   // by the home whose log it is
	Carried = "carried" // by the evidence that is verified, which anybody can make
	Unknown = "unknown"
)

// Add adds a key that the home names, unless it is known already.
func (k *Keys) Add(key ed25519.PublicKey, name string) { k.identity(key, name) }

// AddCarried adds a key that only the evidence names, unless it is known already: what
// it signed is read, and not established.
func (k *Keys) AddCarried(key ed25519.PublicKey, name string) {
	if !k.has(key) {
		k.identity(key, name).carried = true
	}
}

// AddTrusted adds a key that who verifies names.
func (k *Keys) AddTrusted(key ed25519.PublicKey, name string) { k.identity(key, name).trusted = true }

// AddGrant adds a line of the trust file in force.
func (k *Keys) AddGrant(l keys.TrustLine) {
	i := k.identity(l.Key, strings.Join(l.Principals, ", "))
	i.grants = append(i.grants, l)
}

func (k *Keys) identity(key ed25519.PublicKey, name string) *identity {
	if k.known == nil {
		k.known = map[string]*identity{}
	}
	i := k.known[string(key)]
	if i == nil {
		i = &identity{name: name}
		k.known[string(key)] = i
	}
	return i
}

// Name is what the key is called here, and whether it is known at all.
func (k *Keys) Name(key ed25519.PublicKey) (name string, known bool) {
	if i := k.known[string(key)]; i != nil {
		return i.name, true
	}
	return "", false
}

// has is a [sign.Known].
func (k *Keys) has(key ed25519.PublicKey) bool {
	_, ok := k.known[string(key)]
	return ok
}

// maintains says whether all who signed may accept that records are gone. A key that
// was closed may not: when it signed is its own word.
func (k *Keys) maintains(v *sign.Verified) bool {
	for _, p := range v.Signers {
		i := k.known[string(p.Key)]
		if i == nil || !slices.ContainsFunc(i.grants, func(g keys.TrustLine) bool {
			return g.Maintenance && g.Before.IsZero() && !v.Time.Before(g.After)
		}) {
			return false
		}
	}
	return len(v.Signers) > 0
}

// A standing is what is known of who signed something at a time that it claims.
type standing struct {
	level string // Trusted, Named, Carried or Unknown
	as    string // what it is called here
	// until, if not zero, is the time at or before which an anchor must have seen it,
	// or when it was signed is its own word.
	until   time.Time
	outside bool // the time that it claims is none at which the key is trusted
}

func (s standing) known() bool { return s.level != Unknown }

// standing is that of a key, for what claims a time.
func (k *Keys) standing(key ed25519.PublicKey, claimed time.Time) standing {
	i := k.known[string(key)]
	switch {
	case i == nil:
		return standing{level: Unknown}
	case i.trusted:
		return standing{level: Trusted, as: i.name}
	case len(i.grants) == 0 && i.carried:
		return standing{level: Carried, as: i.name}
	case len(i.grants) == 0:
		return standing{level: Named, as: i.name}
	}
	s := standing{level: Trusted, as: i.name, outside: true}
	for _, g := range i.grants {
		as := strings.Join(g.Principals, ", ")
		switch {
		case claimed.Before(g.After):
		case g.Before.IsZero():
			return standing{level: Trusted, as: as}
		case g.Before.After(s.until):
			s.as, s.until, s.outside = as, g.Before, claimed.After(g.Before)
		}
	}
	return s
}

// signers calls see for each who signed v. One to whom a known root has delegated
// its authority is known by that: sign.Verify has checked the delegations, and the
// root comes first.
func (k *Keys) signers(v *sign.Verified, see func(p sign.Party, s standing)) {
	claimed := v.Time
	if v.Responded.After(claimed) {
		claimed = v.Responded
	}
	vouched := ""
	for _, p := range v.Signers {
		s := k.standing(p.Key, claimed)
		root := s.known() && p.Role == "root"
		if vouched != "" && !s.known() {
			s = standing{level: vouched, as: byDelegation}
		}
		see(p, s)
		if root {
			vouched = s.level
		}
	}
}

const byDelegation = "by delegation"

// established says whether a signer of this level is good enough.
func (k *Keys) established(level string) bool {
	return level == Trusted || level == Named && k.Trust == ""
}
