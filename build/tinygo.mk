# The small build. A tinygo on the PATH brings LLVM, a linker and a C library. Else
# TinyGo is built from its Go module, which lacks all three: they are Debian's, and
# tinygo.json, in which TinyGo's own target wasip1 is repeated, names them.
TINYGO_PACKAGES := g++ llvm-19-dev libclang-19-dev clang-19 lld-19 wasi-libc \
	libclang-rt-19-dev-wasm32 binaryen

ifneq ($(shell command -v tinygo),)
TINYGO := tinygo
TINYGO_TARGET := wasip1
else
TINYGO := $(CACHE)/tinygo/bin/tinygo
TINYGO_TARGET := $(CURDIR)/build/tinygo.json
TINYGO_BUILT := $(CACHE)/tinygo/bin/tinygo
endif

# Goroutines and threads are not there, memory is collected precisely, and 2 MiB
# of stack end in a trap, not in other memory: they come first in it.
TINYGO_BUILD := GOROOT=$(CACHE)/goroot $(TINYGO) build -target=$(TINYGO_TARGET) -scheduler=none -gc=precise \
	-opt=s -panic=print -no-debug -ldflags="-extldflags='-z stack-size=2097152'"

# The features of tinygo.json.
WASM_FEATURES := --enable-bulk-memory --enable-mutable-globals --enable-nontrapping-float-to-int --enable-sign-ext

GOROOT_RAND := $(CACHE)/goroot/src/crypto/internal/sysrand/rand.go

TINYGO_NEEDS := build/tinygo.json build/tinygo.mk $(TINYGO_BUILT) $(GOROOT_RAND)

bearerauth-small.wasm: $(SOURCES) $(TINYGO_NEEDS)
	@command -v wasm-opt >/dev/null || { \
		echo "want wasm-opt, of the Debian package binaryen" >&2; exit 1; }
	$(TINYGO_BUILD) -buildmode=c-shared -o $(CACHE)/raw-small.wasm .
	$(GO) run ./build/exports $(CACHE)/raw-small.wasm $(CACHE)/stripped-small.wasm
	wasm-opt -O3 $(WASM_FEATURES) $(CACHE)/stripped-small.wasm -o $@

# A program that says of signatures what the filter would (e2e/oracle/jose).
$(CACHE)/verdicts.wasm: $(SOURCES) $(TINYGO_NEEDS) $(wildcard e2e/oracle/jose/verdict/*.go e2e/oracle/jose/verdict/guest/*.go)
	cd e2e && $(TINYGO_BUILD) -buildmode=default -o $@ ./oracle/jose/verdict/guest

# TinyGo takes its root for the sources of its runtime. The module has them but for
# src/net, which is another repository, and which the filter does not need.
$(CACHE)/tinygo/bin/tinygo: build/tinygo.mod build/tinygo.sum
	@command -v wasm-ld-19 >/dev/null || { \
		echo "want tinygo on the PATH, or these Debian packages: $(TINYGO_PACKAGES)" >&2; exit 1; }
	rm -rf $(CACHE)/tinygo && mkdir -p $(CACHE)/tinygo
	$(GO) mod download -modfile=build/tinygo.mod github.com/tinygo-org/tinygo
	cp -R "$$($(GO) list -modfile=build/tinygo.mod -m -f '{{.Dir}}' github.com/tinygo-org/tinygo)/src" $(CACHE)/tinygo/src
	chmod -R u+w $(CACHE)/tinygo/src && mkdir $(CACHE)/tinygo/src/net
	$(GO) build -modfile=build/tinygo.mod -tags=llvm19 -o $@ github.com/tinygo-org/tinygo

# Go's sources but for one timer: when the first random octets take longer than a
# minute, crypto/internal/sysrand says so. Signing pulls it in, timers need
# goroutines, and those are not there. Nothing else is touched.
$(GOROOT_RAND): build/tinygo.mk $(shell $(GO) env GOROOT)/VERSION
	rm -rf $(CACHE)/goroot
	from=$$($(GO) env GOROOT); to=$(CACHE)/goroot; \
	for dir in . src src/crypto src/crypto/internal src/crypto/internal/sysrand; do \
		rm -f $$to/$$dir; mkdir -p $$to/$$dir && ln -s $$from/$$dir/* $$to/$$dir/; \
	done; \
	rm $@ && sed -e '/firstUse.CompareAndSwap/,/^	}/d' -e '/^	"time"$$/d' \
		$$from/src/crypto/internal/sysrand/rand.go > $@

.PHONY: small-packages
small-packages:
	@echo $(TINYGO_PACKAGES)
