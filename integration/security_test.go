package integration

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityNamesTests: each row of the threat model names tests, and these and
// those that its sentences name are where it says.
func TestSecurityNamesTests(t *testing.T) {
	page, err := os.ReadFile(filepath.Join("..", "docs", "SECURITY.md"))
	if err != nil {
		t.Fatal(err)
	}
	rows, named := 0, 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if !strings.HasPrefix(line, "|") || len(cells) != 3 || strings.TrimSpace(cells[2]) == "test" || strings.HasPrefix(cells[0], "---") {
			continue
		}
		rows++
		found := missingTests(t, cells[2])
		if named += found.named; found.named == 0 {
			t.Errorf("no test is named: %s", line)
		}
		for _, m := range found.missing {
			t.Errorf("there is no %s", m)
		}
	}
	for _, m := range inText.FindAllStringSubmatch(string(page), -1) {
		for _, m := range missingTests(t, m[1]).missing {
			t.Errorf("there is no %s", m)
		}
	}
	if rows < 30 || named < 60 {
		t.Errorf("only %d rows and %d tests were found", rows, named)
	}
	if got := missingTests(t, "chain: TestCut, TestNoSuchThing; nowhere: TestCut; internal/cli: TestScripts, TestScripts/none, TestScripts/wrap"); got.named != 6 || len(got.missing) != 4 {
		t.Errorf("what is missing is not missed: %+v", got)
	}
}

type namedTests struct {
	named   int
	missing []string
}

// inText is a test that a sentence names, not a row.
var inText = regexp.MustCompile(`\(([\w/]+: (?:Test|Fuzz)\w+)\)`)

// A name is of a test, or of a script in testdata that a test runs: TestScripts/install.
var testName = regexp.MustCompile(`^((?:Test|Fuzz)\w+)(?:/(\w+))?$`)

// missingTests reads "package: Test, Test; package: Test".
func missingTests(t *testing.T, cell string) (found namedTests) {
	t.Helper()
	for part := range strings.SplitSeq(cell, ";") {
		pkg, names, _ := strings.Cut(part, ":")
		files, err := filepath.Glob(filepath.Join("..", strings.TrimSpace(pkg), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			text.Write(b)
		}
		for name := range strings.SplitSeq(names, ",") {
			name = strings.TrimSpace(name)
			found.named++
			m := testName.FindStringSubmatch(name)
			there := m != nil && strings.Contains(text.String(), "func "+m[1]+"(")
			if there && m[2] != "" {
				_, err := os.Stat(filepath.Join("..", strings.TrimSpace(pkg), "testdata", m[2]+".txtar"))
				there = err == nil
			} else if there && m[1] == "TestScripts" {
				there = false // it is all of them, which says nothing
				name += "/NAME: which script?"
			}
			if !there {
				found.missing = append(found.missing, strings.TrimSpace(pkg)+": "+name)
			}
		}
	}
	return found
}
