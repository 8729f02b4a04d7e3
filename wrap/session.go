package wrap

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/signet-wrap/signet-wrap/internal/canon"
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

// The keys of _meta by which each request and result of 2026-07-28 says what
// the handshake said before.
const (
	metaProtocol = "io.modelcontextprotocol/protocolVersion"
	metaClient   = "io.modelcontextprotocol/clientInfo"
	metaServer   = "io.modelcontextprotocol/serverInfo"
)

// clientSays takes what the params of initialize or server/discover tell.
func (s *session) clientSays(message []byte, params value) {
	if v, ok := params.member("clientInfo"); ok {
		s.client = readImplementation(v.raw(message))
	}
	if v, ok := params.member("protocolVersion"); ok {
		s.protocol, _ = v.text(message)
	}
	meta, _ := params.member("_meta")
	if v, ok := meta.member(metaClient); ok && s.client == nil {
		s.client = readImplementation(v.raw(message))
	}
	if v, ok := meta.member(metaProtocol); ok {
		s.protocol, _ = v.text(message)
	}
}

// callSays takes what a call itself tells, if nothing told it before.
func (s *session) callSays(c *call) {
	if s.client == nil && c.client != nil {
		s.client = readImplementation(c.client)
	}
	if s.protocol == "" {
		s.protocol = c.protocol
	}
}

// serverSays takes what the result of initialize or server/discover tells.
func (s *session) serverSays(result []byte) {
	r, err := parse(result, 0)
	if err != nil {
		return
	}
	if v, ok := r.member("protocolVersion"); ok {
		s.protocol, _ = v.text(result)
	}
	if v, ok := r.member("serverInfo"); ok {
		s.server = readImplementation(v.raw(result))
	} else if v, ok := r.member("_meta"); ok {
		raw := v.raw(result)
		if meta, err := parse(raw, 0); err == nil {
			if v, ok := meta.member(metaServer); ok {
				s.server = readImplementation(v.raw(raw))
			}
		}
	}
}

// maxName bounds what a peer calls itself, in bytes.
const maxName = 200

func readImplementation(raw []byte) *implementation {
	root, err := parse(raw, 0)
	if err != nil {
		return nil
	}
	text := func(name string) string {
		v, _ := root.member(name)
		s, _ := v.text(raw)
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
		command := make([]string, len(rec.opts.Command))
		for i, a := range maskSecrets(rec.opts.Command) {
			command[i] = strings.ToValidUTF8(a, "\ufffd")
		}
		return []job{{kind: "session", members: []sign.Member{
			jsonMember("client", client),
			jsonMember("command", command),
			jsonMember("files", hashFiles(rec.opts.Command)),
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

// hashFiles hashes what the command runs: the executable as it was looked up,
// links followed, and the first argument that is a file, which is the script
// where the executable is an interpreter.
func hashFiles(command []string) []hashed {
	files := []hashed{}
	if path, err := exec.LookPath(command[0]); err == nil {
		files = appendHashed(files, path)
	}
	for _, a := range command[1:] {
		if strings.HasPrefix(a, "-") || !strings.ContainsAny(a, `/\.`) {
			continue
		}
		if n := len(files); n < len(appendHashed(files, a)) {
			return appendHashed(files, a)
		}
	}
	return files
}

func appendHashed(files []hashed, path string) []hashed {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	if abs, err := filepath.Abs(path); err == nil {
		path = abs
	}
	st, err := os.Stat(path)
	if err != nil || !st.Mode().IsRegular() {
		return files
	}
	f, err := os.Open(path)
	if err != nil {
		return files
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return files
	}
	return append(files, hashed{strings.ToValidUTF8(path, "\ufffd"), formatSum(h.Sum(nil))})
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
