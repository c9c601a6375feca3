# chatferry. `make help` lists the targets.
GO     ?= go
BIN    := bin/chatferry
TOOLS  := bin/tools
CHATS  ?= 2000
KILLS  ?= 10000
SEED   ?= 1
FUZZTIME ?= 60s
SHOTS  ?= dist/report-shots
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -X main.version=$(VERSION)

# The tests fsync a lot, and hold against a simulated disk what a real one may lose, so their files may stand in memory,
# where there is room for them.
FAST := $(shell f=$$(mktemp /dev/shm/chatferry.XXXXXX 2>/dev/null) && cp /bin/true $$f && chmod +x $$f && $$f \
	&& test $$(df -Pk /dev/shm | awk 'NR==2{print $$4}') -gt 4000000 && echo /dev/shm; rm -f $$f)
TEST := $(if $(FAST),TMPDIR=$(FAST)) $(GO) test

.DEFAULT_GOAL := build
.PHONY: help build install release release-check demo demo-s3 test check lint schedules unit race plant plant-some crash soak fuzz bench bench-peers bench-scaling bench-memory bench-resume bench-gate report-shots clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## build bin/chatferry
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(BIN) ./cmd/chatferry

install: ## install chatferry into GOBIN
	$(GO) install -trimpath -ldflags '$(LDFLAGS)' ./cmd/chatferry
	@at="$$($(GO) list -f '{{.Target}}' ./cmd/chatferry)"; echo "installed $$at"; \
		case ":$$PATH:" in *":$${at%/*}:"*) ;; *) echo "$${at%/*} is not in PATH";; esac

release: ## the archives of a release in dist/, static, for linux and darwin on amd64 and arm64
	$(GO) run ./.ci/release -version '$(VERSION)'

release-check: release ## prove that they are static, whole, and come out the same again
	$(GO) run ./.ci/release -version '$(VERSION)' -check

demo: build ## make a small legacy account and carry it over (CHATS=N for another size)
	@rm -rf demo
	$(BIN) demo --chats $(CHATS) --dir demo

demo-s3: build $(TOOLS)/versitygw ## the same with S3 on both ends, against a store that runs here meanwhile
	@rm -rf demo-s3
	$(GO) run ./.ci/s3demo -chats $(CHATS)

test: lint schedules unit ## the tests, under 15 minutes on two cores

check: test race plant-some ## everything that CI runs: the tests, some again under the race detector, planted bugs

lint: $(TOOLS)/staticcheck ## gofumpt, vet and staticcheck
	@out="$$($(TOOLS)/gofumpt -l $$(git ls-files '*.go'))"; test -z "$$out" || { echo "not gofumpt-clean:"; echo "$$out"; exit 1; }
	$(GO) vet ./...
	$(TOOLS)/staticcheck ./...

$(TOOLS)/staticcheck: .ci/tools/go.mod
	@mkdir -p $(TOOLS)
	cd .ci/tools && $(GO) build -o ../../$(TOOLS)/ tool

# The tests build it themselves where it is not there.
$(TOOLS)/versitygw: .ci/s3server/go.mod
	@mkdir -p $(TOOLS)
	cd .ci/s3server && $(GO) build -o ../../$(TOOLS)/ tool
	@touch $@

schedules: ## hold the ready-made schedules against Kubernetes, and systemd where it is
	cd .ci/schedules && $(GO) vet ./... && $(GO) test ./...

unit: ## the tests, those that kill the real program included
	CHATFERRY_SCHEDULES=4000 $(TEST) -timeout 25m ./...
	CHATFERRY_SOAK=1 $(TEST) -timeout 25m -run TestEveryPairOfCrashes/load=plain ./checkpoint

# The protocol's sweeps, the faults of buckets and the rehearsal's servers are long under the race detector, and one
# goroutine or exercised by the program's own tests: of them the parts that run side by side are tried.
race: ## the tests under the race detector
	$(TEST) -race -timeout 25m $$($(GO) list ./... | grep -v -e /endtoend -e '/checkpoint$$' -e /settle -e '/rehearsal/' -e /s3 -e /objectstore/ -e /hydrate -e '/extract/api$$' -e '/cmd/chatferry$$')
	$(TEST) -race -timeout 25m -skip 'ThirtyHours|QuietServer|FullSecond|CapBisects|Noise' ./extract/api
	$(TEST) -race -timeout 25m -run 'Contract|Read|Publish|Stage|List|Open|Close' ./load/s3 ./extract/dump/s3dump
	CHATFERRY_SCHEDULES=300 $(TEST) -race -timeout 25m -run 'Schedule|Load|Lock|Watch|Begin|Refuses' ./checkpoint
	$(TEST) -race -timeout 25m -skip 'LongRun|MovingAccount|Nightly|AtRest|UnderNoise|FaultsThatLast|VerifyOfSound|VerifyFinds' ./cmd/chatferry
	$(TEST) -race -timeout 25m -run 'Lossless|Sweep' ./cmd/chatferry/endtoend

plant: ## plant every bug into the commit protocol; the tests must find each
	$(if $(FAST),TMPDIR=$(FAST)) $(GO) run ./checkpoint/internal/plant

