#!/usr/bin/env bash
# Makes a package for Debian and Ubuntu of a binary, and prints its path:
#
#     scripts/build-deb.sh <binary> <directory of the package> [<file for its documentation>...]
#
# The version is what the binary says it is. `packaging/debian/` has what dpkg does with the package.
set -euo pipefail

binary=$(realpath "$1")
output=$(realpath "$2")
shift 2
documents=("$@")

project=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

put() { # <mode> <from> <to, below the root>
    install -D --mode="$1" "$2" "$root/$3"
}

put 755 "$binary" usr/bin/tidings
put 644 "$project/packaging/tidings.service" usr/lib/systemd/system/tidings.service
put 644 "$project/tidings.example.toml" etc/tidings/tidings.toml
sed -i 's|^# database_url = .*|database_url = "sqlite:/var/lib/tidings/tidings.db"|' \
    "$root/etc/tidings/tidings.toml"
for document in "$project/CHANGELOG.md" "${documents[@]}"; do
    put 644 "$document" "usr/share/doc/tidings/$(basename "$document")"
done
for licence in LICENSE LICENSE-APACHE LICENSE-MIT; do
    printf '%s\n\n' "$(<"$project/$licence")"
done >"$root/usr/share/doc/tidings/copyright"
chmod 644 "$root/usr/share/doc/tidings/copyright"

manual=$root/usr/share/man/man1
install -d "$manual" "$root/usr/share/bash-completion/completions" \
    "$root/usr/share/zsh/vendor-completions" "$root/usr/share/fish/vendor_completions.d"
"$binary" man "$manual"
gzip --best --no-name "$manual"/*
"$binary" completions bash >"$root/usr/share/bash-completion/completions/tidings"
"$binary" completions zsh >"$root/usr/share/zsh/vendor-completions/_tidings"
"$binary" completions fish >"$root/usr/share/fish/vendor_completions.d/tidings.fish"
chmod 644 "$manual"/* "$root/usr/share/bash-completion/completions/tidings" \
    "$root/usr/share/zsh/vendor-completions/_tidings" \
    "$root/usr/share/fish/vendor_completions.d/tidings.fish"

version=$("$binary" --version)
# A version such as 1.0.0-rc.1 is before 1.0.0, which dpkg writes as 1.0.0~rc.1.
version=${version#tidings }
version=${version/-/'~'}
architecture=$(dpkg --print-architecture)
# The newest symbol of the C library that the binary needs.
glibc=$(objdump --dynamic-syms "$binary" | grep -oP 'GLIBC_\K[0-9.]+' | sort --version-sort | tail -n 1)
size=$(du --summarize --block-size=1K "$root" | cut -f 1)

install -d "$root/DEBIAN"
sed -e "s/@VERSION@/$version/; s/@ARCHITECTURE@/$architecture/" \
    -e "s/@GLIBC@/$glibc/; s/@SIZE@/$size/" \
    "$project/packaging/debian/control.in" >"$root/DEBIAN/control"
put 644 "$project/packaging/debian/conffiles" DEBIAN/conffiles
for script in postinst prerm postrm; do
    put 755 "$project/packaging/debian/$script" "DEBIAN/$script"
done
chmod 755 "$root"

package=$output/tidings_${version}_$architecture.deb
dpkg-deb --root-owner-group --build "$root" "$package" >/dev/null
echo "$package"
