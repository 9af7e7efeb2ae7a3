#!/usr/bin/env bash
# Builds the web pages into web/dist, from where they are embedded in the binary, unless they are
# already there and newer than their sources.
#
# If that is not possible, it prints a notice, and the server loads GraphiQL from a CDN. In CI ($CI
# is set) it fails instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../web"

is_built() {
    [[ -d node_modules && -e dist/graphiql.html ]] || return 1
    [[ -z $(find . \( -name node_modules -o -name dist -o -name tests \) -prune -o \
        -type f -newer dist/graphiql.html -print -quit) ]]
}

build() {
    echo "Building the web pages"
    if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
        npm ci --no-audit --no-fund --loglevel=error || return
    fi
    npm run --silent build -- --logLevel warn
}

missing() {
    printf '\n*** %s: the server takes GraphiQL from a CDN ***\n\n' "$1" >&2
    [[ -z ${CI:-} ]] || exit 1
}

if ! command -v npm >/dev/null; then
    missing "Node.js with npm is missing"
elif ! is_built; then
    build || missing "The web pages could not be built"
fi
