package mcpwire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

const testReceipt = `{"v":1,"id":"rec_7","say":"}\",{"}`

// checkSplice puts receipts into the calls of line and holds what comes out
// against what went in.
func checkSplice(line []byte, framed bool) error {
	v := NewGate("_signet").Judge(line)
	if len(v.Calls) == 0 {
		return nil
	}
	receipts := make([][]byte, len(v.Calls))
	for i := range receipts {
		receipts[i] = []byte(testReceipt)
	}
	in := asLine(line)
	if framed {
		in.Header = fmt.Appendf(nil, "content-length:  %d \r\nX-Any: 1\r\n\r\n", len(line))
	}
	var b bytes.Buffer
	if err := Splice(&b, in, v.Calls, receipts); err != nil {
		return err
	}
	out := b.Bytes()
	if framed {
		header, body, f := ParseHeader(out)
		if f != IsFrame || header+body != len(out) {
			return fmt.Errorf("the header says %d, and %d bytes follow: %q", body, len(out)-header, out[:header])
		}
		if want := strings.Replace(string(in.Header), strconv.Itoa(len(line)), strconv.Itoa(body), 1); string(out[:header]) != want {
			return fmt.Errorf("header %q has become %q", in.Header, out[:header])
		}
		out = out[header:]
	}

	// Taking the inserted spans out gives back the line.
	var back []byte
	rest := out
	for _, c := range v.Calls {
		if c.InsertAt == 0 {
			continue
		}
		n := c.InsertAt - len(back)
		back = append(back, rest[:n]...)
		inserted := c.Before + testReceipt + c.After
		after, ok := bytes.CutPrefix(rest[n:], []byte(inserted))
		if !ok {
			return fmt.Errorf("at %d there is not %q but %.50q", c.InsertAt, inserted, rest[n:])
		}
		rest = after
	}
	if back = append(back, rest...); !bytes.Equal(back, line) {
		return fmt.Errorf("taking the receipts out of %q gives %q", out, back)
	}

	// It reads the same but for the receipts in their places.
	before, after := goValue(line), goValue(out)
	inserted := 0
	for _, c := range v.Calls {
		if c.InsertAt > 0 {
			inserted++
		}
	}
	if n := takeReceipts(before, after); n != inserted || !reflect.DeepEqual(before, after) {
		return fmt.Errorf("by encoding/json %q has %d receipts put in, not %d, or reads otherwise than %q", out, n, inserted, line)
	}
	if was, is := scalars(line), scalars(out); was != is {
		return fmt.Errorf("by jsontext %q reads\n%sand not\n%s", out, is, was)
	}
	return nil
}

// goValue is what encoding/json makes of b; an error if it does not read it.
func goValue(b []byte) (v any) {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, byteOrderMark)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return err
	}
	return v
}

// takeReceipts takes testReceipt out of the messages in after where those in
// before have none, and says how many there were.
func takeReceipts(before, after any) (n int) {
	if list, ok := after.([]any); ok {
		old, _ := before.([]any)
		for i := range min(len(list), len(old)) {
			n += takeReceipts(old[i], list[i])
		}
		return n
	}
	inside := func(v any, name string) map[string]any {
		m, _ := v.(map[string]any)
		m, _ = m[name].(map[string]any)
		return m
	}
	oldParams, params := inside(before, "params"), inside(after, "params")
	oldMeta, meta := inside(oldParams, "_meta"), inside(params, "_meta")
	if _, had := oldMeta["_signet"]; had || !reflect.DeepEqual(meta["_signet"], goValue([]byte(testReceipt))) {
		return 0
	}
	delete(meta, "_signet")
	if _, had := oldParams["_meta"]; !had && len(meta) == 0 {
		delete(params, "_meta")
	}
	return 1
}

var inReceipt = regexp.MustCompile(`^(/[0-9]+)?/params/_meta/_signet(/|$)`)

