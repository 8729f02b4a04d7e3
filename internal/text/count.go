package text

import (
	"fmt"
	"strings"
)

// Count is a number of things, in words: "1 record", "1,234 records",
// "2 witnesses".
func Count(n int64, thing string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(thing, "s"):
		thing += "es"
	default:
		thing += "s"
	}
	return Grouped(n) + " " + thing
}

// Grouped is a number in digits for people: 1,234,567.
func Grouped(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Clip is s or, if it has more than most bytes, its beginning and "...".
func Clip(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
