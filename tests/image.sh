#!/usr/bin/env bash
# Builds the image of packaging/Containerfile without a container registry, and runs it. In place of
# Docker Hub's images it has a Debian of debootstrap: with a Node.js from npm, in which the
# pages are built, and with a `cargo` that hands out the binary that is given, instead of building one
# for a quarter of an hour.
#
#     tests/image.sh <binary> [<archive>]
#
# Needs root, npm, and Buildah, which it installs. Nothing is left of the image, but for the archive,
# which tests/compose.sh starts. The network of what runs is its own.
set -euo pipefail

fail() {
    echo "FAILED: $1" >&2
    exit 1
}

project=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
binary=$(realpath "${1:?which binary?}")
archive=${2:+$(realpath "$2")}
[[ $(id -u) == 0 ]] || fail "this needs root"

buildah() {
    command buildah --root "$TIDINGS_IMAGE_WORK/images" --runroot "$TIDINGS_IMAGE_WORK/run" \
        --storage-driver vfs "$@"
}

# An image that the Containerfile begins with: the clean Debian, and what is in this directory.
base() { # <image> <directory> [<option of buildah config>...]
    local image=$1 container
    container=$(buildah from --pull=never "$clean")
    buildah copy --quiet "$container" "$2" / >/dev/null
    shift 2
    (($# == 0)) || buildah config "$@" "$container"
    buildah commit --quiet "$container" "docker.io/library/$image" >/dev/null
    buildah rm "$container" >/dev/null
}

# The version after an image's name in the Containerfile.
version_of() { # <image>
    sed --quiet "s|^FROM docker.io/library/$1:\\([^ ]*\\).*|\\1|p" "$project/packaging/Containerfile"
}

build() {
    echo "--- the images that it begins with"
    local node rust clean
    node=$(version_of node) rust=$(version_of rust)
    [[ $(<"$project/rust-toolchain.toml") == *"\"${rust%-*}\""* ]] || fail "another Rust: $rust"
    mkdir debian node rust
    tar --extract --file "$project/target/debian/base.tar" --directory debian
    clean=$(buildah from scratch)
    buildah copy --quiet "$clean" debian / >/dev/null
    clean=$(buildah commit --quiet "$clean" "docker.io/library/debian:$(version_of debian)")
    npm install --silent --no-audit --no-fund --prefix node/opt/node "node@${node%%-*}" npm@10
    # It trusts whom this machine trusts, for npm behind a proxy.
    install -D --mode 644 /etc/ssl/certs/ca-certificates.crt node/etc/ssl/certs/ca-certificates.crt
    base "node:$node" node --env PATH=/opt/node/node_modules/.bin:/usr/bin:/bin \
        --env NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt
    install -D "$binary" rust/given/tidings
    install -D /dev/stdin rust/usr/bin/cargo <<'END'
#!/bin/sh
set -eu
test "$RUSTUP_TOOLCHAIN" && test -s web/dist/index.html && test -s Cargo.lock
test "$*" = "build --release --locked --bin tidings"
install -D /given/tidings target/release/tidings
END
    base "rust:$rust" rust --env "RUST_VERSION=${rust%-*}"

    echo "--- the image, from all of the Containerfile"
    buildah build --isolation chroot --pull=never \
        --file "$project/packaging/Containerfile" --tag tidings "$project" >build.log 2>&1 ||
        fail "$(tail -n 30 build.log)"
    if [[ $archive ]]; then
        rm -f "$archive"
        buildah push --quiet localhost/tidings "docker-archive:$archive:tidings:latest"
    fi
}

# What runs is in namespaces of its own: a port that nobody else has, and processes that end with
# this script.
if [[ -z ${TIDINGS_IMAGE_WORK:-} ]]; then
    . "$project/tests/debian/machine.sh"
    install_machine_tools
    make_base "$project/target/debian/base.tar" bookworm ca-certificates
    command -v buildah >/dev/null ||
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends buildah
    TIDINGS_IMAGE_WORK=$(mktemp -d)
    trap 'rm -rf "$TIDINGS_IMAGE_WORK"' EXIT
    export TIDINGS_IMAGE_WORK
    (cd "$TIDINGS_IMAGE_WORK" && build)
    unshare --net --pid --fork --kill-child --mount-proc bash "${BASH_SOURCE[0]}" "$binary"
    exit
fi
cd "$TIDINGS_IMAGE_WORK"
ip link set lo up
container=$(buildah from --pull=never localhost/tidings)
run() {
    buildah run --isolation chroot "$@"
}

echo "--- it refuses to listen for others without a secret, and serves with one"
said=$(run "$container" -- tidings serve 2>&1) && fail "it starts without a secret"
[[ $said == *"set TIDINGS_AUTH_SECRET"* ]] || fail "it says: $said"
secret=TIDINGS_AUTH_SECRET=a-secret-of-at-least-32-bytes-that-you-made
run --env "$secret" "$container" -- tidings serve 2>log &
server=$!
curl --silent --show-error --fail --retry 100 --retry-delay 1 --retry-connrefused \
    http://127.0.0.1:8080/readyz 2>tries || fail "it is not ready: $(cat log)"
process=$(pgrep --exact tidings)
grep --quiet $'^Uid:\t990\t990\t990\t990$' "/proc/$process/status" || fail "its user is another"
bob=$(run --env "$secret" "$container" -- tidings token --user bob)
said=$(curl --silent --show-error http://127.0.0.1:8080/graphql \
    --header "authorization: Bearer $bob" --header 'content-type: application/json' \
    --data '{"query": "{ viewer { externalId } }"}')
[[ $said == '{"data":{"viewer":{"externalId":"bob"}}}' ]] || fail "it answers: $said"

echo "--- it ends when it is told to"
kill -TERM "$process"
wait "$server" || fail "it ends with an error: $(cat log)"
buildah images
