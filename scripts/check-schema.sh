#!/usr/bin/env bash
# Compares schema.graphql with that of the last release: what breaks clients has to be named in
# CHANGELOG.md.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if ! release=$(git describe --tags --abbrev=0 --match 'v[0-9]*' 2>/dev/null); then
    printf '\n*** NOT CHECKED: changes of the schema: there is no release yet ***\n\n' >&2
    exit
fi
earlier=$(mktemp)
trap 'rm -f "$earlier"' EXIT
git show "$release:schema.graphql" >"$earlier"
echo "Since $release:"
node web/schema-changes.mjs "$earlier" schema.graphql CHANGELOG.md
