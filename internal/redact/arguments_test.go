package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// corpus makes arguments: of each kind so many with a secret, and so many without.
func corpus(t testing.TB) (secrets, hard, innocent map[string][]string) {
	r := rand.New(rand.NewPCG(1, 2))
	from := func(alphabet string, n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = alphabet[r.IntN(len(alphabet))]
		}
		return string(b)
	}
	const lower, upper, digits = "abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"
	const alnum = lower + upper + digits
	words := strings.Fields(`the quick report of last week says that revenue grew while the author asked for a token of thanks
		and each key person in the meeting passed on the secret of good soup password managers are useful he wrote`)
	prose := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteString(words[r.IntN(len(words))] + " ")
		}
		return b.String()
	}
	arguments := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	type object map[string]any
	raw := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		return b
	}
	kinds := map[string]func() string{
		"GitHub":     func() string { return "ghp_" + from(alnum, 36) },
		"AWS":        func() string { return "AKIA" + from(upper+"234567", 16) },
		"AWS secret": func() string { return "aws_secret_access_key = " + from(alnum+"/+", 40) },
		"OpenAI":     func() string { return "sk-proj-" + from(alnum, 48) },
		"Slack":      func() string { return "xoxb-" + from(digits, 12) + "-" + from(alnum, 24) },
		"Google":     func() string { return "AIza" + from(alnum+"_-", 35) },
		"JWT":        func() string { return "eyJ" + from(alnum, 30) + "." + from(alnum, 80) + "." + from(alnum, 43) },
		"private key": func() string {
			return "-----BEGIN OPENSSH PRIVATE KEY-----\n" + base64.StdEncoding.EncodeToString(raw(200))
		},
		"bearer": func() string { return "Authorization: Bearer " + from(lower+digits, 40) },
		"basic": func() string {
			return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("ada:"+from(alnum, 8)))
		},
		"flag":        func() string { return "mysql --password " + from(lower, 6) + "7 -h db" },
		"flag, =":     func() string { return "psql --db-password=" + from(upper, 6) + "7 prod" },
		"flag, user":  func() string { return "curl -u ada:" + from(lower, 6) + "7 https://example.com" },
		"list":        func() string { return `["serve","--token","` + from(lower, 9) + `7"]` },
		"URL":         func() string { return "postgres://app:" + from(alnum, 12) + "@db.example.com:5432/prod" },
		"env":         func() string { return "export DB_PASSWORD=" + from(lower+digits, 12) + "7" },
		"code":        func() string { return `client = Client(api_key="` + from(lower, 20) + `")` },
		"random word": func() string { return from(alnum, 32) },
		"password":    func() string { return "password: " + from(lower+digits, 9) + "4" },
	}
	// Of these nothing says that they are secrets, or they are not as they are.
	hardKinds := map[string]func() string{
		"hex, without a name":  func() string { return hex.EncodeToString(raw(16)) },
		"words as a password":  func() string { return "my password is correct horse battery staple" },
		"a short one":          func() string { return "the PIN is " + from(digits, 4) },
		"a key in base64":      func() string { return base64.StdEncoding.EncodeToString([]byte("ghp_" + from(alnum, 36) + prose(20))) },
		"a key in two strings": func() string { return `"ghp_" + "` + from(lower, 18) + `" + "` + from(digits, 18) + `"` },
	}
	secrets, hard, innocent = map[string][]string{}, map[string][]string{}, map[string][]string{}
	for _, name := range slices.Sorted(maps.Keys(hardKinds)) {
		for kind := hardKinds[name]; len(hard[name]) < 14; {
			hard[name] = append(hard[name], arguments(object{"content": prose(20) + kind() + " " + prose(20)}))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		for i := range 14 {
			kind := kinds[name]
			secrets[name] = append(secrets[name], arguments(object{"path": "/tmp/a", "content": prose(20) + " \n\t\""[i%4:i%4+1] + kind() + " " + prose(20)}))
		}
	}
	for range 14 {
		secrets["member"] = append(secrets["member"], arguments(object{"user": "ada", "password": from(lower, 10)}))
	}
	var code []string
	for _, name := range []string{"redact.go", "arguments.go", "redact_test.go", "../../sign/sign.go", "../../keys/store.go", "../../wrap/record/record.go", "../cli/settings.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if name == "redact_test.go" { // it is full of them
			continue
		}
		lines := strings.SplitAfter(string(b), "\n")
		for i := 0; i+10 < len(lines); i += 4 {
			code = append(code, strings.Join(lines[i:i+10], ""))
		}
	}
	for i := range 400 {
		add := func(kind string, v any) { innocent[kind] = append(innocent[kind], arguments(v)) }
		add("prose", object{"text": prose(80), "author": "ada", "max_tokens": 100 + i})
		add("code", object{"path": "a.go", "content": code[i%len(code)]})
		add("hashes", object{"commit": hex.EncodeToString(raw(20)), "sum": "sha256:" + hex.EncodeToString(raw(32)), "key": "item"})
		u := raw(16)
		add("UUIDs", object{"id": fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:]), "url": fmt.Sprintf("https://example.com/a/%d?page=2", i)})
		add("base64", object{"image": base64.StdEncoding.EncodeToString(raw(300 + 10*i)), "name": "a.png"})
	}
	return secrets, hard, innocent
}

