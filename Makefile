GO ?= go
CACHE := $(CURDIR)/.cache
export GOWORK := off

# Which build the tests and the demo run. In Envoy the tests take the small build where
# there are the tools to build it: it starts in a tenth of the time.
ifeq ($(origin MODULE),undefined)
MODULE := bearerauth.wasm
IN_ENVOY_MODULE := $(if $(and $(shell command -v wasm-ld-19),$(shell command -v clang-19),$(shell command -v npm),$(wildcard /usr/lib/wasm32-wasi/libc.a)),bearerauth-small.wasm,$(MODULE))
else
IN_ENVOY_MODULE := $(MODULE)
endif
export MODULE

SOURCES := $(shell find main.go filter build/exports -name '*.go' ! -name '*_test.go' ! -path '*/wasmhost/*') go.mod go.sum
WASM := GOOS=wasip1 GOARCH=wasm
BUILD := $(WASM) $(GO) build -buildmode=c-shared -trimpath -buildvcs=false -ldflags='-s -w'

bearerauth.wasm: $(SOURCES)
	@mkdir -p $(CACHE)
	$(BUILD) -o $(CACHE)/raw.wasm .
	$(GO) run ./build/exports $(CACHE)/raw.wasm $@

## help: list the targets
.PHONY: help
help:
	@echo "make builds bearerauth.wasm, and of these:"
	@sed -n 's/^## \([a-z0-9-]*\): \(.*\)/\1	\2/p' $(MAKEFILE_LIST) | awk -F'\t' '{printf "  %-14s %s\n", $$1, $$2}'
	@echo "MODULE=bearerauth-small.wasm takes the small build for demo, unit, e2e, test and soak. Without MODULE,"
	@echo "e2e takes it where there are the tools to build it, and the others take bearerauth.wasm."

## small: bearerauth-small.wasm, the same filter by TinyGo
.PHONY: small
small: bearerauth-small.wasm

include build/tinygo.mk

## bearerauth: the command that checks and tests configurations, a static binary
.PHONY: bearerauth
bearerauth:
	CGO_ENABLED=0 $(GO) build -C cmd -trimpath -ldflags='-s -w' -o ../bearerauth ./bearerauth

## demo: envoy.yaml in a real Envoy, and what it answers (ARGS=--check: exit by itself)
.PHONY: demo
demo: $(MODULE)
	$(GO) run -C e2e ./demo $(ARGS)

# Shows what runs, what failed, and how long it took.
TEST := $(GO) run ./build/gotest

## test: unit, faults-test and e2e
.PHONY: test
test: unit faults-test e2e

## unit: all tests that need no Envoy
.PHONY: unit
# Without Node.js, Python and Java their parsers are not asked what paths they read.
unit: $(MODULE)
	@for i in node python3 java; do command -v $$i >/dev/null || { \
		echo "## PARSERS OF PATHS NOT ASKED: no $$i to run them in"; test -z "$$CI" || exit 1; }; done
	@$(TEST) . ./... -- cmd ./... -- e2e ./oracle/...

## readings: ask URL parsers and servers about COUNT paths that the filter judged (default: a million)
.PHONY: readings
readings: COUNT := 1000000
readings:
	READINGS=$(COUNT) $(GO) test -C e2e ./oracle/readings -count=1 -timeout 1h -v

## faults-test: the module's tests; this build overwrites what the host gave, and panics where a test asks for it
.PHONY: faults-test
faults-test: $(CACHE)/faults.wasm
	@MODULE=.cache/faults.wasm $(TEST) . -short ./filter

$(CACHE)/faults.wasm: $(SOURCES)
	@mkdir -p $(CACHE)
	$(BUILD) -tags=faults -o $(CACHE)/raw-faults.wasm .
	$(GO) run ./build/exports $(CACHE)/raw-faults.wasm $@

