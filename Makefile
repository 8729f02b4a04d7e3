# Everything here needs Go and make; `make test` also Node.js with npm, whose
# packages the tests install by themselves from integration/node.

export CGO_ENABLED = 0

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2
# A second time-stamp authority beside openssl ts: some 150 modules, so nightly only.
TSA = github.com/sigstore/timestamp-authority/v2/cmd/timestamp-server@v2.1.3
# With the tag browser, which wants the files of `make wasm`, reports verify themselves.
# Witnesses, time-stamp authorities and collectors are asked by HTTP/1.1, one request at
# a time, and audit view serves one browser: net/http without HTTP/2 is 560 kB smaller.
GOFLAGS_RELEASE = -trimpath -tags browser,nethttpomithttp2 -ldflags='-s -w'
CYCLONEDX = github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod@v1.10.0
# Of the newest tag, as semantic versioning has it.
VERSION ?= $(or $(shell git describe --tags --match 'v[0-9]*' 2>/dev/null),v0.0.0-g$(shell git rev-parse --short HEAD))
PLATFORMS = linux/amd64 linux/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64
# Inputs, not seconds: where seconds run out, a fuzzer on a busy machine sometimes
# fails with "context deadline exceeded" (https://go.dev/issue/75804).
FUZZTIME ?= 2000x
# Those test other processes, which are not built with the race detector.
RACE = $(filter-out %/integration %/internal/bench %/internal/packages,$(shell go list ./...))
# What verifies has to build where there is no system to speak of: a page, a plug-in.
WASM = ./sign/... ./keys ./chain ./chain/tlog ./internal/history ./internal/verify ./internal/wasm
BENCHTIME ?= 1s
SOAK ?= 1h

.DEFAULT_GOAL := help
.PHONY: help build wasm test race fuzz lint nightly bench soak micro demo dist packages release sbom sign

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: wasm ## bin/signet-wrap, for this machine
	go build $(GOFLAGS_RELEASE) -o bin/ .
	$(call small,bin/signet-wrap*)

# The limit of the program's size, in bytes. docs/PERFORMANCE.md says what is in it.
MAX_SIZE = 18000000
small = @for f in $1; do n=$$(wc -c < $$f); [ $$n -le $(MAX_SIZE) ] || { echo "$$f has $$n bytes, more than $(MAX_SIZE)"; exit 1; }; done

wasm: ## what verifies report.html in a browser
	go run ./internal/wasm internal/report/generated

test: wasm ## vet for all three systems and WASM, then every test
	go vet ./...
	go vet -tags browser ./internal/report .
	GOOS=darwin go vet ./...
	GOOS=windows go vet ./...
	GOOS=js GOARCH=wasm go vet $(WASM)
	GOOS=wasip1 GOARCH=wasm go vet $(WASM)
	go test -p 4 -timeout 20m ./... # many of them wait
	cd integration/proofs && go vet ./... && go test ./...
	cd wrap/gosdk && go vet ./... && go test ./...
	GOOS=js GOARCH=wasm go test -exec "node --stack-size=8192 '$$(go env GOROOT)/lib/wasm/wasm_exec_node.js'" -run Embedded ./chain

# With -short, long sweeps of one goroutine take a sample: `make test` has all of them.
race: ## tests with the race detector, but for those of processes; needs cc
	CGO_ENABLED=1 go test -race -short -timeout 20m $(RACE)

# Built once for all targets of a package, and not for each.
fuzz: ## each fuzz target with FUZZTIME (2000x) inputs
	@set -e; bin=$$(mktemp -d); trap 'rm -rf "$$bin"' EXIT; \
	go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}} {{.Dir}}{{end}}' ./... | while read -r p d; do \
	  fs=$$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$$d"/*_test.go); \
	  [ -n "$$fs" ] || continue; \
	  go test -c -fuzz . -o "$$bin/fuzz.test" $$p; \
	  for f in $$fs; do \
	    echo "$$p $$f"; \
	    (cd "$$d" && "$$bin/fuzz.test" -test.run '^$$' -test.fuzz "^$$f\$$" -test.fuzztime $(FUZZTIME) \
	      -test.fuzzminimizetime 10x -test.fuzzcachedir "$$(go env GOCACHE)/fuzz/$$p"); \
	  done; \
	done

lint: ## gofmt, vet and staticcheck
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "not gofmt'd: $$bad"; exit 1; fi
	go vet ./...
	go run $(STATICCHECK) ./...

