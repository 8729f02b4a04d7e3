package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/signet-wrap/signet-wrap/internal/config"
	"github.com/signet-wrap/signet-wrap/internal/systemlog"
	"github.com/signet-wrap/signet-wrap/internal/terminal"
)

// How this program speaks:
//   - results go to stdout, all else to stderr;
//   - an error is one line, lower case, "signet-wrap: " before it, and where
//     there is a way out a second line, "hint: ";
//   - colour and progress only where a person looks: a terminal, no NO_COLOR;
//   - text that came from outside (tool names, owners, paths in logs) is
//     printed through clean, so that it cannot break its line, and cut where it
//     may be long; what is left steers no terminal, for MainContext puts a
//     terminal.Writer before it.

// System is what a run sees of the outside: its streams and environment, and the
// machine's system log.
type System struct {
	Stdin  *os.File
	Stdout io.Writer
	Stderr io.Writer
	Getenv func(string) string

	SystemConfig string // the path of the system's config.toml

	// OpenLog and ReadLog are systemlog.Open and systemlog.Journal, for what is said
	// of the system log. Whether it is written to, a flag says.
	OpenLog func() systemlog.Sender
	ReadLog func(context.Context, []uint32, func(systemlog.Entry) bool) (systemlog.Reach, error)
}

// OSSystem returns the process's own streams and environment, and the system log of
// this machine.
func OSSystem() System {
	return System{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Getenv: os.Getenv,
		SystemConfig: config.SystemFile(),
		OpenLog:      systemlog.Open, ReadLog: systemlog.Journal,
	}
}

// complain prints an error as one line and, if hint is not empty, a way out.
func (c *command) complain(msg, hint string) {
	fmt.Fprintf(c.Stderr, "signet-wrap: %s\n", clean(strings.TrimSpace(msg)))
	if hint != "" {
		fmt.Fprintf(c.Stderr, "hint: %s\n", clean(hint))
	}
}

// localZone is the zone of the times in a table, as the machine has it now: one for
// all rows, also of the other half of the year, so that the heading can name it.
func localZone() *time.Location {
	_, offset := time.Now().Zone()
	if offset == 0 {
		return time.UTC
	}
	return time.FixedZone("UTC"+time.Now().Format("-07:00"), offset)
}

// isTerminal says whether a person looks at w.
func isTerminal(w any) bool { return terminal.File(w) != nil }

// isFile says whether w is a file on a disk.
func isFile(w any) bool {
	f := fileOf(w)
	if f == nil {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode().IsRegular()
}

// fileOf is the file of a stream that is no terminal, or nil.
func fileOf(w any) *os.File {
	if r, ok := w.(*results); ok {
		w = r.Writer
	}
	f, _ := w.(*os.File)
	return f
}

// coloured says whether w may be given colours.
func (c *command) coloured(w io.Writer) bool {
	return isTerminal(w) && c.Getenv("NO_COLOR") == "" && c.Getenv("TERM") != "dumb"
}

// Colours, as SGR parameters: ECMA-48, section 8.3.117.
const (
	red    = "31"
	green  = "32"
	yellow = "33"
)

// paint is a word of a result in a colour, where a person looks.
func (c *command) paint(colour, word string) string {
	if !c.coloured(c.Stdout) {
		return word
	}
	return "\x1b[" + colour + "m" + word + "\x1b[0m"
}

// fold breaks s at spaces, so that it fits the screen on which results appear if it
// begins in the column indent, and has its other lines begin there. What is in
// quotation marks is to be copied, and stays on one line.
func (c *command) fold(s string, indent int) string {
	room := c.width() - indent
	if room < 20 || utf8.RuneCountInString(s) <= room { // no screen, or none to fold for
		return s
	}
	var out strings.Builder
	column := 0
	for len(s) > 0 {
		spaces := len(s) - len(strings.TrimLeft(s, " "))
		end, quoted := spaces, false
		for end < len(s) && (quoted || s[end] != ' ') {
			quoted = quoted != (s[end] == '`' || s[end] == '"')
			end++
		}
		word := s[:end]
		s = s[end:]
		if column > 0 && column+utf8.RuneCountInString(word) > room {
			word = word[spaces:]
			out.WriteString("\n" + strings.Repeat(" ", indent))
			column = 0
		}
		out.WriteString(word)
		column += utf8.RuneCountInString(word)
	}
	return out.String()
}

// clean makes text from outside safe to print within a line: what steers a terminal
// is escaped, and what is longer than 4 KiB is cut, and says how long it is.
func clean(s string) string { return cut(s, 4<<10) }

// brief is clean for a line that has several of such texts: 300 bytes of each.
func brief(s string) string { return cut(s, 300) }

func cut(s string, most int) string {
	if len(s) <= most {
		return terminal.Clean(s)
	}
	return fmt.Sprintf("%s... (%s)", terminal.Clean(strings.ToValidUTF8(s[:most], "")), count(int64(len(s)), "byte"))
}
