#!/usr/bin/env bash
# Builds the image of packaging/Containerfile as far as that is possible without a registry, and
# runs it: its last stage, with the binary that is given in place of the stages that build one, and
# with the clean Debian of tests/debian.sh in place of Docker Hub's.
#
#     tests/image.sh <binary>
#
# Needs root, and Buildah, which it installs. Nothing is left of the image. Its network is its own.
set -euo pipefail

fail() {
    echo "FAILED: $1" >&2
    exit 1
}

project=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
binary=$(realpath "${1:?which binary?}")
[[ $(id -u) == 0 ]] || fail "this needs root"
# The rest is done in namespaces of its own: a port that nobody else has, and processes that end
# with this script.
if [[ -z ${TIDINGS_IMAGE_WORK:-} ]]; then
    . "$project/tests/debian/machine.sh"
    install_machine_tools
    make_base "$project/target/debian/base.tar"
    command -v buildah >/dev/null ||
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends buildah
    TIDINGS_IMAGE_WORK=$(mktemp -d)
    trap 'rm -rf "$TIDINGS_IMAGE_WORK"' EXIT
    export TIDINGS_IMAGE_WORK
    unshare --net --pid --fork --kill-child --mount-proc bash "${BASH_SOURCE[0]}" "$binary"
    exit
fi
cd "$TIDINGS_IMAGE_WORK"
ip link set lo up

buildah() {
    command buildah --root "$TIDINGS_IMAGE_WORK/images" --runroot "$TIDINGS_IMAGE_WORK/run" \
        --storage-driver vfs "$@"
}

echo "--- the base, and what the stage before has built"
mkdir base built
tar --extract --file "$project/target/debian/base.tar" --directory base
container=$(buildah from scratch)
buildah copy --quiet "$container" base / >/dev/null
buildah commit --quiet "$container" docker.io/library/debian:bookworm-slim >/dev/null
install -D base/etc/ssl/certs/ca-certificates.crt built/etc/ssl/certs/ca-certificates.crt
install -D "$binary" built/tidings/target/release/tidings
# The line of the Containerfile that makes the settings.
settings=$(sed --quiet '/^RUN sed/,/tidings.toml$/p' "$project/packaging/Containerfile")
cp "$project/tidings.example.toml" built/tidings
(cd built/tidings && sh -c "${settings#RUN }")

echo "--- the image"
buildah build --quiet --isolation chroot --pull=never --build-context binary=built \
    --file "$project/packaging/Containerfile" --tag tidings "$project" >/dev/null
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
