package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/signet-wrap/signet-wrap/internal/testlog"
)

// views are what the page of `audit view` asks for when somebody moves or filters, once
// the log is indexed and verified. Each is asked for the first time.
var views = []struct{ name, query string }{
	{"a jump to the middle", "from=MIDDLE"},
	{"a tool", "tool=" + testlog.RareTool},
	{"a server", "server=FILES"},
	{"a client", "client=testlog"},
	{"an outcome", "outcome=failed"},
	{"a day", "since=DAY&until=NEXT"},
}

// view measures the page of a log of so many records: how soon it has rows, and how soon
// all of them. The day that is filtered by is the middle one of its files.
func (b *bench) view(ctx context.Context, home string, records int) error {
	cmd := exec.CommandContext(ctx, b.binary, "audit", "view", "--no-browser", "--home", home)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	defer func() {
		cmd.Process.Kill()
		cmd.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("audit view: %w", err)
	}
	link, err := url.Parse(strings.TrimSpace(line))
	if err != nil {
		return err
	}
	token := link.Fragment
	ask := func(method, path string, into any) error {
		r, err := http.NewRequestWithContext(ctx, method, "http://"+link.Host+"/api/"+path, nil)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			said, _ := io.ReadAll(response.Body)
			return fmt.Errorf("%s: %s: %s", path, response.Status, said)
		}
		return json.NewDecoder(response.Body).Decode(into)
	}
	var state struct {
		Version int64
		Rows    int
		Indexed bool
		Checked *json.RawMessage
	}
	write := func(name string, began time.Time) error {
		return b.writeReading(reading{Records: records, Command: "audit view: " + name, Seconds: time.Since(began).Seconds(), First: -1, CPU: -1, Peak: usageOf(cmd.Process.Pid).peak})
	}
	var session struct{ Session string }
	if err := ask(http.MethodPost, "session", &session); err != nil {
		return err
	}
	token = session.Session
	var rows struct{ Rows []json.RawMessage }
	if err := ask(http.MethodGet, "calls?count=100", &rows); err != nil {
		return err
	}
	if len(rows.Rows) == 0 {
		return errors.New("audit view shows no rows")
	}
	if err := write("first rows", began); err != nil {
		return err
	}
	for indexed := false; state.Checked == nil || !state.Indexed; {
		if err := ask(http.MethodGet, fmt.Sprintf("state?since=%d", state.Version), &state); err != nil {
			return err
		}
		if state.Indexed && !indexed {
			indexed = true
			if err := write("indexed", began); err != nil {
				return err
			}
		}
	}
	if err := write("verified", began); err != nil {
		return err
	}
	days, err := filepath.Glob(filepath.Join(home, "audit", "*.jsonl"))
	if err != nil || len(days) == 0 {
		return fmt.Errorf("there is no day in the log of %s: %w", home, err)
	}
	day, err := time.Parse(time.DateOnly+".jsonl", filepath.Base(days[len(days)/2]))
	if err != nil {
		return err
	}
	values := strings.NewReplacer("MIDDLE", fmt.Sprint(state.Rows/2), "DAY", day.Format(time.RFC3339), "NEXT", day.AddDate(0, 0, 1).Format(time.RFC3339))
	for _, v := range views {
		asked := time.Now()
		if err := ask(http.MethodGet, "calls?count=100&"+values.Replace(v.query), &rows); err != nil {
			return err
		}
		if err := write(v.name, asked); err != nil {
			return err
		}
	}
	return nil
}
