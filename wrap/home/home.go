// Package home opens a [record.Recorder] for the keys and the log in the user's home
// directory of signet-wrap: $SIGNET_HOME, else ~/.signet. So the calls of a program and
// those to wrapped servers are in one chain.
//
//	recorder, err := home.Open("default", record.Options{Target: "mcp://files"})
//
// A program that keeps keys and log elsewhere uses record.New.
package home

import (
	"os"

	"github.com/signet-wrap/signet-wrap/chain/anchor"
	dirs "github.com/signet-wrap/signet-wrap/internal/home"
	"github.com/signet-wrap/signet-wrap/sign"
	"github.com/signet-wrap/signet-wrap/sign/event"
	"github.com/signet-wrap/signet-wrap/wrap/record"
)

// Open returns a Recorder that signs with the key of this name. "default" is made at
// the first call, not encrypted, if there is none. The passphrase of an encrypted key
// comes from where "signet-wrap identity protect" put it, or from $SIGNET_PASSPHRASE:
// nobody is asked. The keychain is asked by signet-wrap, which must then be in PATH.
//
// Open sets Audit, Tools, Signer, Knows, Keep and Policy of the options. The settings
// of wrapping, such as those in config.toml, are not read: a program has options. The
// session does not anchor: a wrapper's session, or "signet-wrap anchor now", does.
//
// It creates nothing, and the error says only that there is no home. A key that cannot
// be opened is an error of each call.
func Open(key string, o record.Options) (*record.Recorder, error) {
	home, err := dirs.Find("", os.Getenv)
	if err != nil {
		return nil, err
	}
	o.Audit, o.Tools, o.Knows = home.Audit(), home.Tools(), home.Knows
	o.Keep = func(file string, size int64) (bool, func()) { return anchor.Keep(home.Anchor(), file, size) }
	o.Policy = func() event.Hash {
		hash, _ := anchor.PolicyHash(home.Anchor()) // zero, if there is no store
		return hash
	}
	say := o.Say
	if say == nil {
		say = func(string) {}
	}
	o.Signer = func() (*sign.Signer, error) {
		return dirs.Unlock{Home: home, Key: key, Getenv: os.Getenv, Program: "signet-wrap"}.Signer(say)
	}
	return record.New(o), nil
}
