package proc

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// The model of cmd.exe below was written from what is known of its parser
// (https://stackoverflow.com/a/7970912, "phases"), not from batchLine. It has
// the phases that a line goes through when cmd.exe /c gets it and when a batch
// file runs a program with %*, and fails where cmd.exe would do anything but
// run that one program.

// A cmdModel is cmd.exe with an environment; names are in upper case.
type cmdModel struct{ env map[string]string }

// switches reads cmd.exe's own command line and gives the text after /c.
func (m cmdModel) switches(line string) (string, error) {
	rest, ok := strings.CutPrefix(line, "cmd.exe ")
	if !ok {
		return "", fmt.Errorf("%q does not start with cmd.exe", line)
	}
	seen := ""
	for {
		rest = strings.TrimLeft(rest, " ")
		var sw string
		sw, rest, _ = strings.Cut(rest, " ")
		seen += strings.ToLower(sw)
		switch strings.ToLower(sw) {
		case "/e:on", "/v:off", "/d", "/s":
		case "/c":
			if seen != "/e:on/v:off/d/s/c" {
				return "", fmt.Errorf("the switches are %s", seen)
			}
			// With /s, a first quote and the last one are taken away.
			if strings.HasPrefix(rest, `"`) {
				last := strings.LastIndex(rest, `"`)
				rest = rest[1:last] + rest[last+1:]
			}
			return rest, nil
		default:
			return "", fmt.Errorf("an unknown switch %q", sw)
		}
	}
}

// percent is phase 1 with command extensions. In a batch file a variable that
// is not set is nothing and %% is %; on a command line both stay.
func (m cmdModel) percent(line string, batch bool, tail string) string {
	var out strings.Builder
	for i := 0; i < len(line); {
		if line[i] != '%' {
			out.WriteByte(line[i])
			i++
			continue
		}
		rest := line[i+1:]
		if batch && strings.HasPrefix(rest, "%") {
			out.WriteByte('%')
			i += 2
			continue
		}
		if batch && strings.HasPrefix(rest, "*") {
			out.WriteString(tail)
			i += 2
			continue
		}
		value, used := m.variable(rest)
		if used == 0 && !batch {
			out.WriteByte('%')
		} else {
			out.WriteString(value)
		}
		i += 1 + used
	}
	return out.String()
}

// variable reads NAME% or NAME:~from,count% and says how many bytes it is; 0:
// not a variable.
func (m cmdModel) variable(s string) (string, int) {
	end := strings.IndexAny(s, "%:")
	if end < 0 {
		return "", 0
	}
	value, set := m.env[strings.ToUpper(s[:end])]
	if !set {
		return "", 0
	}
	if s[end] == '%' {
		return value, end + 1
	}
	var from, count int
	body, ok := strings.CutPrefix(s[end:], ":~")
	stop := strings.IndexByte(body, '%')
	if !ok || stop < 0 {
		return "", 0
	}
	a, b, both := strings.Cut(body[:stop], ",")
	fmt.Sscanf(a, "%d", &from)
	count = len(value)
	if both {
		count = 0
		fmt.Sscanf(b, "%d", &count)
	}
	from = min(max(from, 0), len(value))
	return value[from:min(from+max(count, 0), len(value))], end + 2 + stop + 1
}

// special is phase 2: what is outside quotes must mean nothing. It gives the
// first token and what follows it, as it is.
func (m cmdModel) special(line string) (command, tail string, err error) {
	quoted, end := false, -1
	for i := range len(line) {
		switch c := line[i]; {
		case c == '"':
			quoted = !quoted
		case c == '\n' || c == '\r' || c == 0 || c == 0x1a:
			return "", "", fmt.Errorf("the line ends at byte %d of %q", i, line)
		case quoted:
		case strings.IndexByte("&|<>^()@!", c) >= 0 && !(c == '@' && i > 0):
			return "", "", fmt.Errorf("%q is read as an operator at byte %d of %q", c, i, line)
		case end < 0 && strings.IndexByte(" \t,;=", c) >= 0:
			end = i
		}
	}
	if quoted {
		return "", "", fmt.Errorf("a quote is left open in %q", line)
	}
	if end < 0 {
		return line, "", nil
	}
	return line[:end], line[end:], nil
}

// parameters are %1, %2… of a batch file.
func (m cmdModel) parameters(tail string) []string {
	var all []string
	var b strings.Builder
	quoted, some := false, false
	flush := func() {
		if some {
			all = append(all, b.String())
		}
		b.Reset()
		some = false
	}
	for i := range len(tail) {
		c := tail[i]
		if c == '"' {
			quoted = !quoted
		}
		if !quoted && strings.IndexByte(" \t,;=\xff", c) >= 0 {
			flush()
			continue
		}
		some = true
		b.WriteByte(c)
	}
	flush()
	return all
}

