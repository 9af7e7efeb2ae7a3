#!/usr/bin/env bash
# Builds the web pages into web/dist, from where they are embedded in the binary, unless they are
# already there and newer than their sources. With `check`, checks their types, style and size, too.
#
# Where Node.js is too old for that, as Debian 12's is, npm brings a newer one for the build alone.
# If the pages cannot be built, it prints why, and the server's first page says how to get them. In
# CI ($CI is set) it fails instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../web"

# The package of npm that has the newer Node.js.
readonly NEWER_NODE=node@22

# Every page has been built after all that it is made of: the pages themselves, the packages, and
# the schema, from which the types of the documents come.
is_built() {
    [[ -d node_modules ]] || return 1
    local page
    for page in *.html; do
        [[ -e dist/$page ]] || return 1
    done
    [[ -z $(find . ../schema.graphql \
        \( -name node_modules -o -name dist -o -name generated -o -name tests \) -prune -o \
        -type f -newer "dist/$page" -print -quit) ]]
}

# What `engines` in package.json asks for: 20.19 or newer, or 22.12 or newer.
is_new_enough() {
    node -e 'const [major, minor] = process.versions.node.split(".").map(Number)
        process.exitCode = major > 22 || (major === 22 && minor >= 12) || (major === 20 && minor >= 19) ? 0 : 1'
}

# Puts a newer Node.js in front of the PATH.
fetch_node() {
    echo "Node.js $(node --version) is too old for the build; taking $NEWER_NODE from npm"
    local node
    node=$(npx --yes --package="$NEWER_NODE" -- node -p process.execPath) || return
    PATH=$(dirname "$node"):$PATH
    is_new_enough
}

build() {
    echo "Building the web pages"
    # This file is npm's own note of what it has installed.
    if [[ ! node_modules/.package-lock.json -nt package-lock.json ]]; then
        npm ci --no-audit --no-fund --loglevel=error || return
    fi
    local output
    output=$({ npm run --silent build && npm run --silent build:packages; } 2>&1) || {
        printf '%s\n' "$output" >&2
        return 1
    }
    # What the pages send, for servers that execute only documents that they know.
    cp packages/client/dist/persisted-documents.json dist/
}

missing() {
    printf '\n*** %s. The web pages are not built; the server starts all the same. ***\n\n' "$1" >&2
    [[ -z ${CI:-} ]] || exit 1
}

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    missing "Node.js with npm is missing"
elif is_built && [[ ${1:-} != check ]]; then
    :
elif ! is_new_enough && ! fetch_node; then
    missing "Node.js is older than 20.19, and npm could not bring a newer one"
elif ! is_built && ! build; then
    missing "The build failed"
elif [[ ${1:-} == check ]]; then
    npm run --silent check
fi
