package canon

// IsCanonical says whether b is its own canonical form, that is, whether
// [Canonicalize](b) succeeds and returns b. It takes one pass and does not
// allocate: verification depends on its speed.
func IsCanonical(b []byte) bool { return scanValue(b, 0, 0) == len(b) }

// The scanners return the index after what they scanned, or -1 if it is not there
// in canonical form. depth is the number of arrays and objects around it.

func scanValue(b []byte, i, depth int) int {
	if i >= len(b) {
		return -1
	}
	switch b[i] {
	case '"':
		return scanString(b, i)
	case '{':
		return scanObject(b, i, depth)
	case '[':
		return scanArray(b, i, depth)
	case 't':
		return scanLiteral(b, i, "true")
	case 'f':
		return scanLiteral(b, i, "false")
	case 'n':
		return scanLiteral(b, i, "null")
	}
	end, small := scanNumber(b, i)
	if end < 0 || !small && !canonicalNumber(b[i:end]) {
		return -1
	}
	return end
}

func scanLiteral(b []byte, i int, literal string) int {
	if len(b)-i < len(literal) || string(b[i:i+len(literal)]) != literal {
		return -1
	}
	return i + len(literal)
}

func scanArray(b []byte, i, depth int) int {
	if depth >= MaxDepth {
		return -1
	}
	i++
	if i < len(b) && b[i] == ']' {
		return i + 1
	}
	for {
		if i = scanValue(b, i, depth+1); i < 0 || i >= len(b) {
			return -1
		}
		switch b[i] {
		case ',':
			i++
		case ']':
			return i + 1
		default:
			return -1
		}
	}
}

func scanObject(b []byte, i, depth int) int {
	if depth >= MaxDepth {
		return -1
	}
	i++
	if i < len(b) && b[i] == '}' {
		return i + 1
	}
	var previous []byte // the last name, without its quotes
	for first := true; ; first = false {
		if i >= len(b) || b[i] != '"' {
			return -1
		}
		end := scanString(b, i)
		if end < 0 || end >= len(b) || b[end] != ':' {
			return -1
		}
		name := b[i+1 : end-1]
		if !first && !NameLess(previous, name) {
			return -1
		}
		previous = name
		if i = scanValue(b, end+1, depth+1); i < 0 || i >= len(b) {
			return -1
		}
		switch b[i] {
		case ',':
			i++
		case '}':
			return i + 1
		default:
			return -1
		}
	}
}
