package cli

import (
	"fmt"
	"regexp"
	"strings"
)

// manual prints the manual page, signet-wrap(1): the help texts as they are, in the
// macros of man(7).
func (c *command) manual() error {
	_, err := fmt.Fprint(c.Stdout, manpage(c.topics()))
	return err
}

// helpHeading matches the headings in a help text: "EXAMPLE (in words)".
var helpHeading = regexp.MustCompile(`^[A-Z][A-Z ]*( \(.*)?$`)

func manpage(topics []topic) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".TH SIGNET-WRAP 1\n.SH NAME\nsignet-wrap \\- %s\n", roffEscaped(topics[0].short))
	for _, t := range topics {
		title := "WRAPPING"
		if t.path != "" {
			title = strings.ToUpper(t.path)
		}
		fmt.Fprintf(&b, ".SH %s\n", roffEscaped(title))
		_, text, _ := strings.Cut(t.help, "\n")
		if t.short != "" {
			fmt.Fprintf(&b, "%s\n", roffEscaped(t.short))
		}
		open := false
		for _, line := range strings.Split(strings.TrimSpace(text), "\n") {
			heading := helpHeading.MatchString(line)
			if heading && open {
				b.WriteString(".fi\n")
			}
			if heading {
				fmt.Fprintf(&b, ".SS %s\n", roffEscaped(line))
			}
			if heading || !open {
				b.WriteString(".nf\n")
				open = true
			}
			if !heading {
				fmt.Fprintf(&b, "%s\n", roffEscaped(line))
			}
		}
		b.WriteString(".fi\n")
	}
	return b.String()
}

// roffEscaped is a line of text as roff reads it.
func roffEscaped(line string) string {
	line = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...", "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(line)
	if strings.HasPrefix(line, ".") {
		line = `\&` + line
	}
	return line
}