// How many secrets are found, and how many arguments without one are taken for one:
// these numbers are the rows of docs/OPERATIONS.md.
func TestInArgumentsOfCorpus(t *testing.T) {
	count := func(kinds map[string][]string) (found, all int) {
		for kind, list := range kinds {
			n := 0
			for _, a := range list {
				if InArguments([]byte(a)) {
					n++
				}
			}
			t.Logf("%-12s %d of %d", kind, n, len(list))
			found, all = found+n, all+len(list)
		}
		return found, all
	}
	page, err := os.ReadFile("../../docs/OPERATIONS.md")
	if err != nil {
		t.Fatal(err)
	}
	secrets, hard, innocent := corpus(t)
	for _, x := range []struct {
		kinds map[string][]string
		row   string
	}{
		{secrets, `(?m)^\| ([0-9,]+) secrets of 20 kinds that have a form: .* \| ([0-9]+) \|$`},
		{hard, `(?m)^\| ([0-9,]+) that have none: .* \| ([0-9]+) \|$`},
	} {
		found, all := count(x.kinds)
		row := regexp.MustCompile(x.row).FindStringSubmatch(string(page))
		if row == nil || row[1] != fmt.Sprint(all) || row[2] != fmt.Sprint(found) {
			t.Errorf("found %d of %d; docs/OPERATIONS.md has %q", found, all, row)
		}
	}
	// Part of these is the code of this repository, so their number changes a little.
	wrong, all := count(innocent)
	t.Logf("%d of %d wrong", wrong, all)
	const most = 10
	if row := fmt.Sprintf("| 2,000 innocent arguments: prose, code, hashes, UUIDs, images in base64 | fewer than %d, ", most); wrong >= most || all != 2000 || !strings.Contains(string(page), row) {
		t.Errorf("%d of %d wrong; docs/OPERATIONS.md has to have %q", wrong, all, row)
	}
}

func BenchmarkInArguments(b *testing.B) {
	_, _, innocent := corpus(b)
	text := ""
	for i, a := range innocent["code"] {
		if a += innocent["prose"][i]; !InArguments([]byte(a)) {
			text += a
		}
	}
	for _, size := range []int{200, 10 << 10, 1 << 20} {
		for len(text) < size {
			text += text
		}
		raw := []byte(text[:size])
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			b.SetBytes(int64(size))
			for range b.N {
				InArguments(raw)
			}
		})
	}
}

// What only looks like the flags and names of secrets is none.
func TestInArgumentsLookAlikes(t *testing.T) {
	for _, text := range []string{"use --token-file x1y2z3a and --auth-type oauth2x", "the --password flag, see section 4a", "a basic understanding of it",
		"basic dXNlcg and so", "ls -key 123456", "max_tokens: 128000, token_limit: 128000", "sort --key=2,2n file1", "docker run -u 1000:1000 image", "docker run -u ada:staff image7"} {
		raw, err := json.Marshal(map[string]string{"text": text})
		if err != nil {
			t.Fatal(err)
		}
		if InArguments(raw) {
			t.Errorf("%s: taken for a secret", raw)
		}
	}
}
