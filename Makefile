# chatferry. `make help` lists the targets.
GO     ?= go
BIN    := bin/chatferry
TOOLS  := bin/tools
KILLS  ?= 10000
CHATS  ?= 2000
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X main.version=$(VERSION)

.DEFAULT_GOAL := build
.PHONY: help build install demo test lint unit race crash soak fuzz bench plant clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/chatferry
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/chatferry

install: ## install chatferry into GOBIN
	$(GO) install -trimpath -ldflags '$(LDFLAGS)' ./cmd/chatferry

demo: build ## make a small legacy account and carry it over (CHATS=N for another size)
	@rm -rf demo
	$(BIN) demo --chats $(CHATS) --dir demo

test: lint race plant crash-short ## everything that CI runs, under 15 minutes on two cores

lint: $(TOOLS)/staticcheck ## gofumpt, vet and staticcheck
	@out="$$($(TOOLS)/gofumpt -l $$(git ls-files '*.go'))"; test -z "$$out" || { echo "not gofumpt-clean:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(TOOLS)/staticcheck ./...

$(TOOLS)/staticcheck: .ci/tools/go.mod
	@mkdir -p $(TOOLS)
	cd .ci/tools && $(GO) build -o ../../$(TOOLS)/ tool

race: ## the tests under the race detector
	$(GO) test -race -timeout 14m ./...

bench: build ## throughput of reading, decoding, encoding and the whole
	$(BIN) bench

clean: ## remove what the targets made
	rm -rf bin demo