# What takes too long for every commit, some 100 minutes on 2 cores: 500,000
# inputs for each fuzz target, wrappers killed for 60 s, 10,000 short sessions, logs
# of 1,000,000 records and lines, packages twice, and one wrapper under load for 15
# minutes (SOAK). Each part says how long it took.
nightly: SOAK = 15m
nightly: ## long fuzzing, torture, large logs, packages, soak; 100 minutes
	@part() { began=$$(date +%s); echo "== $$1"; (eval "$$2") || { echo "== $$1 failed"; exit 1; }; \
	  echo "== $$1: $$(($$(date +%s) - began)) s"; }; \
	part lint '$(MAKE) lint'; \
	part race '$(MAKE) race'; \
	part check 'SIGNET_CHECK_MANY=1000000 go test -count=1 -run ReplaysMany ./wrap/check'; \
	part proofs 'cd integration/proofs && SIGNET_WRAP_RECORDS=1000000 go test -count=1 ./...'; \
	part integration 'SIGNET_WRAP_CLIENTS=1 SIGNET_WRAP_FIREFOX=1 SIGNET_WRAP_TORTURE=60s SIGNET_WRAP_CROWD=10000 SIGNET_WRAP_LINES=1000000 \
	  go test -count=1 -timeout 60m -run "Torture|Crowd|Parsers|AnchorKilled|HookClients|Conformance|Firefox" ./integration'; \
	part time-stamps 'go install $(TSA) && SIGNET_WRAP_TIMESTAMP_SERVER="$$(go env GOPATH)/bin/timestamp-server" \
	  go test -count=1 -run Sigstore ./integration'; \
	part export '(cd integration/otelcol && go build -trimpath -o ../../bin/otelcol .) && SIGNET_WRAP_EXPORT=100000 \
	  SIGNET_WRAP_OTELCOL="$$PWD/bin/otelcol" go test -count=1 -timeout 20m -run TestExport ./integration'; \
	part packages 'SIGNET_WRAP_RELEASE=1 go test -count=1 -timeout 90m -run Release ./internal/packages'; \
	part fuzz '$(MAKE) fuzz FUZZTIME=500000x'; \
	part bench '$(MAKE) bench SCALE=1000000'; \
	part soak '$(MAKE) soak SOAK=$(SOAK)'

# BENCH_PEER names other wrappers, BRIEF=1 takes seconds, SCALE=1000000 measures
# logs of up to so many records instead, DIR is where scratch files go; more by
# BENCHFLAGS, see `go run ./internal/bench -help`.
BENCH = go run ./internal/bench -binary bin/signet-wrap $(if $(DIR),-dir '$(DIR)') $(BENCHFLAGS)

bench: build ## the built binary against direct, two cats and BENCH_PEER; minutes
	@$(BENCH) $(if $(BRIEF),-brief) $(if $(SCALE),-scale $(SCALE))

soak: build ## one wrapper under load for SOAK (1h), and whether it grows
	@$(BENCH) -soak $(SOAK)

micro: ## the packages' Go benchmarks, BENCHTIME (1s) for each
	go test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) -timeout 60m ./...

demo: build ## a signed session from end to end, with nothing else installed
	bin/signet-wrap demo

SUMS = cd dist && if command -v sha256sum >/dev/null; then sha256sum signet-wrap*; else shasum -a 256 signet-wrap*; fi > SHA256SUMS

dist: wasm ## release binaries and their SHA-256 sums, in dist/
	rm -rf dist
	@set -e; for p in $(PLATFORMS); do \
	  os=$${p%/*}; arch=$${p#*/}; ext=; [ $$os = windows ] && ext=.exe; \
	  out=dist/signet-wrap-$$os-$$arch$$ext; echo $$out; \
	  GOOS=$$os GOARCH=$$arch go build $(GOFLAGS_RELEASE) $(BUILDVCS) -o $$out .; \
	done
	$(call small,dist/*)
	$(SUMS)
	@cat dist/SHA256SUMS

packages: dist ## dist, and npm, .deb, .rpm, an OCI image (buildah), a formula
	go run ./internal/packages -version '$(VERSION)' -binaries dist -out dist
	$(SUMS)

# docs/RELEASING.md says what comes before and after.
release: ## packages and SBOMs of a tag, the same bytes on any machine
	@[ -z "$$(git status --porcelain)" ] || { echo "the tree is not clean: commit or remove what git status lists"; exit 1; }
	@git describe --tags --exact-match --match 'v[0-9]*' >/dev/null
	$(MAKE) packages BUILDVCS=-buildvcs=true
	$(MAKE) sbom

sbom:
	@set -e; for p in $(PLATFORMS); do \
	  name=signet-wrap-$${p%/*}-$${p#*/}; \
	  GOFLAGS=-trimpath go run $(CYCLONEDX) bin -json -std -noserial -notimestamp -version '$(VERSION)' \
	    -output dist/$$name.cdx.json $$(ls dist/$$name dist/$$name.exe 2>/dev/null); \
	done
	$(SUMS)

sign: ## signs dist/SHA256SUMS with the SSH key KEY
	@[ -n "$(KEY)" ] || { echo "which key? make sign KEY=~/.ssh/release"; exit 1; }
	ssh-keygen -Y sign -f $(KEY) -n file dist/SHA256SUMS
