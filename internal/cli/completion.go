package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// completions are the shells that "help completion" has a script for.
var completions = map[string]func([]topic) string{
	"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion, "powershell": powershellCompletion,
}

// completion prints the script for a shell. The scripts are static: they do not
// run signet-wrap, which would start the server if there is a "--".
func (c *command) completion(args []string) error {
	shells := slices.Sorted(maps.Keys(completions))
	if len(args) != 1 || completions[args[0]] == nil {
		return misuse("for example: signet-wrap help completion bash", "completion needs the name of a shell: %s", strings.Join(shells, ", "))
	}
	_, err := fmt.Fprint(c.Stdout, completions[args[0]](c.topics()))
	return err
}

// valued returns the flags of all topics that take a value, with both hyphens.
func valued(topics []topic) []string {
	names := make(map[string]bool)
	for _, t := range topics {
		for _, f := range t.flags {
			if f.value != "" {
				names["--"+f.name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// words returns what may follow the words of a topic: verbs, then flags.
func (t topic) words() []string {
	words := slices.Clone(t.verbs)
	for _, f := range t.flags {
		words = append(words, "--"+f.name)
	}
	if t.path == "" {
		words = append(words, "--")
	}
	return words
}

// choicesOf returns the flags that have choices, in all topics.
func choicesOf(topics []topic) (with []flagText) {
	seen := make(map[string]bool)
	for _, t := range topics {
		for _, f := range t.flags {
			if f.choices() != nil && !seen[f.name] {
				seen[f.name] = true
				with = append(with, f)
			}
		}
	}
	return with
}

// paths returns the paths of the topics that have verbs below them, or are such.
func paths(topics []topic) (all []string) {
	for _, t := range topics {
		if t.path != "" {
			all = append(all, t.path)
		}
	}
	return all
}

func bashCompletion(topics []topic) string {
	var b strings.Builder
	// Bash 3.2, which macOS has, knows no mapfile.
	fmt.Fprintf(&b, `# bash completion for signet-wrap, made by "signet-wrap help completion bash"
_signet_wrap() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}
    local topic= next words= i IFS=$'\n'
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        if [[ ${COMP_WORDS[i]} == -- ]]; then # the server's command
            if declare -F _command_offset >/dev/null; then
                IFS=$' \t\n'
                _command_offset $((i + 1))
            elif ((i + 1 == COMP_CWORD)); then
                COMPREPLY=($(compgen -c -- "$cur"))
            else
                COMPREPLY=($(compgen -f -- "$cur"))
            fi
            return
        fi
        next=${topic:+$topic }${COMP_WORDS[i]}
        case $next in
        %s) topic=$next ;;
        esac
    done
    case $prev in
`, quotedList(paths(topics), "'", " | "))
	for _, f := range choicesOf(topics) {
		fmt.Fprintf(&b, "    --%s) words='%s' ;;\n", f.name, strings.Join(f.choices(), " "))
	}
	fmt.Fprintf(&b, `    %s)
        COMPREPLY=($(compgen -f -- "$cur"))
        return
        ;;
    *)
        case $topic in
`, strings.Join(valued(topics), " | "))
	for _, t := range topics {
		fmt.Fprintf(&b, "        '%s') words='%s' ;;\n", t.path, strings.Join(t.words(), " "))
	}
	b.WriteString(`        esac
        ;;
    esac
    COMPREPLY=($(compgen -W "${words// /$IFS}" -- "$cur"))
    if ((${#COMPREPLY[@]} == 0)); then
        COMPREPLY=($(compgen -f -- "$cur"))
    fi
}
complete -o filenames -F _signet_wrap signet-wrap
`)
	return b.String()
}

func zshCompletion(topics []topic) string {
	var b strings.Builder
	fmt.Fprintf(&b, `#compdef signet-wrap
# zsh completion for signet-wrap, made by "signet-wrap help completion zsh"
_signet_wrap() {
    local at=${words[(i)--]} topic= next word
    if (( at < CURRENT )); then # the server's command
        shift at words
        (( CURRENT -= at ))
        _normal
        return
    fi
    for word in ${words[2,CURRENT-1]}; do
        next=${topic:+$topic }$word
        case $next in
        %s) topic=$next ;;
        esac
    done
    case ${words[CURRENT-1]} in
`, quotedList(paths(topics), "'", "|"))
	for _, f := range choicesOf(topics) {
		fmt.Fprintf(&b, "    --%s) compadd -- %s; return ;;\n", f.name, strings.Join(f.choices(), " "))
	}
	fmt.Fprintf(&b, `    %s) _files; return ;;
    esac
    local -a found
    case $topic in
`, strings.Join(valued(topics), "|"))
	for _, t := range topics {
		var described []string
		for _, w := range t.words() {
			described = append(described, shellQuoted(strings.ReplaceAll(w, ":", `\:`)+":"+descriptionOf(topics, t, w)))
		}
		fmt.Fprintf(&b, "    '%s') found=(%s) ;;\n", t.path, strings.Join(described, " "))
	}
	b.WriteString(`    esac
    _describe -o signet-wrap found || _files
}
if [[ $funcstack[1] == _signet_wrap || $funcstack[1] == _signet-wrap ]]; then
    _signet_wrap "$@"
else
    compdef _signet_wrap signet-wrap
fi
`)
	return b.String()
}

func fishCompletion(topics []topic) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# fish completion for signet-wrap, made by "signet-wrap help completion fish"
function __signet_wrap_topic
    set -l topic ''
    for word in (commandline -opc)[2..-1]
        test $word = --; and return 1
        set -l next (string trim "$topic $word")
        contains -- $next %s; and set topic $next
    end
    test "$topic" = "$argv[1]"
end
function __signet_wrap_server
    contains -- -- (commandline -opc)
end
complete -c signet-wrap -n __signet_wrap_server -x -a '(__fish_complete_subcommand --commandline (commandline -opc | string split0 | string join \n | sed "1,/^--\$/d") (commandline -ct))'
`, quotedList(paths(topics), "'", " "))
	for _, t := range topics {
		in := fmt.Sprintf("complete -c signet-wrap -n %s", shellQuoted("__signet_wrap_topic "+`"`+t.path+`"`))
		for _, w := range t.words() {
			name, isFlag := strings.CutPrefix(w, "--")
			switch {
			case w == "--":
			case !isFlag:
				fmt.Fprintf(&b, "%s -a %s -d %s\n", in, w, fishQuoted(descriptionOf(topics, t, w)))
			default:
				line := fmt.Sprintf("%s -l %s -d %s", in, name, fishQuoted(descriptionOf(topics, t, w)))
				for _, f := range t.flags {
					if f.name == name && f.choices() != nil {
						line += fmt.Sprintf(" -x -a '%s'", strings.Join(f.choices(), " "))
					} else if f.name == name && f.value != "" {
						line += " -r"
					}
				}
				b.WriteString(line + "\n")
			}
		}
	}
	return b.String()
}

func powershellCompletion(topics []topic) string {
	var b strings.Builder
	b.WriteString(`# PowerShell completion for signet-wrap, made by "signet-wrap help completion powershell"
Register-ArgumentCompleter -Native -CommandName signet-wrap -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $words = @{
`)
	for _, t := range topics {
		fmt.Fprintf(&b, "        '%s' = %s\n", t.path, quotedList(t.words(), "'", ", "))
	}
	b.WriteString(`    }
    $topic = ''
    foreach ($element in $commandAst.CommandElements | Select-Object -Skip 1) {
        if ($element.Extent.StartOffset -ge $cursorPosition) { break }
        $word = $element.ToString()
        if ($word -eq '--') { return } # the server's command: files
        $next = "$topic $word".Trim()
        if ($words.ContainsKey($next)) { $topic = $next }
    }
    $words[$topic] | Where-Object { $_ -like "$wordToComplete*" } | ForEach-Object {
        [System.Management.Automation.CompletionResult]::new($_, $_, 'ParameterValue', $_)
    }
}
`)
	return b.String()
}

// descriptionOf returns what is said of a word that may follow the words of t.
func descriptionOf(topics []topic, t topic, word string) string {
	if name, ok := strings.CutPrefix(word, "--"); ok {
		for _, f := range t.flags {
			if f.name == name {
				return f.usage
			}
		}
		return "the server's command follows"
	}
	path := strings.TrimSpace(t.path + " " + word)
	for _, below := range topics {
		if below.path == path {
			return below.short
		}
	}
	for _, below := range topics { // after "help"
		if below.path == word {
			return below.short
		}
	}
	return map[string]string{wrapTopic: "all flags of wrapping", "completion": "the script for a shell", "man": "the manual page"}[word]
}

func quotedList(words []string, quote, between string) string {
	return quote + strings.Join(words, quote+between+quote) + quote
}

// shellQuoted is s as one word for bash and zsh.
func shellQuoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }

// fishQuoted is s as one word for fish.
func fishQuoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
