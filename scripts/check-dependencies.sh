#!/usr/bin/env bash
# Checks what Tidings is made of: the licences and sources of all crates, and whether a crate, or a
# package of npm in the web pages, is known to be vulnerable.
#
# Known vulnerabilities are kept on the internet. Where they cannot be reached, this says that they
# were not checked, and succeeds.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PWD/target/lint-tools/bin:$PATH

# Longer than fetching the advisories takes; a network that swallows packets would hang for ever.
readonly PATIENCE=120

not_checked() {
    printf '\n*** NOT CHECKED: %s ***\n\n' "$1" >&2
}

cargo deny --locked check -D warnings licenses bans sources

if timeout "$PATIENCE" cargo deny fetch db >/dev/null 2>&1; then
    cargo deny --locked check advisories
else
    not_checked "advisories about crates: their database cannot be reached"
fi

# What goes into the binary: not the packages that only build or test the pages.
if report=$(cd web && timeout "$PATIENCE" npm audit --omit=dev --json 2>/dev/null); then
    echo "npm audit: nothing is known about the packages in the web pages"
elif [[ $report == *'"auditReportVersion"'* ]]; then
    (cd web && npm audit --omit=dev)
else
    not_checked "advisories about npm packages: the registry does not answer"
fi
