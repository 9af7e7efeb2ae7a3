.DEFAULT_GOAL := help
.PHONY: help demo web check fmt lint test test-one chaos bench schema docs

help: ## Lists what there is.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: ## Runs a server on a temporary database. ARGS="--listen 127.0.0.1:9000" takes another port.
	bash scripts/build-web.sh
	cargo run --quiet -- serve --demo $(ARGS)

web: ## Builds the web pages that go into the binary. Needs Node.js.
	bash scripts/build-web.sh

check: ## Compiles everything, and runs nothing.
	cargo check --workspace --all-targets

fmt: ## Formats the code as `make lint` wants it.
	cargo fmt --all

test: ## Installs what tests need and the machine lacks, and runs all tests.
	bash scripts/install-test-tools.sh
	bash scripts/build-web.sh
	INSTA_UPDATE=no cargo test --workspace

test-one: ## Runs the tests whose names contain T, as in T=groups or T=log::a_slow_statement.
	cargo test --lib --test it $(T)

chaos: ## Looks for what is lost or wrong when everything fails. SEED=7 repeats a plan, MINUTES=10 is how long, DATABASE=sqlite.
	bash scripts/install-test-tools.sh
	SEED="$(SEED)" MINUTES="$(MINUTES)" DATABASE="$(DATABASE)" cargo test $(if $(MINUTES),--release) --test chaos

lint: ## Checks the format, clippy's rules, the spelling and the dependencies.
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@if typos --version >/dev/null 2>&1; then \
		typos; \
	else \
		printf '\n*** SKIPPED: typos. Get it with: cargo install --locked typos-cli ***\n\n' >&2; \
	fi
	@if cargo deny --version >/dev/null 2>&1; then \
		cargo deny check; \
	else \
		printf '\n*** SKIPPED: cargo deny check. Get it with: cargo install --locked cargo-deny ***\n\n' >&2; \
	fi

# A process for each database: one has too few file descriptors for the sockets of both.
bench: ## Runs the benchmarks.
	cargo bench -- SQLite
	cargo bench -- PostgreSQL

# By way of another file: a server that does not build would leave an empty one.
schema: ## Writes schema.graphql as the server prints it.
	cargo run --quiet -- schema > schema.graphql.new
	mv schema.graphql.new schema.graphql

docs: ## Writes what the comments say of the code to target/doc.
	cargo doc --workspace --no-deps --document-private-items
