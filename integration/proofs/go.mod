// The proofs are checked by other people's verifiers, whose modules are none of
// the release's.
module github.com/signet-wrap/signet-wrap/integration/proofs

go 1.26.0

require (
	filippo.io/torchwood v0.9.0
	github.com/signet-wrap/signet-wrap v0.0.0
	github.com/transparency-dev/formats v0.1.1
	golang.org/x/mod v0.41.0
)

require (
	filippo.io/mldsa v0.0.0-20260215214346-43d0283efc3e // indirect
	github.com/gowebpki/jcs v1.0.2 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sync v0.19.0 // indirect
)

replace github.com/signet-wrap/signet-wrap => ../..
