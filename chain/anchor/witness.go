package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"

	"github.com/signet-wrap/signet-wrap/chain/tlog"
	"github.com/signet-wrap/signet-wrap/internal/text"
)

type noteSigner = note.Signer

// longerError says that a witness has cosigned more records than the checkpoint
// has.
type longerError struct{ size int64 }

func (e *longerError) Error() string { return "it has seen " + text.Count(e.size, "record") }

// forkError says that the checkpoint does not continue what a witness has cosigned.
type forkError struct{ said string }

func (e *forkError) Error() string { return "it has seen another log: " + e.said }

// statusError is any other response without a cosignature.
type statusError struct {
	code int
	said string
}

func (e *statusError) Error() string { return fmt.Sprintf("its response is %d %s", e.code, e.said) }

// statusOf says what a response means. known says that the witness has cosigned a
// checkpoint of the log before.
func statusOf(err error, known bool) Status {
	var longer *longerError
	var fork *forkError
	var other *statusError
	switch {
	case err == nil:
		return Signed
	case errors.As(err, &longer) || errors.As(err, &fork):
		return Conflicts
	case !errors.As(err, &other):
		return Later // not reached, or not a valid response
	case !known && slices.Contains([]int{403, 404, 500}, other.code):
		// Servers that do not know a log say so in different ways.
		return NotEnrolled
	case other.code == 429 || other.code >= 500:
		return Later
	}
	return Refused
}

// addCheckpoint asks a witness to cosign the checkpoint: c2sp.org/tlog-witness,
// add-checkpoint. known is the size that it cosigned last, as far as we know. It
// returns the witness's signature line, which is valid.
func (c *client) addCheckpoint(ctx context.Context, w tlog.Witness, cp *tlog.Signed, hashes tlog.Hashes, known int64) (string, error) {
	if known < 0 || known > cp.Size {
		known = 0
	}
	// Once with the size that we know, once with the size that it sends back, and
	// once more in case another process was faster.
	for range 3 {
		proof, err := hashes.Consistency(cp.Size, known)
		if err != nil {
			return "", err
		}
		r, err := c.post(ctx, addCheckpointURL(w), addCheckpointType, addCheckpointBody(known, proof, cp.Log))
		if err != nil {
			return "", err
		}
		size, isSize := r.size()
		switch {
		case r.status == 200:
			return cosignature(w, cp, r.body)
		case isSize && size > cp.Size:
			return "", &longerError{size}
		case isSize && size == known:
			return "", &forkError{"it has " + text.Count(size, "record") + ", and the log does not continue them"}
		case isSize:
			known = size
		case r.status == 422 || r.status == 409:
			return "", &forkError{r.said()}
		default:
			return "", &statusError{r.status, r.said()}
		}
	}
	return "", &statusError{409, "repeatedly"}
}

const addCheckpointType = "text/plain; charset=utf-8"

func addCheckpointURL(w tlog.Witness) string {
	return strings.TrimSuffix(w.URL, "/") + "/add-checkpoint"
}

func addCheckpointBody(old int64, proof []tlog.Hash, checkpoint []byte) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "old %d\n", old)
	for _, h := range proof {
		fmt.Fprintln(&b, h)
	}
	b.WriteByte('\n')
	b.Write(checkpoint)
	return b.Bytes()
}

// size returns the tree size in the response, if it has one. It comes with status
// 409, and from some servers with another one.
func (r *response) size() (int64, bool) {
	text := strings.TrimSuffix(string(r.body), "\n")
	n, err := strconv.ParseInt(text, 10, 64)
	return n, r.status >= 400 && r.status < 500 && err == nil && n >= 0 && strconv.FormatInt(n, 10) == text
}

// said is the response's text for people.
func (r *response) said() string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(r.body)), "\n")
	return fmt.Sprintf("%.100q", line)
}

// cosignature finds the witness's signature in its response, and checks it.
func cosignature(w tlog.Witness, cp *tlog.Signed, body []byte) (string, error) {
	for line := range strings.Lines(string(body)) {
		if !strings.HasPrefix(line, "— "+w.Verifier.Name()+" ") {
			continue
		}
		signed, err := tlog.WithSignature(fmt.Appendf(nil, "%s\n", cp.Checkpoint), line)
		if err != nil {
			continue
		}
		if n, err := note.Open(signed, note.VerifierList(w.Verifier)); err == nil && len(n.Sigs) == 1 {
			return line, nil
		}
	}
	return "", errors.New("its response is not a cosignature with the key that the policy has for it")
}
