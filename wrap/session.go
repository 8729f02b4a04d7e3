package wrap

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/canon"
	"github.com/signet-wrap/signet-wrap/internal/mcpwire"
	"github.com/signet-wrap/signet-wrap/internal/redact"
	"github.com/signet-wrap/signet-wrap/sign"
)

// session is who was asked, and who asked, as they say themselves: the first
// call of a session puts it into the log. All of it is guarded by the
// observer's lock.
type session struct {
	client, server *implementation // nil: it did not say
	protocol       string          // the version that the server chose, else that the client named
}

// implementation is what a peer calls itself.
type implementation struct {
	Name    string `json:"name"`
	Version string `json:"version"`
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

func readImplementation(raw []byte) *implementation {
	root, err := mcpwire.Parse(raw, 0)
	if err != nil {
		return nil
	}
	text := func(name string) string {
		v, _ := root.Member(name)
		s, _ := v.Text(raw)
		return shorten(s)
	}
	return &implementation{Name: text("name"), Version: text("version")}
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
		files := hashFiles(rec.opts.Command, command)
		for i, a := range command {
			command[i] = strings.ToValidUTF8(a, "\ufffd")
		}
		return []job{{kind: "session", members: []sign.Member{
			jsonMember("client", client),
			jsonMember("command", command),
			jsonMember("files", files),
			textMember("protocol", protocol),
			jsonMember("server", server),
			textMember("session", rec.session),
			textMember("target", rec.opts.Target),
		}}}
	}}
}

// hashed is a file of the server's command.
type hashed struct {
	Path   string `json:"path"`
	SHA256 string `json:"sha256"`
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
func hashFiles(command, shown []string) []hashed {
	files := []hashed{}
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

func hashFile(path string, most int64) (h hashed, err error) {
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
	return hashed{strings.ToValidUTF8(path, "\ufffd"), mcpwire.FormatSum(sum.Sum(nil))}, nil
}

func textMember(name, text string) sign.Member {
	return sign.Member{Name: name, Value: canon.AppendString(nil, text)}
}

// jsonMember is a member with the value v, which must be of valid UTF-8 and of
// small numbers.
func jsonMember(name string, v any) sign.Member {
	b, err := json.Marshal(v)
	if err == nil {
		b, err = canon.Canonicalize(b)
	}
	if err != nil {
		b = []byte("null")
	}
	return sign.Member{Name: name, Value: b}
}
