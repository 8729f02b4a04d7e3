package integration

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
)

// fakeOTLP is a collector: ADDRESS FILE DEATHS. What it is sent it puts into FILE, on the
// disk, before it answers. As often as DEATHS says it dies at a request instead, by turns
// before and after it has kept it, and half of the time in the middle of a line.
func fakeOTLP(args []string) int {
	out, err := os.OpenFile(args[1], os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 1
	}
	var deaths int
	fmt.Sscan(args[2], &deaths)
	var died int
	if b, err := os.ReadFile(args[1] + ".died"); err == nil {
		fmt.Sscan(string(b), &died)
	}
	err = http.ListenAndServe(args[0], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		b, err := io.ReadAll(z)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		b = append(b, '\n')
		if died < deaths {
			os.WriteFile(args[1]+".died", fmt.Append(nil, died+1), 0o600)
			switch died % 3 {
			case 1:
				out.Write(b)
			case 2:
				out.Write(b[:len(b)/2])
			}
			os.Exit(1)
		}
		if _, err := out.Write(b); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		out.Sync()
		io.WriteString(w, `{"partialSuccess":{}}`)
	}))
	fmt.Fprintln(os.Stderr, err)
	return 1
}
