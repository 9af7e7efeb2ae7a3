.DEFAULT_GOAL := help
.PHONY: help demo web check fmt lint test test-one chaos bench package debian baseline schema settings docs book

help: ## Lists what there is.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

demo: ## Runs a server with people who go on writing. ARGS="--listen 127.0.0.1:9000" takes another port.
	bash scripts/build-web.sh
	cargo run --quiet -- serve --demo --demo-live $(ARGS)

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
	cargo test --test it pages_and_packages_do_what_their_tests_say -- --ignored --test-threads=1

test-one: ## Runs the tests whose names contain T, as in T=groups or T=log::a_slow_statement.
	cargo test --lib --test it $(T)

chaos: ## Looks for what is lost or wrong when everything fails. SEED=7 repeats a plan, MINUTES=10 is how long, DATABASE=sqlite, SERVERS=4 on PostgreSQL.
	bash scripts/install-test-tools.sh
	SEED="$(SEED)" MINUTES="$(MINUTES)" DATABASE="$(DATABASE)" SERVERS="$(SERVERS)" cargo test $(if $(MINUTES),--release) --test chaos

lint: ## Checks the format, the spelling, clippy's rules, the web pages, the book and the dependencies.
	cargo fmt --all --check
	bash scripts/install-lint-tools.sh
	target/lint-tools/bin/typos
	cargo clippy --workspace --all-targets -- -D warnings
	bash scripts/build-web.sh check
	bash scripts/check-schema.sh
	bash scripts/build-book.sh
	bash scripts/check-dependencies.sh

# A process for each database: one has too few file descriptors for the sockets of both.
bench: ## Runs the benchmarks.
	cargo bench -- SQLite
	cargo bench -- PostgreSQL

package: ## Makes a package for Debian in target/package.
	bash scripts/build-web.sh
	cargo build --release --locked --bin tidings
	mkdir -p target/package
	bash scripts/make-sbom.sh target/package
	bash scripts/build-deb.sh $${CARGO_TARGET_DIR:-target}/release/tidings target/package target/package/*.cdx.json

# PACKAGE= takes another one, or a binary.
debian: ## Installs, runs, upgrades and removes the package on a clean Debian of its own. Needs root.
	$(if $(PACKAGE),,$(MAKE) package)
	bash tests/debian.sh $(or $(PACKAGE),"$$(ls -t target/package/tidings_*.deb | head -n 1)")

baseline: ## Before a release: keeps a database of this version, for the tests of upgrades.
	cargo test --test it this_version_is_kept_for_later_ones -- --ignored

# By way of another file: a server that does not build would leave an empty one.
schema: ## Writes schema.graphql as the server prints it.
	cargo run --quiet -- schema > schema.graphql.new
	mv schema.graphql.new schema.graphql

settings: ## Writes tidings.example.toml and docs/settings-reference.md from the settings' comments.
	cargo run --quiet -- config > tidings.example.toml.new
	mv tidings.example.toml.new tidings.example.toml
	cargo run --quiet -- config --reference > docs/settings-reference.md.new
	mv docs/settings-reference.md.new docs/settings-reference.md

docs: ## Writes what the comments say of the code to target/doc.
	cargo doc --workspace --no-deps --document-private-items

book: ## Makes pages of docs/ and of schema.graphql, in target/book/html. Needs Node.js.
	bash scripts/install-lint-tools.sh
	bash scripts/build-book.sh
