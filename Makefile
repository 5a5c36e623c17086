# The targets and what they are for: make help

GO ?= go
# How often the proof runs what must come out the same every time. Once shows that each check and each mutant does what it
# must; whoever writes a lab wants to know whether it always does: make prove RUNS=5.
RUNS ?= 1
# How long the proof may take, such as 30m, on a machine that may be slow; without it all labs are proved.
WITHIN ?= 0
# Packages of labs and solutions are judged by "labs prove"; the stubs' own tests fail by design.
PACKAGES = ./cmd/... ./harness/...

.PHONY: help
help: ## these lines
	@grep -hE '^[a-z][a-z-]*:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

.PHONY: build
build: bin/labs ## bin/labs

.PHONY: bin/labs
bin/labs:
	@.ci/patiently $(GO) build -o $@ ./cmd/labs
	@CGO_ENABLED=0 $(GO) build -o bin/labs-sandbox ./cmd/labs-sandbox

.PHONY: install
install: ## put labs where go install puts programs, so that it is on the PATH
	@$(GO) install ./cmd/labs
	@CGO_ENABLED=0 $(GO) install ./cmd/labs-sandbox

.PHONY: demo
demo: ## build labs and show it at work: a pure, a Redis and a Postgres lab
	@echo "building labs (the first time this takes about a minute)"
	@$(MAKE) --no-print-directory bin/labs
	@bin/labs demo

.PHONY: test
test: unit form ## unit and end-to-end tests, and the form of every lab; at most ten minutes

.PHONY: unit
unit: ## unit and end-to-end tests under the race detector
	@echo "building the tests (the first time this takes a few minutes)"
	@GO=$(GO) .ci/tests -race -timeout 15m $(PACKAGES)

# A sandboxed process takes a second to start where it has the race detector, and there are thousands.
.PHONY: graded
graded: ## graded mode and workshops as they are used: attacks with and without each defence, right answers to every lab
	@echo "building graded mode and its tests, without the race detector"
	@GO=$(GO) .ci/tests -timeout 25m -run 'TestAttack|TestHonest|TestGrade_beside|TestRead_bombs|TestScripts/grade|TestScripts/workshop' \
		./harness/intake ./harness/grade ./cmd/labs

.PHONY: form
form: bin/labs ## lab.yaml, texts, patches and promises of every lab, without building any
	@all=$$(bin/labs prove --form) || { echo "$$all"; exit 1; }; echo "$$all" | tail -1

.PHONY: prove
prove: bin/labs ## stubs fail, references pass, mutants are caught, for every lab; RUNS=5 for authors
	@bin/labs prove --named --runs $(RUNS) --within $(WITHIN)

.PHONY: mutate
mutate: bin/labs ## change every reference automatically: a check must fail on each change; takes its time
	@bin/labs prove --mutate

.PHONY: honest
honest: ## right answers graded again and again while all cores are busy; RUNS=20 for authors
	@LABS_TEST_ALL=1 LABS_TEST_RUNS=$(RUNS) LABS_TEST_LOAD=4 $(GO) test -count=1 -timeout 12h -v \
		-run 'TestHonest$$' ./cmd/labs

.PHONY: check
check: ## gofmt, vet and staticcheck, for linux, darwin and windows; go.mod; the workflows
	@$(GO) tool actionlint
	@$(GO) mod tidy -diff
	@bad=$$(gofmt -l cmd harness labs solutions); test -z "$$bad" || { echo "not gofmt-ed:"; echo "$$bad"; exit 1; }
	@set -e; for os in linux darwin windows; do \
		echo "vet and staticcheck for $$os"; \
		GOOS=$$os $(GO) vet ./...; \
		$(GO) tool staticcheck -version >/dev/null; \
		GOOS=$$os $$($(GO) tool -n staticcheck) ./...; \
	done

.PHONY: golden
golden: ## rewrite the expected outputs of the tests; read the diff like any other change
	@$(GO) test ./harness/report ./harness/course ./harness/watch ./harness/prose ./harness/hunt ./harness/picture -update

.PHONY: module
module: ## bring the go.mod of the course in the binary up to date, after a change of go.mod or of what labs import
	@GO=$(GO) .ci/module

.PHONY: pictures
pictures: bin/labs ## draw the README's pictures anew
	@$(GO) run ./harness/pictures

.PHONY: bench
bench: bin/labs ## the table of speeds, as ratios measured side by side
	@$(GO) run ./harness/bench

.PHONY: clean
clean: ## what was built; your progress in .labs stays
	@rm -rf bin .labs/bin