// argv reads a command line by the rules of Microsoft's C runtime since 2008
// (learn.microsoft.com, "Parsing C command-line arguments").
func argv(line string) []string {
	var all []string
	for {
		line = strings.TrimLeft(line, " \t")
		if line == "" {
			return all
		}
		var arg strings.Builder
		quoted := false
		for line != "" {
			n := len(line) - len(strings.TrimLeft(line, `\`))
			line = line[n:]
			if !strings.HasPrefix(line, `"`) {
				arg.WriteString(strings.Repeat(`\`, n))
				if line == "" || !quoted && (line[0] == ' ' || line[0] == '\t') {
					break
				}
				arg.WriteByte(line[0])
				line = line[1:]
				continue
			}
			line = line[1:]
			arg.WriteString(strings.Repeat(`\`, n/2))
			switch {
			case n%2 == 1:
				arg.WriteByte('"')
			case quoted && strings.HasPrefix(line, `"`):
				arg.WriteByte('"')
				line = line[1:]
			default:
				quoted = !quoted
			}
		}
		all = append(all, arg.String())
	}
}

// run gives what a batch file at script sees as its %1, %2…, and what a
// program sees that it starts with %*.
func (m cmdModel) run(line, script string) (parameters, args []string, err error) {
	text, err := m.switches(line)
	if err != nil {
		return nil, nil, err
	}
	command, tail, err := m.special(m.percent(text, false, ""))
	if err != nil {
		return nil, nil, err
	}
	if command != `"`+script+`"` {
		return nil, nil, fmt.Errorf("the command is %s", command)
	}
	tail = strings.TrimLeft(tail, " \t,;=")
	// The second line of npm's npx.cmd, in short.
	_, after, err := m.special(m.percent(`"C:\Program Files\nodejs\node.exe" "x y\npx-cli.js" %*`, true, tail))
	if err != nil {
		return nil, nil, fmt.Errorf("in the batch file: %w", err)
	}
	return m.parameters(tail), argv(after)[1:], nil
}

// hostile is an environment in which a variable that gets expanded is seen.
var hostile = cmdModel{map[string]string{
	"CD": `C:\here & there`, "A": `"&calc`, "PATH": `C:\bin;C:\Program Files`, "CMDCMDLINE": `"&calc`,
}}

func checkBatch(t *testing.T, script string, args []string) {
	t.Helper()
	line, err := batchLine(script, args)
	if err != nil {
		t.Errorf("batchLine(%q, %q): %v", script, args, err)
		return
	}
	parameters, got, err := hostile.run(line, script)
	if err != nil {
		t.Errorf("%q: %v\nin %s", args, err, line)
		return
	}
	if !slices.Equal(got, args) {
		t.Errorf("the program reads %q, want %q\nin %s", got, args, line)
	}
	if len(parameters) != len(args) {
		t.Errorf("the batch file has the parameters %q, want %d\nin %s", parameters, len(args), line)
	}
}

func TestBatchLineIsReadBackByCmd(t *testing.T) {
	for _, arg := range []string{
		"", "plain", "-y", "@scope/server@1.2.3", `C:\data`, `C:\data\`, `C:\my data\`, `\\server\share\`,
		"a b", "a\tb", "--port=3000", "a,b;c=d", "100%", "%PATH%", "%a%", "%A:~0,2%", "%cd:~,%", "%%", "%", "%*", "%1",
		"a^b", "^", "!A!", "a!", "&calc", `"&calc`, `"`, `""`, `"""`, `a"b`, `\"`, `\\"`, `a\"b c`, `"a b" "c`,
		`{"port": 1, "path": "C:\\x y\\", "all": "100%"}`, "|", "<in", ">out", "(", ")", "a(b)c", "äöü", "日本 語", "\u00a0", "\u3000", "😀",
		`" & echo %PATH% & "`, `"^&calc`, `%a%"&calc&"`, "*.js", "?", "~", "'", "`", "#", "$HOME", "~/x", "/c", "/?",
	} {
		checkBatch(t, `C:\Program Files\nodejs\npx.cmd`, []string{arg})
		checkBatch(t, `C:\npx.cmd`, []string{"-y", arg, "last", arg, arg})
	}
	checkBatch(t, `C:\npx.cmd`, []string{})
	for _, script := range []string{`C:\100%\x.cmd`, `C:\%a%\x.cmd`, `C:\a & b\x.bat`, `C:\(x86)\^\x!.cmd`, `C:\Pfad mit Ä\x.cmd`, `\\server\share\x.cmd`} {
		checkBatch(t, script, []string{"a b", "%a%"})
	}
}

// batchPieces are what random arguments are made of.
var batchPieces = []string{`"`, `""`, `\`, `\\`, " ", "\t", "%", "%%", "%a%", "%a:~0,1%", "a", "cd", ":~,", "^", "&", "|", "<", ">", "!", "(", ")", "=", ",", ";", "é", "😀", "@", "-", "/"}

func TestBatchLineOnRandomArguments(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		args := make([]string, r.IntN(4))
		for i := range args {
			for range r.IntN(7) {
				args[i] += batchPieces[r.IntN(len(batchPieces))]
			}
		}
		if checkBatch(t, `C:\a b\%a%.cmd`, args); t.Failed() {
			return
		}
	}
}

// FuzzBatchLine holds the equation: what is not refused is read back.
func FuzzBatchLine(f *testing.F) {
	f.Add(`"&calc`, "%PATH%")
	f.Add(`a\`, "b c")
	f.Fuzz(func(t *testing.T, a, b string) {
		if _, err := batchLine(`C:\x.cmd`, []string{a, b}); err != nil {
			var refused *batchError
			if !errors.As(err, &refused) {
				t.Fatalf("%v", err)
			}
			return
		}
		checkBatch(t, `C:\x.cmd`, []string{a, b})
	})
}

// The model must be able to fail: this is what others' quoting does.
func TestCmdModelSeesTheKnownAttacks(t *testing.T) {
	const before = `cmd.exe /e:ON /v:OFF /d /s /c ""C:\x.cmd" `
	for name, line := range map[string]string{
		"EscapeArg's backslashes":   before + `"\"&calc"` + `"`,
		"a variable":                before + `"%A%"` + `"`,
		"a bare operator":           before + `a&calc` + `"`,
		"a line break":              before + "\"a\nb\"" + `"`,
		"an open quote":             before + `"a` + `"`,
		"a caret":                   before + `a^b` + `"`,
		"a doubled percent sign":    before + `"%%A%%"` + `"`,
		"percent and caret":         before + `"%^A%"` + `" & "`,
		"another command":           `cmd.exe /e:ON /v:OFF /d /s /c "calc"`,
		"delayed expansion left on": `cmd.exe /d /s /c ""C:\x.cmd" a"`,
	} {
		if parameters, args, err := hostile.run(line, `C:\x.cmd`); err == nil {
			t.Errorf("%s: passes, with %q and %q", name, parameters, args)
		}
	}
}

func TestBatchLineRefuses(t *testing.T) {
	for _, tc := range []struct {
		script string
		args   []string
		say    string
	}{
		{`C:\x.cmd`, []string{"a", "b\nc"}, "argument 2"},
		{`C:\x.cmd`, []string{"a\r"}, "argument 1"},
		{`C:\x.cmd`, []string{"\x00"}, "argument 1"},
		{`C:\x.cmd`, []string{"\x1a"}, "argument 1"},
		{`C:\x.cmd`, []string{strings.Repeat("a", maxBatchLine)}, "8191"},
		{`C:\x.cmd`, []string{strings.Repeat("😀", maxBatchLine/2)}, "8191"},
		{`C:\x.cmd`, []string{strings.Repeat("%", maxBatchLine/8)}, "8191"},
		{`C:\"&calc".cmd`, nil, "path"},
		{"C:\\a\nb.cmd", nil, "path"},
	} {
		line, err := batchLine(tc.script, tc.args)
		var refused *batchError
		if !errors.As(err, &refused) || !strings.Contains(err.Error(), tc.say) {
			t.Errorf("batchLine(%q, %.40q) = %.80q, %v, want an error with %q", tc.script, tc.args, line, err, tc.say)
		}
	}
	const around = len(`cmd.exe /e:ON /v:OFF /d /s /c ""C:\x.cmd" "`)
	if line, err := batchLine(`C:\x.cmd`, []string{strings.Repeat("a", maxBatchLine-around)}); err != nil || len(line) != maxBatchLine {
		t.Errorf("a line of %d characters: %v", len(line), err)
	}
	if _, err := batchLine(`C:\x.cmd`, []string{strings.Repeat("a", maxBatchLine-around+1)}); err == nil {
		t.Errorf("a line of %d characters passes", maxBatchLine+1)
	}
}

func TestBatchLineKeepsPlainArgumentsBare(t *testing.T) {
	line, err := batchLine(`C:\npx.cmd`, []string{"-y", "@scope/server@1.2.3", `C:\data`, "a b"})
	want := `cmd.exe /e:ON /v:OFF /d /s /c ""C:\npx.cmd" -y @scope/server@1.2.3 C:\data "a b""`
	if err != nil || line != want {
		t.Errorf("got  %s, %v\nwant %s", line, err, want)
	}
}

func TestIsBatch(t *testing.T) {
	for path, want := range map[string]bool{
		`C:\x.cmd`: true, `C:\x.BAT`: true, `x.Cmd. .`: true, `x.bat `: true, ".bat": true,
		`C:\x.exe`: false, `C:\x.cmd.exe`: false, `C:\cmd`: false, `C:\x.cmdx`: false, "": false, `C:\bat.com`: false,
	} {
		if isBatch(path) != want {
			t.Errorf("isBatch(%q) = %v", path, !want)
		}
	}
}
