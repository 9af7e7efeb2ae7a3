#!/usr/bin/env bash
# Builds the book from docs/ into target/book/html, with the reference of the API. Needs mdBook, as
# `make lint` installs it or from the PATH, and Node.js.
#
# mdBook takes only what is in its own folder. So everything that Git knows is copied, as it lies in
# the repository: links to what is not a page of the book lead to these files.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly BOOK=target/book
PATH=$PWD/target/lint-tools/bin:$PATH

for program in mdbook node npm; do
    command -v "$program" >/dev/null || {
        printf '\n*** %s is missing. The book is not built. ***\n\n' "$program" >&2
        [[ -z ${CI:-} ]] || exit 1
        exit 0
    }
done

# This file is npm's own note of what it has installed.
[[ web/node_modules/.package-lock.json -nt web/package-lock.json ]] ||
    npm ci --prefix web --no-audit --no-fund --loglevel=error

rm -rf "$BOOK"
mkdir -p "$BOOK/src"
# Also what is not committed yet, but nothing that is ignored.
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d '' file; do
    [[ ! -e $file ]] || printf '%s\0' "$file"
done | tar --null --files-from - --create | tar --extract --directory "$BOOK/src"

# mdBook has a list of the pages of its own.
for page in *.md; do
    sed 's|(docs/SUMMARY.md)|(toc.html)|' "$page" >"$BOOK/src/$page"
done

pages=$(node scripts/api-reference.mjs "$BOOK/src/docs/api")
# Its links are relative to docs/, and the book's to the folder above.
awk -v pages="$pages" '{ print } /\(api\.md\)$/ { print pages }' docs/SUMMARY.md |
    sed -e 's|](|](docs/|' -e 's|](docs/\.\./|](|' >"$BOOK/src/SUMMARY.md"
cp docs/book.toml "$BOOK/book.toml"
mdbook build "$BOOK" --dest-dir "$PWD/$BOOK/html"
echo "The book is at $BOOK/html/index.html"
