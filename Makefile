# Every target is one line to tools/bootstrap, which needs Python 3.11 or newer and nothing else.
# `make run ARGS="--lan"` passes arguments on; `make PYTHON=python3.12 run` takes another Python.

PYTHON ?= python3
ARGS ?=
SECONDS ?= 600
DO = @$(PYTHON) -m tools.bootstrap

.PHONY: help run sfu test test-bare check dev build format wire nat impairment cluster chaos fuzz screenshots bench bench-chat bench-data bench-engine bench-handover bench-planes setup lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@$(PYTHON) tools/help.py

run: ## start moim on port 3000, setting up what is missing
	$(DO) run $(ARGS)

sfu: ## the media server for LiveKit clients alone, with its development key; needs Rust
	$(DO) sfu $(ARGS)

test: ## everything: lint, types, unit, property, packaging and browser tests
	$(DO) test

test-bare: ## make test in a fresh clone with an empty home and a bare PATH
	$(DO) test-bare

check: ## format, lint, types and unit tests, in under a minute
	$(DO) check

dev: ## start moim and reload it whenever a file is saved
	$(DO) dev $(ARGS)

build: ## the wheel and the source distribution, in dist
	$(DO) build

format: ## format Python and the web client
	$(DO) format

wire: ## write the web client's wire types and the docs' tables from the Python models
	$(DO) wire

nat: ## calls in networks of namespaces, one line each; ARGS=--move changes networks in a call
	$(DO) nat $(ARGS)

impairment: ## how a call fares at 2, 5, 10 and 20 % loss
	$(DO) impairment $(ARGS)

cluster: ## several servers, a proxy, PostgreSQL and Redis, until Ctrl-C
	$(DO) cluster $(ARGS)

chaos: ## several servers in a storm of faults, SECONDS=3600 for an hour
	$(DO) chaos --seconds $(SECONDS) $(ARGS)

fuzz: ## the engine's parsers under libFuzzer, ARGS="--seconds 600" for each; needs a nightly Rust
	$(DO) fuzz $(ARGS)

screenshots: ## a picture of every screen, desktop and phone, light and dark
	$(DO) screenshots $(ARGS)

bench: ## moim's media server beside LiveKit's; ARGS="--rounds 1 --scenario 1-to-100" for less
	$(DO) bench $(ARGS)

bench-chat: ## what a chat message to 200 sockets costs, beside plain python-socketio
	$(DO) bench-chat $(ARGS)

bench-handover: ## the longest pause in picture and sound while a call changes planes; needs Rust
	$(DO) bench-handover $(ARGS)

bench-planes: ## what a call of two to six costs a browser on each plane; Linux, needs Rust
	$(DO) bench-planes $(ARGS)

bench-data: ## how fast files and messages go between two pages
	$(DO) bench-data $(ARGS)

bench-engine: ## instructions that the engine takes to forward a packet; needs Rust and valgrind
	$(DO) bench-engine $(ARGS)

setup: ## install the locked tools and packages, without starting anything
	$(DO) setup

lock: ## take the newest versions of all dependencies
	$(DO) lock

clean: ## remove what was built and installed; rooms and their data stay
	$(DO) clean
