package sshagent

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fake is an agent that responds to each request with what respond returns, as it
// is. Nil: it says nothing, and keeps the connection.
func fake(t *testing.T, respond func(request []byte) []byte) (socket string) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "agent")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for {
					var length [4]byte
					if _, err := io.ReadFull(c, length[:]); err != nil {
						return
					}
					request := make([]byte, binary.BigEndian.Uint32(length[:]))
					if _, err := io.ReadFull(c, request); err != nil {
						return
					}
					if response := respond(request); response != nil {
						c.Write(response)
					}
				}
			}()
		}
	}()
	return socket
}

// message is a message of the protocol.
func message(kind byte, strings ...[]byte) []byte {
	b := []byte{kind}
	for _, s := range strings {
		b = appendString(b, s)
	}
	return appendString(nil, b)
}

func testKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

// signed is the response to a request for a signature by key over what, in place
// of what was asked for.
func signed(key ed25519.PrivateKey, what []byte) []byte {
	sig := appendString(appendString(nil, []byte(keyType)), ed25519.Sign(key, what))
	return message(signResponse, sig)
}

// TestSign: what is signed verifies, whoever asks.
func TestSign(t *testing.T) {
	key := testKey(1)
	public := key.Public().(ed25519.PublicKey)
	socket := fake(t, func(request []byte) []byte {
		r := reader{rest: request[1:]}
		if blob := r.string(); request[0] != signRequest || !bytes.Equal(blob, Blob(public)) {
			t.Errorf("request %x", request)
		}
		return signed(key, r.string())
	})
	sig, err := Sign(t.Context(), socket, public, []byte(`{"a":1}`))
	if err != nil || !bytes.Equal(sig, ed25519.Sign(key, []byte(`{"a":1}`))) {
		t.Errorf("%x, %v", sig, err)
	}
}

// TestHostile: whatever an agent responds is one error of one line.
func TestHostile(t *testing.T) {
	key, other := testKey(1), testKey(2)
	public := key.Public().(ed25519.PublicKey)
	asked := []byte("{}")
	endless := binary.BigEndian.AppendUint32(nil, 1<<31)
	manyKeys := binary.BigEndian.AppendUint32([]byte{identitiesAnswer}, 1<<31)
	listing := func(keys ...ed25519.PrivateKey) []byte {
		b := binary.BigEndian.AppendUint32([]byte{identitiesAnswer}, uint32(len(keys)))
		for _, k := range keys {
			b = appendString(appendString(b, Blob(k.Public().(ed25519.PublicKey))), []byte("comment"))
		}
		return appendString(nil, b)
	}
	refusing := func(list []byte) func([]byte) []byte {
		return func(request []byte) []byte {
			if request[0] == signRequest {
				return message(failure)
			}
			return list
		}
	}
	always := func(response []byte) func([]byte) []byte { return func([]byte) []byte { return response } }
	short := appendString(appendString(nil, []byte(keyType)), make([]byte, 63))
	rsa := appendString(appendString(nil, []byte("rsa-sha2-512")), make([]byte, 64))
	tail := append(appendString(appendString(nil, []byte(keyType)), ed25519.Sign(key, asked)), 0)
	for _, c := range []struct {
		name    string
		respond func([]byte) []byte
		is      error
	}{
		{"another key", always(signed(other, asked)), nil},
		{"another message", always(signed(key, []byte("{ }"))), nil},
		{"a short signature", always(message(signResponse, short)), errGarbage},
		{"another kind of signature", always(message(signResponse, rsa)), errGarbage},
		{"something after it", always(message(signResponse, tail)), errGarbage},
		{"nothing in it", always(message(signResponse)), errGarbage},
		{"another response", always(message(99)), errGarbage},
		{"an empty response", always([]byte{0, 0, 0, 0}), errGarbage},
		{"two gigabytes", always(append(endless, make([]byte, 1<<20)...)), errGarbage},
		{"no more than a length", always([]byte{0, 0, 1}), ErrSilent},
		{"half a response", always([]byte{0, 0, 1, 0, signResponse}), ErrSilent},
		{"silence", always(nil), ErrSilent},
		{"refused", refusing(listing(other, key)), ErrRefused},
		{"locked", refusing(listing()), ErrNoKey},
		{"key gone", refusing(listing(other)), ErrNoKey},
		{"refused, and no list", refusing(message(failure)), ErrNoKey},
		{"refused, and a list of billions", refusing(appendString(nil, manyKeys)), ErrRefused},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx := context.Background()
			if c.is == ErrSilent { // sooner than after Patience
				var stop context.CancelFunc
				ctx, stop = context.WithDeadline(ctx, time.Now().Add(200*time.Millisecond))
				defer stop()
			}
			sig, err := Sign(ctx, fake(t, c.respond), public, asked)
			if err == nil || sig != nil && !ed25519.Verify(public, asked, sig) || c.is != nil && !errors.Is(err, c.is) {
				t.Fatalf("%x, %v", sig, err)
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%q", err)
			}
		})
	}
	if _, err := Sign(t.Context(), filepath.Join(t.TempDir(), "none"), public, asked); !errors.Is(err, ErrUnreachable) {
		t.Error(err)
	}
	if _, err := Sign(t.Context(), "", public, make([]byte, Longest+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Error(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := Sign(ctx, fake(t, always(nil)), public, asked); err == nil {
		t.Error("a cancelled request for a signature: no error")
	}
}

// TestList: keys of other kinds are listed, and are no Ed25519 keys.
func TestList(t *testing.T) {
	key := testKey(1).Public().(ed25519.PublicKey)
	sk := appendString(appendString(appendString(nil, []byte("sk-ssh-ed25519@openssh.com")), key), []byte("ssh:"))
	cert := appendString(appendString(nil, []byte("ssh-ed25519-cert-v01@openssh.com")), key)
	long := append(Blob(key), 0)
	b := binary.BigEndian.AppendUint32([]byte{identitiesAnswer}, 4)
	for _, blob := range [][]byte{sk, cert, long, Blob(key)} {
		b = appendString(appendString(b, blob), []byte("c"))
	}
	keys, err := List(t.Context(), fake(t, func([]byte) []byte { return appendString(nil, b) }))
	if err != nil || len(keys) != 4 {
		t.Fatalf("%v, %v", keys, err)
	}
	for i, k := range keys {
		got, ok := k.Ed25519()
		if ok != (i == 3) || ok && !got.Equal(key) || k.Comment != "c" {
			t.Errorf("key %d: %v, %v", i, k, ok)
		}
	}
	if keys[0].Type != "sk-ssh-ed25519@openssh.com" || keys[3].Fingerprint() != Fingerprint(key) {
		t.Errorf("%v", keys)
	}
}

// FuzzList: no response of an agent is a panic, and no keys come from garbage.
func FuzzList(f *testing.F) {
	f.Add([]byte{identitiesAnswer, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{failure})
	f.Fuzz(func(t *testing.T, response []byte) {
		c := struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(appendString(nil, response)), io.Discard}
		keys, err := list(c)
		if err != nil && keys != nil {
			t.Error(keys, err)
		}
		sign(c, testKey(1).Public().(ed25519.PublicKey), []byte("{}"))
	})
}