# All of e2e but the oracles, which need no Envoy: make unit runs them. No Go is in e2e/mcp,
# and e2e/hosts and e2e/controlplanes have targets of their own.
IN_ENVOY := . $(patsubst e2e/%/,./%/...,$(filter-out e2e/mcp/ e2e/oracle/ e2e/hosts/ e2e/controlplanes/,$(wildcard e2e/*/)))

## e2e: the tests in a real Envoy
# Without an Envoy its tests are skipped, without Node.js those of MCP and of a
# real authorization server. go test hides what passing packages print, so that
# is said here.
.PHONY: e2e
e2e: export MODULE := $(IN_ENVOY_MODULE)
e2e: $(IN_ENVOY_MODULE) $(CACHE)/faults$(findstring -small,$(IN_ENVOY_MODULE)).wasm
	@echo "== in Envoy: $(MODULE)"
	@$(GO) run -C e2e ./whichenvoy || test -z "$$CI"
	@command -v node >/dev/null && command -v npm >/dev/null || { \
		echo "## TESTS OF MCP AND OF A REAL AUTHORIZATION SERVER SKIPPED: no Node.js with npm"; \
		test -z "$$CI"; }
	@$(TEST) e2e -count=1 $(IN_ENVOY)

## matrix: the tests in each pinned Envoy (1.36 to 1.40)
.PHONY: matrix
matrix:
	@for version in $(patsubst e2e/envoy/requirements/%.txt,%,$(wildcard e2e/envoy/requirements/*.txt)); do \
		echo "== Envoy $$version"; $(MAKE) --no-print-directory e2e MODULE=$(IN_ENVOY_MODULE) ENVOY_VERSION=$$version || failed="$$failed $$version"; \
	done; test -z "$$failed" || { echo "== failed in:$$failed"; exit 1; }

## e2e-keycloak: the filter against a real Keycloak (needs Java and Maven; 170 MB once)
.PHONY: e2e-keycloak
e2e-keycloak: $(MODULE)
	@$(GO) run -C e2e ./whichenvoy
	$(GO) test -C e2e -tags keycloak -count=1 -timeout 20m -v -run '^TestKeycloak$$' .

## e2e-control-planes: the importer against what Istio makes of the same policies (compiles for minutes)
.PHONY: e2e-control-planes
e2e-control-planes: $(MODULE)
	@$(GO) run -C e2e ./whichenvoy
	$(GO) test -C e2e/controlplanes -count=1 -timeout 20m -v .

# TestCosts prints its figures, so go test runs directly.
HOSTS_TEST := $(GO) test -C e2e -tags hosts -count=1 -timeout 20m -v

## e2e-java: the stories in proxy-wasm-java-host (needs a JDK and Maven)
.PHONY: e2e-java
e2e-java: $(MODULE)
	$(HOSTS_TEST) -run '^TestJava$$' ./hosts

## e2e-wasmtime: the stories in Wasmtime, and what a callback costs there (needs Python 3)
.PHONY: e2e-wasmtime
e2e-wasmtime: $(MODULE)
	$(HOSTS_TEST) -run '^Test(Wasmtime|Costs)$$' ./hosts

## small-test: what a compiler can get wrong: the tests of the module and of signatures, with the small build
.PHONY: small-test
small-test: bearerauth.wasm bearerauth-small.wasm $(CACHE)/faults-small.wasm $(CACHE)/verdicts.wasm
	@MODULE=bearerauth-small.wasm VERDICTS=$(CACHE)/verdicts.wasm $(TEST) . ./filter -- e2e ./oracle/jose
	@MODULE=.cache/faults-small.wasm $(TEST) . -run '^TestPanics' ./filter

## soak: a million requests and a thousand updates in wazero; memory must stay as it is
.PHONY: soak
soak: $(MODULE)
	SOAK=1000000 $(GO) test ./filter -count=1 -run 'Test(Soak|SoakWithoutTimer|Updates)$$' -v

## bench: CPU per request beside Envoy's own filters (needs wrk and taskset; ARGS=-quick: two rounds)
# It measures both builds if both are there.
.PHONY: bench
bench: bearerauth.wasm
	$(GO) run -C e2e ./bench $(ARGS)

# Not the cache: there are TinyGo's sources, and links to Go's own.
OURS := main.go build cmd e2e filter
# What is compiled into the module, or may be.
IN_WASM := ./filter/policy/... ./filter/jose/...

## check: gofumpt, vet and staticcheck, for the host and for Wasm
.PHONY: check
check: $(CACHE)/bin/staticcheck $(CACHE)/bin/gofumpt
	@unformatted=$$($(CACHE)/bin/gofumpt -l $(OURS)); test -z "$$unformatted" || { \
		echo "not gofumpt-formatted (make fmt):"; echo "$$unformatted"; exit 1; }
	$(GO) vet ./...
	$(GO) vet -C cmd ./...
	$(GO) vet -C e2e -tags keycloak,hosts ./...
	$(WASM) $(GO) vet . ./filter $(IN_WASM)
	$(WASM) $(GO) vet -tags=tinygo $(IN_WASM)
	$(CACHE)/bin/staticcheck ./...
	cd cmd && $(CACHE)/bin/staticcheck ./...
	cd e2e && $(CACHE)/bin/staticcheck -tags keycloak,hosts ./...
	$(WASM) $(CACHE)/bin/staticcheck . ./filter $(IN_WASM)

## fmt: format the source
.PHONY: fmt
fmt: $(CACHE)/bin/gofumpt
	$(CACHE)/bin/gofumpt -w $(OURS)

# The tools have a module file of their own, so that none of them is a dependency of the filter.
$(CACHE)/bin/staticcheck: PACKAGE = honnef.co/go/tools/cmd/staticcheck
$(CACHE)/bin/gofumpt: PACKAGE = mvdan.cc/gofumpt
$(CACHE)/bin/%: build/tools.mod build/tools.sum
	@mkdir -p $(@D)
	$(GO) build -modfile=build/tools.mod -o $@ $(PACKAGE)

## clean: remove the modules and .cache
.PHONY: clean
clean:
	rm -rf bearerauth bearerauth.wasm bearerauth-small.wasm $(CACHE)
