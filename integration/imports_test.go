package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const modulePath = "github.com/signet-wrap/signet-wrap"

// layers are those of docs/DESIGN.md, "Layers". A package may import packages of
// lower layers only, so those of one layer do not know each other.
var layers = map[string]int{
	"":                   7,
	"/internal/cli":      6,
	"/internal/bench":    7, // a program of its own, never in the release
	"/internal/packages": 7, // the same
	"/internal/archive":  3,
	"/internal/demo":     4,
	"/internal/verify":   4,
	"/internal/erase":    4,
	"/internal/export":   4,
	"/internal/envelope": 0,
	"/internal/history":  3,
	"/internal/hook":     5,
	"/internal/page":     5,
	"/internal/report":   5,
	"/internal/wasm":     7, // a program of its own, for browsers: part of report.html

	"/internal/page/assets": 0,
	"/internal/home":        3,
	"/internal/install":     4,
	"/internal/keychain":    0,
	"/internal/testlog":     3, // for tests and benchmarks only

	"/internal/testwitness": 0, // for tests only
	"/wrap":                 5,
	"/wrap/home":            5,
	"/wrap/mcpgo":           5, // for programs, never in the release
	"/wrap/record":          4,
	"/wrap/check":           3,
	"/internal/heads":       3,
	"/internal/systemlog":   0,
	"/internal/alarm":       0,
	"/internal/mcpwire":     2,
	"/sign":                 2,
	"/chain":                2,
	"/chain/anchor":         3,
	"/chain/bundle":         3,
	"/chain/tlog":           2,
	"/keys":                 2,
	"/internal/toolstore":   2,
	"/sign/event":           1,
	"/internal/config":      2,
	"/internal/canon":       0,
	"/internal/durable":     1,
	"/internal/edverify":    0,
	"/internal/proc":        0,
	"/internal/redact":      0,
	"/internal/sshagent":    0,
	"/internal/terminal":    0,
	"/internal/text":        0,
}

// owners are the only packages that may import a module, in their tests too.
// mcp-go encodes each message again, so it must not come near the pipe. It is the
// client and the server of tests and benchmarks, and what wrap/mcpgo is for.
var owners = map[string][]string{
	"filippo.io/edwards25519":       {"/internal/edverify"},
	"github.com/gowebpki/jcs":       {"/internal/canon"},
	"github.com/urfave/cli":         {"/internal/cli"},
	"github.com/mark3labs/mcp-go":   {"/internal/bench", "/wrap/mcpgo"},
	"github.com/tailscale/hujson":   {"/internal/install"},
	"github.com/pelletier/go-toml":  {"/internal/install", "/internal/config"},
	"go.yaml.in/yaml":               {"/internal/install"},
	"github.com/zalando/go-keyring": {"/internal/keychain"},
	"github.com/godbus/dbus":        {"/internal/keychain"},

	// They make the program larger: see runVerb in internal/cli.
	"html/template": {},
	"text/template": {"/internal/packages"},

	"github.com/digitorus":                {"/chain/anchor"},
	"github.com/transparency-dev/formats": {"/chain/tlog", "/chain/anchor"},                                                                                                         // there in tests
	"golang.org/x/mod":                    {"/chain/tlog", "/chain/anchor", "/internal/verify"},                                                                                     // there in tests
	"net/http":                            {"/chain/anchor", "/internal/bench", "/internal/export", "/internal/packages", "/internal/page", "/internal/testwitness", "/wrap/mcpgo"}, // there in tests
}

// A listed is what `go list` says of a package.
type listed struct {
	ImportPath                         string
	GoFiles                            []string
	Imports, TestImports, XTestImports []string
}

