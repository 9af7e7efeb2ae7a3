#!/bin/sh
# Installs a release of Tidings on Debian or Ubuntu, as a service:
#
#     TIDINGS_RELEASES=https://… sh install.sh 0.1.0
#
# `TIDINGS_RELEASES` is where releases are published; there is no public place yet. With --download,
# the package is only fetched and checked, into the working directory.
set -eu

fail() {
    echo "install.sh: $1" >&2
    exit 1
}

only_download=false
if [ "${1:-}" = --download ]; then
    only_download=true
    shift
fi
version=${1:?which version? As in: sh install.sh 0.1.0}
releases=${TIDINGS_RELEASES:?must be the URL of the releases}

command -v dpkg >/dev/null || fail "this needs Debian or Ubuntu; for other systems, see docs/install.md"
command -v curl >/dev/null || fail "this needs curl"
package=tidings_${version}_$(dpkg --print-architecture).deb

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT
for file in "$package" SHA256SUMS; do
    curl --fail --silent --show-error --location --output "$directory/$file" \
        "$releases/v$version/$file" || fail "$releases/v$version/$file cannot be fetched"
done
(cd "$directory" && grep -F "  $package" SHA256SUMS | sha256sum --check --status) ||
    fail "$package is not what SHA256SUMS says it is"

if $only_download; then
    mv "$directory/$package" .
    exit
fi
# apt reads the package as another user.
chmod 755 "$directory"
as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
$as_root apt-get install --yes "$directory/$package"
