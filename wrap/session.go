package wrap

import (
	"crypto/sha256"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/internal/redact"
	"github.com/signet-wrap/signet-wrap/sign/event"
)

// session is who was asked, and who asked, as they say themselves: the first
// call of a session puts it into the log. All of it is guarded by the
// observer's lock.
type session struct {
	client, server *event.Implementation // nil: it did not say
	protocol       string                // the version that the server chose, else that the client named
}

// clientSays takes what the params of initialize or server/discover tell.
func (s *session) clientSays(message []byte, params mcpwire.Value) {
	if v, ok := params.Member("clientInfo"); ok {
		s.client = readImplementation(v.Raw(message))
	}
	if v, ok := params.Member("protocolVersion"); ok {
		s.protocol, _ = v.Text(message)
	}
	meta, _ := params.Member("_meta")
	if v, ok := meta.Member(mcpwire.MetaClient); ok && s.client == nil {
		s.client = readImplementation(v.Raw(message))
	}
	if v, ok := meta.Member(mcpwire.MetaProtocol); ok {
		s.protocol, _ = v.Text(message)
	}
}

// callSays takes what a call itself tells, if nothing told it before.
func (s *session) callSays(c *mcpwire.Call) {
	if s.client == nil && c.Client != nil {
		s.client = readImplementation(c.Client)
	}
	if s.protocol == "" {
		s.protocol = c.Protocol
	}
}

// serverSays takes what the result of initialize or server/discover tells.
func (s *session) serverSays(result []byte) {
	r, err := mcpwire.Parse(result, 0)
	if err != nil {
		return
	}
	if v, ok := r.Member("protocolVersion"); ok {
		s.protocol, _ = v.Text(result)
	}
	if v, ok := r.Member("serverInfo"); ok {
		s.server = readImplementation(v.Raw(result))
	} else if v, ok := r.Member("_meta"); ok {
		raw := v.Raw(result)
		if meta, err := mcpwire.Parse(raw, 0); err == nil {
			if v, ok := meta.Member(mcpwire.MetaServer); ok {
				s.server = readImplementation(v.Raw(raw))
			}
		}
	}
}

// maxName bounds what a peer calls itself, in bytes.
const maxName = 200

func readImplementation(raw []byte) *event.Implementation {
	root, err := mcpwire.Parse(raw, 0)
	if err != nil {
		return nil
	}
	text := func(name string) string {
		v, _ := root.Member(name)
		s, _ := v.Text(raw)
		return shorten(s)
	}
	return &event.Implementation{Name: text("name"), Version: text("version")}
}

func shorten(s string) string {
	if len(s) > maxName {
		s = s[:maxName]
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

// event is the job that puts the session into the log. The files are hashed
// when it is done, behind the session.
func (s *session) event(rec *recorder) job {
	client, server, protocol := s.client, s.server, shorten(s.protocol)
	return job{prepare: func() []job {
		command := redact.Command(rec.opts.Command)
		return []job{{event: event.Session{
			Session: rec.session, Target: rec.opts.Target, Client: client, Server: server, Protocol: protocol,
			Command: command, Files: hashFiles(rec.opts.Command, command),
		}}}
	}}
}

// Bounds of what is hashed: files, and bytes of one that is only an argument,
// which may be a database as well as a script.
const (
	maxFiles     = 8
	maxArgument  = 64 << 20
	maxExecuting = 1 << 30
)

// hashFiles hashes what the command runs, as it is now: the executable as it was
// looked up, and the arguments that are files, such as the script where the
// executable is an interpreter. Links are followed. What is masked as a secret
// is left out, for the hash of a short one would tell it.
func hashFiles(command, shown []string) (files []event.File) {
	add := func(path string, most int64) {
		if h, err := hashFile(path, most); err == nil {
			files = append(files, h)
		}
	}
	if path, err := exec.LookPath(command[0]); err == nil {
		add(path, maxExecuting)
	}
	for i, a := range command[1:] {
		if shown[i+1] == a && strings.ContainsAny(a, `/\.`) && len(files) < maxFiles {
			add(a, maxArgument)
		}
	}
	return files
}

func hashFile(path string, most int64) (h event.File, err error) {
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return h, err
	}
	if path, err = filepath.Abs(path); err != nil {
		return h, err
	}
	// Not to be opened before it is known to be a file: a pipe would block.
	st, err := os.Stat(path)
	if err != nil {
		return h, err
	}
	if !st.Mode().IsRegular() || st.Size() > most {
		return h, errors.New("not a file to be hashed")
	}
	f, err := os.Open(path)
	if err != nil {
		return h, err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return h, err
	}
	return event.File{Path: path, SHA256: mcpwire.FormatSum(sum.Sum(nil))}, nil
}
