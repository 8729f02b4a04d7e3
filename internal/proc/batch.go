package proc

import (
	"fmt"
	"strings"
)

// Windows cannot start a batch file (npx.cmd is one): cmd.exe is started, and
// takes the arguments for text in a language of its own, once from its command
// line and again where the file says %*. With the quoting that programs
// understand, an argument such as `"&calc` is run as a command (golang/go
// #27199, #69939; CVE-2024-24576, "BatBadBut").
//
// This file has no build tag so that its tests run everywhere.

// isBatch says whether Windows hands the file at path to cmd.exe. Dots and
// spaces at the end of a name are not part of it there.
func isBatch(path string) bool {
	path = strings.ToLower(strings.TrimRight(path, ". "))
	return strings.HasSuffix(path, ".bat") || strings.HasSuffix(path, ".cmd")
}

// batchError says why a batch file cannot be given an argument. It does not
// show the argument, which may be a secret.
type batchError struct{ reason string }

func (e *batchError) Error() string { return e.reason }

// maxBatchLine is the longest line that cmd.exe takes, in UTF-16 units.
const maxBatchLine = 8191

// batchLine is the command line that has cmd.exe run the batch file script
// with args. Each argument reaches %1 and %* as one, no part of it is a
// command, and a program that the file hands %* to reads it back unchanged if
// it goes by the rules of Microsoft's C runtime since 2008, as node and python
// do: for them "" within quotes is a quote. \" would be one for all programs,
// but it would end the quotes for cmd.exe.
//
// The error is a *batchError: control characters, since a line break ends the
// command and others are lost, and lines that are too long.
//
// What the file itself does is beyond this: with `call`, with delayed
// expansion or with a bare %~1 it has cmd.exe read the arguments once more.
func batchLine(script string, args []string) (string, error) {
	// AutoRun (/d) and the registry's defaults for %x:~n% (/e) and !x! (/v)
	// must not matter, nor the rules by which cmd.exe else takes the outermost
	// quotes away (/s).
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

// appendBatchQuoted appends s in quotes. Within them nothing means anything to
// cmd.exe but the quote and the percent sign.
func appendBatchQuoted(b []byte, s string) []byte {
	b = append(b, '"')
	slashes := 0 // that stand before s[i]
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
			// On a command line %% is no escape. The first percent sign stays
			// because no variable has an empty name; what follows it is a
			// variable that is always there, cut to nothing.
			b = append(b, `%%cd:~,%`...)
		default:
			b = append(b, s[i])
		}
		slashes = 0
	}
	// To programs, backslashes are doubled where a quote follows.
	b = appendSlashes(b, slashes)
	return append(b, '"')
}

func appendSlashes(b []byte, n int) []byte {
	for ; n > 0; n-- {
		b = append(b, '\\')
	}
	return b
}

// notPlain says whether r may mean something to cmd.exe outside quotes. What
// does not is left bare, for batch files that compare %1 with "-y".
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