// scalars are the strings, numbers and words in b, each with its place, as
// jsontext reads them, but those in receipts.
func scalars(b []byte) string {
	var all strings.Builder
	d := jsontext.NewDecoder(bytes.NewReader(bytes.TrimPrefix(b, byteOrderMark)), lenient...)
	for {
		token, err := d.ReadToken()
		if err == io.EOF {
			return all.String()
		}
		if err != nil {
			return err.Error()
		}
		kind, n := d.StackIndex(d.StackDepth())
		isName := kind == '{' && n%2 == 1
		if token.Kind() != '{' && token.Kind() != '}' && token.Kind() != '[' && token.Kind() != ']' && !isName {
			if place := string(d.StackPointer()); !inReceipt.MatchString(place) {
				fmt.Fprintf(&all, "%s %s\n", place, token)
			}
		}
	}
}

func TestSplice(t *testing.T) {
	for _, c := range gateCases {
		if len(c.line) > 2000 {
			continue
		}
		for _, framed := range []bool{false, true} {
			if err := checkSplice([]byte(c.line), framed); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
		}
	}
}

// TestSpliceRandom is a fixed run of what FuzzSplice does.
func TestSpliceRandom(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		if err := checkSplice(mangled(random), random.IntN(2) == 0); err != nil {
			t.Fatal(err)
		}
	}
}

func FuzzSplice(f *testing.F) {
	for _, c := range gateCases {
		if len(c.line) < 2000 {
			f.Add([]byte(c.line), len(c.line)%2 == 0)
		}
	}
	f.Fuzz(func(t *testing.T, line []byte, framed bool) {
		if err := checkSplice(line, framed); err != nil {
			t.Error(err)
		}
	})
}

// TestSpliceWithout: a nil receipt leaves the line as it is, as does a call
// that has no place for one.
func TestSpliceWithout(t *testing.T) {
	line := []byte(`[{"method":"tools/call","params":{}},{"method":"tools/call"},{"method":"tools/call","params":{}}]`)
	v := NewGate("_signet").Judge(line)
	for _, c := range []struct {
		receipts [][]byte
		want     string
	}{
		{make([][]byte, 3), string(line)},
		{[][]byte{nil, []byte("2"), nil}, string(line)},
		{[][]byte{nil, []byte("2"), []byte("3")}, `[{"method":"tools/call","params":{}},{"method":"tools/call"},{"method":"tools/call","params":{"_meta":{"_signet":3}}}]`},
	} {
		var b bytes.Buffer
		if err := Splice(&b, asLine(line), v.Calls, c.receipts); err != nil || b.String() != c.want {
			t.Errorf("with receipts %q: %s, %v", c.receipts, &b, err)
		}
	}
}

// TestSpliceKey: --meta-key may be any name.
func TestSpliceKey(t *testing.T) {
	for _, key := range []string{"com.example/receipt", `a"b\\`, "ſ", "name", "traceparent"} {
		line := []byte(`{"method":"tools/call","params":{"_meta":{"a":1}}}`)
		for range 2 { // the second time it is there already
			v := NewGate(key).Judge(line)
			var b bytes.Buffer
			if err := Splice(&b, asLine(line), v.Calls, [][]byte{[]byte(testReceipt)}); err != nil {
				t.Fatal(err)
			}
			line = b.Bytes()
		}
		m, _ := goValue(line).(map[string]any)
		want := map[string]any{"a": json.Number("1"), key: goValue([]byte(testReceipt))}
		if got := m["params"].(map[string]any)["_meta"]; !reflect.DeepEqual(got, want) || strings.Count(string(line), "rec_7") != 1 {
			t.Errorf("key %q: %s", key, line)
		}
	}
}

