package edverify

import (
	"filippo.io/edwards25519"
	"filippo.io/edwards25519/field"
)

// The library can also add points, but it prepares the second operand each time,
// which takes a third longer.

// A sum is a point that others are added to, in extended coordinates: x = X/Z,
// y = Y/Z, xy = T/Z (RFC 8032, section 5.1.4).
type sum struct{ x, y, z, t field.Element }

// newSum is the neutral element.
func newSum() *sum {
	s := new(sum)
	s.y.One()
	s.z.One()
	return s
}

// point returns s. The error says that s is not on the curve.
func (s *sum) point() (*edwards25519.Point, error) {
	return new(edwards25519.Point).SetExtendedCoordinates(&s.x, &s.y, &s.z, &s.t)
}

// An addend is a point in the form that addition needs: Y+X, Y-X, 2Z and 2dT.
type addend struct{ plus, minus, z2, t2d field.Element }

func (a *addend) set(p *edwards25519.Point) {
	x, y, z, t := p.ExtendedCoordinates()
	a.plus.Add(y, x)
	a.minus.Subtract(y, x)
	a.z2.Add(z, z)
	a.t2d.Multiply(t, twoD)
}

// twoD is 2d, where d is -121665/121666 (RFC 8032, section 5.1).
var twoD = func() *field.Element {
	d := new(field.Element).Mult32(new(field.Element).One(), 121666)
	d.Invert(d)
	return d.Negate(d.Mult32(d, 2*121665))
}()

// add adds q, or -q, whose X and T have the other sign. It is the addition of RFC
// 8032, section 5.1.4, with the names there, and complete: there are no points on
// the curve for which it does not hold.
func (s *sum) add(q *addend, negative bool) {
	var a, b, c, d, e, f, g, h field.Element
	plus, minus, less, more := &q.plus, &q.minus, &f, &g
	if negative {
		plus, minus, less, more = minus, plus, more, less
	}
	a.Multiply(a.Subtract(&s.y, &s.x), minus)
	b.Multiply(b.Add(&s.y, &s.x), plus)
	c.Multiply(&s.t, &q.t2d)
	d.Multiply(&s.z, &q.z2)
	e.Subtract(&b, &a)
	less.Subtract(&d, &c)
	more.Add(&d, &c)
	h.Add(&b, &a)
	s.x.Multiply(&e, &f)
	s.y.Multiply(&g, &h)
	s.t.Multiply(&e, &h)
	s.z.Multiply(&f, &g)
}
