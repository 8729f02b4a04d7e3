package proc

import (
	"fmt"
	"strings"
)

// Windows cannot start a batch file, such as npx.cmd. It starts cmd.exe, which
// parses the arguments by its own rules: once from its command line, and again
// where the file has %*. With the quoting that programs understand, an argument
// such as `"&calc` would run as a command (golang/go #27199, #69939;
// CVE-2024-24576, "BatBadBut").
//
// This file has no build tag, so that its tests run everywhere.

// isBatch says whether Windows starts cmd.exe for the file at path. Dots and spaces
// at the end of a name are not part of it there.
func isBatch(path string) bool {
	path = strings.ToLower(strings.TrimRight(path, ". "))
	return strings.HasSuffix(path, ".bat") || strings.HasSuffix(path, ".cmd")
}

// batchError says why a batch file cannot be given an argument. It does not show
// the argument, which may be a secret.
type batchError struct{ reason string }

func (e *batchError) Error() string { return e.reason }

// maxBatchLine is the maximum length of a line for cmd.exe, in UTF-16 units.
const maxBatchLine = 8191

// batchLine is the command line with which cmd.exe runs the batch file script with
// args. Each argument is one argument for %1 and %*, and no part of it is a
// command. A program that gets %* reads it back unchanged if it follows the rules
// of Microsoft's C runtime since 2008, as node and python do: for them "" within
// quotes is a quote. All programs understand \" too, but it would end the quotes
// for cmd.exe.
//
// The error is a *batchError: for control characters, because a line break ends the
// command and others are lost, and for lines that are too long.
//
// A file can still make cmd.exe parse the arguments once more: with `call`, with
// delayed expansion, or with a bare %~1.
func batchLine(script string, args []string) (string, error) {
	// AutoRun (/d) and the registry's defaults for %x:~n% (/e) and !x! (/v) must
	// have no effect, and neither must the rules by which cmd.exe removes the
	// outermost quotes (/s).
	b := []byte(`cmd.exe /e:ON /v:OFF /d /s /c "`)
	if strings.ContainsFunc(script, isControl) || strings.Contains(script, `"`) {
		return "", &batchError{"its path has a character in it that no file name may have"}
	}
	b = appendBatchQuoted(b, script)
	for i, arg := range args {
		if strings.ContainsFunc(arg, isControl) {
			return "", &batchError{fmt.Sprintf("cmd.exe, which runs batch files, cannot be given the line break or other control character in argument %d", i+1)}
		}
		b = append(b, ' ')
		if arg != "" && strings.IndexFunc(arg, notPlain) < 0 {
			b = append(b, arg...)
		} else {
			b = appendBatchQuoted(b, arg)
		}
	}
	b = append(b, '"')
	if n := utf16Len(string(b)); n > maxBatchLine {
		return "", &batchError{fmt.Sprintf("cmd.exe, which runs batch files, takes a line of %d characters, and the arguments make one of %d", maxBatchLine, n)}
	}
	return string(b), nil
}

// appendBatchQuoted appends s in quotes. Within quotes only the quote and the
// percent sign have a meaning for cmd.exe.
func appendBatchQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	slashes := 0 // number of backslashes directly before s[i]
	for i := range len(s) {
		switch s[i] {
		case '\\':
			slashes++
			b = append(b, '\\')
			continue
		case '"':
			b = appendSlashes(b, slashes)
			b = append(b, `""`...)
		case '%':
			// On a command line %% is not an escape. The first percent sign stays
			// because no variable has an empty name. After it comes a variable that
			// always exists, shortened to nothing.
			b = append(b, `%%cd:~,%`...)
		default:
			b = append(b, s[i])
		}
		slashes = 0
	}
	// For programs, backslashes are doubled before a quote.
	b = appendSlashes(b, slashes)
	return append(b, '"')
}

func appendSlashes(b []byte, n int) []byte {
	for ; n > 0; n-- {
		b = append(b, '\\')
	}
	return b
}

// notPlain says whether r may have a meaning for cmd.exe outside quotes. Arguments
// without such characters are not quoted, for batch files that compare %1 with
// "-y".
func notPlain(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(`-_./\:@+`, r)
}

// isControl says whether r is a control character other than a tab, which is
// safe in quotes.
func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// utf16Len is the length of s in UTF-16 units.
func utf16Len(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xffff {
			n++
		}
	}
	return n
}
