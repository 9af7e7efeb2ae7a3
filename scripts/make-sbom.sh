#!/usr/bin/env bash
# Lists what the binary is made of, in the form of CycloneDX: the crates in tidings.cdx.json, and the
# packages of npm that are in the web pages in tidings-web.cdx.json.
#
#     scripts/make-sbom.sh <directory>
set -euo pipefail
output=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly CARGO_CYCLONEDX=0.5.9
readonly CYCLONEDX_NPM=6.0.1
readonly TOOLS=target/package-tools

if [[ $("$TOOLS/bin/cargo-cyclonedx" --version 2>/dev/null) != *" $CARGO_CYCLONEDX" ]]; then
    cargo install --quiet --locked --root "$TOOLS" "cargo-cyclonedx@$CARGO_CYCLONEDX"
fi
# It writes beside each Cargo.toml of the workspace.
"$TOOLS/bin/cargo-cyclonedx" cyclonedx --quiet --format json --override-filename tidings.cdx
mv tidings.cdx.json "$output"
rm -f entity/tidings.cdx.json migration/tidings.cdx.json

(cd web && npx --yes "@cyclonedx/cyclonedx-npm@$CYCLONEDX_NPM" --omit dev --output-reproducible \
    --output-file "$output/tidings-web.cdx.json")
