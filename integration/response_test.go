package integration

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

func init() {
	fakes["spells"] = fakeSpells // responds as the tool's name says
}

func fakeSpells([]string) int {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		var m struct {
			ID     int
			Params struct{ Name string }
		}
		json.Unmarshal(in.Bytes(), &m)
		big := strings.Repeat("x", 100_000)
		switch id := m.ID; m.Params.Name {
		case "text then number":
			fmt.Printf(`{"jsonrpc":"2.0","id":"%d","result":{"isError":true}}`+"\n", id)
			fmt.Printf(`{"jsonrpc":"2.0","id":%d,"result":{}}`+"\n", id)
		case "escapes":
			fmt.Printf(`{"jsonrpc":"2.0","i\u0064":%d,"\u0072esult":{}}`+"\n", id)
		case "deep":
			fmt.Printf(`{"jsonrpc":"2.0","result":%s1%s,"id":%d}`+"\n", strings.Repeat("[", 100_000), strings.Repeat("]", 100_000), id)
		case "pushed":
			fmt.Printf(`{"jsonrpc":"2.0","id":%d,"result":{"resultType":"task","taskId":"t"}}`+"\n", id)
			fmt.Printf(`{"jsonrpc":"2.0","method":"notifications/tasks","params":{"taskId":"t","status":"completed","result":{"x":"%s"}}}`+"\n", big)
		case "not JSON":
			fmt.Printf(`{"jsonrpc":"2.0","id":%d,"result":{"x":NaN}}`+"\n", id)
		}
	}
	return 0
}

// TestResponsesInTheLog: what a client may take for the response of a call is its
// outcome, or the log says that it could not be read.
func TestResponsesInTheLog(t *testing.T) {
	t.Parallel()
	home := newHome(t)
	p := start(t, home.dir, wrapped.argv(t, nil, fake(t, "spells")...))
	want := []string{"failed, isError; its id is not spelled as the call's", "executed", "executed", "executed",
		"unanswered, the client ended the session; a message that may be its response could not be read"}
	for i, tool := range []string{"text then number", "escapes", "deep", "pushed", "not JSON"} {
		p.send(called(i+1, tool))
	}
	p.end()
	p.rest()
	p.how()
	var got []string
	for _, a := range home.recordedCalls(t) {
		text, _, _ := strings.Cut(a.text(t), "; content_hash is of")
		got = append(got, strings.TrimSuffix(text, ", content_hash is of the 200001 bytes as sent"))
	}
	if !slices.Equal(got, want) {
		t.Errorf("the log says\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
	if n := len(home.events(t, "extra_response")); n != 1 {
		t.Errorf("%d extra_response events", n)
	}
	if said := home.signet(t, 0, nil, "verify", "--chain"); !strings.Contains(said, "further response") {
		t.Errorf("verify says %s", said)
	}
}