plant-some: ## plant one bug in six
	$(if $(FAST),TMPDIR=$(FAST)) $(GO) run ./checkpoint/internal/plant -every 6

report-shots: ## draw the pages of report with chromium, into SHOTS, for people to look at
	@mkdir -p $(SHOTS)
	CHATFERRY_SHOTS=$(abspath $(SHOTS)) $(TEST) -count=1 -run TestShots -v ./cmd/chatferry/report

crash: ## kill the real program KILLS times at random, and compare byte for byte
	$(TEST) -timeout 0 -v -run TestKilledAtRandom ./cmd/chatferry/endtoend -kills $(KILLS) -kills-seed $(SEED)

soak: ## the long versions of all sweeps, schedules and kills: hours
	CHATFERRY_SOAK=1 $(TEST) -timeout 0 -v ./checkpoint/...
	$(TEST) -timeout 0 -v -run 'Sweep|Lossless' ./cmd/chatferry/endtoend -sweep-all -sweep-pairs 2000 -lossless-rounds 200
	$(TEST) -timeout 0 -v -run Deep ./cmd/chatferry/endtoend -plants-all
	$(TEST) -timeout 0 -v -run Account ./cmd/chatferry/endtoend -account-all -account-kills 500
	$(TEST) -timeout 0 -v -run "Account|LongRun|TokenRevoked" ./cmd/chatferry -account-seeds 2000 -account-chats 100000 -account-all
	$(TEST) -timeout 0 -v ./cmd/chatferry/settle -settle-stride 1 -settle-seeds 2000 -settle-replay-kills 500
	CHATFERRY_SOAK=1 $(TEST) -timeout 0 -v -run AgainstEncodingJSON ./transform
	$(TEST) -timeout 0 -v ./load/s3 -s3-seeds 20000
	$(TEST) -timeout 0 -v -run Verify ./cmd/chatferry -verify-damage 20000 -verify-clean 1000
	$(TEST) -timeout 0 -v -run Readers ./cmd/chatferry/endtoend -readers-stops 0
	$(TEST) -timeout 0 -v -run ReplayKilled ./cmd/chatferry/endtoend -replay-kills 500
	$(TEST) -timeout 0 -v -run S3KilledAtRandom ./cmd/chatferry/endtoend -s3-kills 500
	$(MAKE) crash KILLS=1000
	$(MAKE) fuzz FUZZTIME=10m

fuzz: ## fuzz what parses, FUZZTIME each
	@set -e; for t in ./extract/dump:FuzzLines ./extract/dump:FuzzDocuments ./extract/dump:FuzzCSV ./extract/dump:FuzzCompressed \
		./transform:FuzzDecode ./transform:FuzzAgainstEncodingJSON ./transform:FuzzRepair ./transform:FuzzCSV ./transform:FuzzSecrets ./checkpoint:FuzzDecodeRecord ./checkpoint:FuzzFold \
		./load:FuzzReadQuarantine ./extract/api:FuzzCut ./extract/api:FuzzPosition ./extract/api:FuzzProveWhole ./extract/api:FuzzVisitorPosition \
		./extract/api:FuzzFetchAddress ./extract/rehearsal/faults:FuzzParse ./extract/rehearsal/chatapi:FuzzRequest; do \
		$(GO) test -run '^$$' -fuzz "^$${t#*:}\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 2s "$${t%:*}"; done

bench: build ## throughput of reading, decoding, encoding and the whole, beside what cannot be left out
	$(BIN) bench

# How much, how often and where (a disk with room) the next ones measure: CHATS=, ROUNDS=, SIZES=, GB=, WORK=, JSON=1.
RIG = $(GO) build -o bin/rig ./bench/rig && bin/rig
RIGFLAGS = $(if $(ROUNDS),-rounds $(ROUNDS)) $(if $(WORK),-dir '$(WORK)') $(if $(JSON),-json)
ifneq ($(origin CHATS),file)
RIGFLAGS += -chats $(CHATS)
endif

bench-peers: build ## chatferry against DuckDB on the same dump, in turns (needs node and npm)
	$(RIG) peers $(RIGFLAGS)

bench-scaling: build ## cost per record of growing dumps (SIZES=10000,100000), and one processor against two
	$(RIG) scaling $(RIGFLAGS) $(if $(SIZES),-sizes $(SIZES))

bench-memory: build ## peak memory of runs over large and odd dumps (GB=1 of JSON) against --memory-limit
	$(RIG) memory $(RIGFLAGS) $(if $(GB),-gb $(GB))

bench-resume: build ## what a kill near the end costs, and how long long logs take to open, on disk and on S3
	$(RIG) resume $(RIGFLAGS)
	$(TEST) ./bench -run '^$$' -bench Opening -benchtime 3x -opening-records 10000

bench-gate: ## fail if a stage is slower against its floor than the repository records (UPDATE=1 records)
	$(RIG) gate $(RIGFLAGS) $(if $(UPDATE),-update)

clean: ## remove what the targets made
	rm -rf bin demo demo-s3 dist