// faults are the imports that break the rule.
func faults(packages []listed) []string {
	var found []string
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, modulePath)
		if len(p.GoFiles) == 0 {
			continue // tests only
		}
		layer, ok := layers[name]
		if !ok {
			found = append(found, fmt.Sprintf("%s is in no layer", p.ImportPath))
			continue
		}
		for _, imported := range p.Imports {
			below, ours := strings.CutPrefix(imported, modulePath)
			if of, ok := layers[below]; ours && (!ok || of >= layer) {
				found = append(found, fmt.Sprintf("%s imports %s, which is not below it", p.ImportPath, imported))
			}
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
			for module, owner := range owners {
				if (imported == module || strings.HasPrefix(imported, module+"/")) && !slices.Contains(owner, name) {
					found = append(found, fmt.Sprintf("%s imports %s, which is for %s", p.ImportPath, imported, strings.Join(owner, " and ")))
				}
			}
		}
	}
	return found
}

func TestImportsPointDown(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		packages := list(t, system)
		if len(packages) < len(layers) {
			t.Fatalf("%s: %d packages, want %d", system, len(packages), len(layers))
		}
		for _, fault := range faults(packages) {
			t.Errorf("%s: %s", system, fault)
		}
	}
}

// TestImportsInDesign: the table in docs/DESIGN.md is the one above.
func TestImportsInDesign(t *testing.T) {
	page, err := os.ReadFile("../docs/DESIGN.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]int{}
	for _, row := range regexp.MustCompile("(?m)^\\| ([0-9]+) \\| (`.*`) \\|$").FindAllSubmatch(page, -1) {
		layer, _ := strconv.Atoi(string(row[1]))
		for name := range strings.SplitSeq(string(row[2]), ", ") {
			if name = "/" + strings.Trim(name, "`"); name == "/main" {
				name = ""
			}
			if _, twice := documented[name]; twice {
				t.Errorf("docs/DESIGN.md has %q in two layers", name)
			}
			documented[name] = layer
		}
	}
	for name, layer := range layers {
		if got, ok := documented[name]; !ok {
			t.Errorf("docs/DESIGN.md has no row for %q, of layer %d", name, layer)
		} else if got != layer {
			t.Errorf("docs/DESIGN.md has %q in layer %d, want %d", name, got, layer)
		}
	}
	for name := range documented {
		if _, ok := layers[name]; !ok {
			t.Errorf("docs/DESIGN.md has %q, which is in no layer", name)
		}
	}
}

// TestReleaseWithout: what would cost every start of a server is not linked.
func TestReleaseWithout(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", modulePath)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, module := range []string{"github.com/mark3labs/mcp-go", "github.com/santhosh-tekuri/jsonschema"} {
		if strings.Contains(string(out), module) {
			t.Errorf("the release binary has %s", module)
		}
	}
}

// TestNoInit: nothing of ours runs before main.
func TestNoInit(t *testing.T) {
	const root = ".."
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(filepath.ToSlash(path), "/internal/bench/") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				t.Errorf("%s has an init function", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// list asks go list for the module's packages.
func list(t *testing.T, system string) []listed {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,GoFiles,Imports,TestImports,XTestImports", modulePath+"/...")
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var packages []listed
	d := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
}

func TestFaultsAreFound(t *testing.T) {
	for _, c := range []struct {
		from, to string
		bad      bool
	}{
		{"", modulePath + "/internal/cli", false},
		{"/wrap", modulePath + "/sign", false},
		{"/sign", "crypto/ed25519", false},
		{"/internal/canon", "github.com/gowebpki/jcs", false},
		{"/internal/cli", "github.com/urfave/cli/v2", false},
		{"/sign", modulePath + "/keys", true},
		{"/sign", modulePath + "/wrap", true},
		{"/internal/canon", modulePath + "/internal/durable", true},
		{"/wrap", modulePath + "/internal/other", true},
		{"/other", "fmt", true},
		{"/sign", "github.com/gowebpki/jcs", true},
		{"", "github.com/urfave/cli/v2", true},
		{"/wrap", "github.com/mark3labs/mcp-go/mcp", true},
		{"/internal/bench", "github.com/mark3labs/mcp-go/mcp", false},
		{"", modulePath + "/internal/bench", true}, // the release does without
	} {
		found := faults([]listed{{ImportPath: modulePath + c.from, GoFiles: []string{"x.go"}, Imports: []string{c.to}}})
		if (len(found) > 0) != c.bad {
			t.Errorf("%q imports %q: %q", c.from, c.to, found)
		}
	}
}
