package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"syscall/js"
	"time"

	"github.com/signet-wrap/signet-wrap/chain/bundle"
	"github.com/signet-wrap/signet-wrap/internal/report"
)

// A page is what the worker's functions work on. JavaScript calls them one at a time.
type page struct {
	post    js.Value // posts to the page what is done
	archive []byte   // a zip archive
	filled  int
	calls   calls
	at      time.Time // of the last word on progress
}

// main gives worker.js its functions, and stays.
func main() {
	p := &page{post: js.Global().Get("post")}
	js.Global().Set("signet", map[string]any{
		// open(size) makes room for the archive, and fill(bytes) fills it.
		"open": js.FuncOf(func(_ js.Value, args []js.Value) any {
			p.archive, p.filled = make([]byte, args[0].Int()), 0
			return nil
		}),
		"fill": js.FuncOf(func(_ js.Value, args []js.Value) any {
			p.filled += js.CopyBytesToGo(p.archive[p.filled:], args[0])
			return nil
		}),
		// check(files) begins to verify, with files of the reader's: a list of {name,
		// bytes}. join() begins to list the calls.
		"check": js.FuncOf(func(_ js.Value, args []js.Value) any {
			o := report.Options{Now: time.Now(), Progress: p.progress}
			for i := range args[0].Length() {
				file := args[0].Index(i)
				f := report.File{Name: file.Get("name").String(), Data: make([]byte, file.Get("bytes").Length())}
				js.CopyBytesToGo(f.Data, file.Get("bytes"))
				o.Files = append(o.Files, f)
			}
			go p.check(o)
			return nil
		}),
		"join": js.FuncOf(func(js.Value, []js.Value) any {
			go p.join()
			return nil
		}),
		// list(query, outcome, offset, limit) and call(i) are JSON texts.
		"list": js.FuncOf(func(_ js.Value, args []js.Value) any {
			return p.calls.list(args[0].String(), args[1].String(), args[2].Int(), args[3].Int())
		}),
		"call": js.FuncOf(func(_ js.Value, args []js.Value) any { return p.calls.call(args[0].Int()) }),
	})
	p.post.Invoke("ready", "")
	select {}
}

func (p *page) check(o report.Options) {
	b, err := bundle.Open(bytes.NewReader(p.archive[:p.filled]), int64(p.filled))
	var f *report.Finding
	if err == nil {
		f, err = report.Check(context.Background(), b, o)
	}
	p.tell("found", f, err)
}

func (p *page) join() {
	p.calls = calls{}
	b, err := bundle.Open(bytes.NewReader(p.archive[:p.filled]), int64(p.filled))
	var did *report.Did
	if err == nil {
		did, err = report.List(context.Background(), b, report.Options{Progress: p.progress}, p.calls.put)
	}
	p.tell("joined", did, err)
}

// tell posts what came of something.
func (p *page) tell(kind string, result any, err error) {
	var text []byte
	if err == nil {
		text, err = json.Marshal(result)
	}
	switch _, unusable := errors.AsType[*report.FileError](err); {
	case unusable:
		p.post.Invoke("unusable", err.Error())
	case err != nil:
		p.post.Invoke("failed", err.Error())
	default:
		p.post.Invoke(kind, string(text))
	}
}

// progress says how far it is, ten times a second.
func (p *page) progress(doing string, done, total int64) {
	if now := time.Now(); now.Sub(p.at) >= 100*time.Millisecond {
		p.at = now
		p.post.Invoke("progress", doing, float64(done), float64(total))
	}
}