// TestSpliceNoKey: with none for a key a message stays as it is, and so does
// the header of its frame; what the call says is known all the same.
func TestSpliceNoKey(t *testing.T) {
	for _, c := range gateCases {
		if len(c.line) > 2000 {
			continue
		}
		with, without := NewGate("_signet").Judge([]byte(c.line)), NewGate(NoMetaKey).Judge([]byte(c.line))
		for i := range with.Calls {
			with.Calls[i].InsertAt, with.Calls[i].Before, with.Calls[i].After, with.Calls[i].Room = 0, "", "", 0
		}
		if !reflect.DeepEqual(with, without) {
			t.Errorf("%s: %+v, with a key %+v", c.name, without, with)
		}
		receipts := make([][]byte, len(without.Calls))
		for i := range receipts {
			receipts[i] = []byte(testReceipt)
		}
		var b bytes.Buffer
		l := Line{Header: []byte("Content-Length: 007\r\n\r\n"), Bytes: []byte(c.line)}
		if err := Splice(&b, l, without.Calls, receipts); err != nil || b.String() != string(l.Header)+c.line {
			t.Errorf("%s: %q, %v", c.name, &b, err)
		}
	}
}

// TestRoom: what a receipt may take that repeats the arguments, so that the
// message with it is not longer than 48 KiB.
func TestRoom(t *testing.T) {
	call := func(size int, meta string) string {
		return `{"method":"tools/call","params":{"arguments":"` + strings.Repeat("x", size) + `"` + meta + `}}`
	}
	for _, c := range []struct {
		name, line string
	}{
		{"small", call(10, "")},
		{"with a _meta", call(10, `,"_meta":{"a":1}`)},
		{"a line end counts", call(10, "") + "\r\n"},
		{"nearly all", call(48<<10-150, "")},
		{"too long itself", call(50<<10, "")},
		{"by another member", `{"method":"tools/call","params":{"_meta":{"a":"` + strings.Repeat("x", 60_000) + `"}}}`},
		{"a batch", "[" + call(10, "") + "," + call(1000, "") + `,{"method":"ping"},{"method":"tools/call"},` + call(20_000, `,"_meta":{}`) + "]"},
		{"a batch of many", "[" + strings.Repeat(call(10, "")+",", 999) + call(10, "") + "]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			length, places, room := len(c.line), 0, 0
			for _, call := range NewGate("_signet").Judge([]byte(c.line)).Calls {
				if call.InsertAt == 0 {
					if call.Room != 0 {
						t.Errorf("no place, and room for %d bytes", call.Room)
					}
					continue
				}
				places++
				length += len(call.Before) + call.Room + len(call.After)
				if room == 0 {
					room = call.Room
				}
				if call.Room != room || room < 1 {
					t.Errorf("room for %d bytes beside %d", call.Room, room)
				}
			}
			if room > 1 && (length > 48<<10 || length+places <= 48<<10) {
				t.Errorf("with its receipts the message has %d bytes", length)
			}
			if room == 1 && len(c.line) < 45<<10 {
				t.Errorf("no room in a message of %d bytes", len(c.line))
			}
		})
	}
}

// TestSpliceLineLimit: a message of less than 64 KiB does not get as long by
// receipts; and what is as long by itself gets its own.
func TestSpliceLineLimit(t *testing.T) {
	const inserted = `,"_meta":{"_signet":` + testReceipt + `}`
	for length, want := range map[int]int{
		1000:                       1,
		64<<10 - len(inserted) - 1: 1,
		64<<10 - len(inserted):     0,
		64<<10 - 1:                 0,
		64 << 10:                   1,
		100_000:                    1,
	} {
		for _, framed := range []bool{false, true} {
			line := []byte(`{"method":"tools/call","params":{"arguments":""}}` + "\n")
			line = bytes.Replace(line, []byte(`""`), []byte(`"`+strings.Repeat("x", length-len(line))+`"`), 1)
			l := asLine(line)
			if framed {
				l.Header = fmt.Appendf(nil, "Content-Length: %d\r\n\r\n", len(line))
			}
			var b bytes.Buffer
			if err := Splice(&b, l, NewGate("_signet").Judge(line).Calls, [][]byte{[]byte(testReceipt)}); err != nil {
				t.Fatal(err)
			}
			header, body, _ := ParseHeader(b.Bytes())
			if got := bytes.Count(b.Bytes(), []byte(testReceipt)); got != want || framed && header+body != b.Len() || b.Len()-header != length+want*len(inserted) {
				t.Errorf("%d bytes, framed %v: %d receipts, want %d; %d bytes with a header of %d", length, framed, got, want, b.Len(), header)
			}
		}
	}
}
