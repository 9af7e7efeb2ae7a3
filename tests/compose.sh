#!/usr/bin/env bash
# Starts what packaging/compose says, with a Docker of its own, by the commands of docs/install.md:
# one server with SQLite, and two with PostgreSQL behind Caddy.
#
#     tests/image.sh <binary> image.tar
#     tests/compose.sh image.tar
#
# No container registry is needed: in place of Docker Hub's images of PostgreSQL and Caddy, there are
# those programs as Debian 13 packages them, started in the same way (tests/compose/postgres.sh). So
# this shows that the files of compose are right, and not that those images are. The image is not built
# anew when a server is replaced: `--build` would fetch what it is made of.
# Needs root. Docker has its network, processes and mounts for itself, and nothing is left of it.
set -euo pipefail

fail() {
    echo "FAILED: $1" >&2
    exit 1
}

project=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
image=$(realpath "${1:?which archive with the image?}")
[[ $(id -u) == 0 ]] || fail "this needs root"
. "$project/tests/debian/machine.sh"

work=$(mktemp -d)
end() {
    local status=$?
    # Docker's containers ended with its processes; what is left of them has nothing in it.
    find /sys/fs/cgroup -depth -type d -path "*/tidings-compose*" -exec rmdir {} \; 2>/dev/null || true
    rm -rf --one-file-system "$work"
    exit "$status"
}
trap end EXIT
trap 'exit 130' INT TERM

echo "--- a Debian 13 with Docker"
install_machine_tools
base=$project/target/debian/docker.tar
make_base "$base" trixie \
    docker.io,docker-cli,docker-compose,iptables,iproute2,curl,ca-certificates,postgresql-17,caddy
mkdir "$work/machine"
tar --extract --file "$base" --directory "$work/machine"
mkdir -p "$work/machine/tidings/packaging"
cp --recursive "$project/packaging/compose" "$work/machine/tidings/packaging"
cp --recursive "$project/tests/compose" "$work/machine/root"
cp "$image" "$work/machine/root/tidings.tar"
# What the images of PostgreSQL and Caddy are made of.
ln "$base" "$work/machine/root/debian.tar" 2>/dev/null || cp "$base" "$work/machine/root/debian.tar"

# A root of its own, and not only a changed one: containers change theirs in the same way.
unshare --net --pid --mount --ipc --uts --fork --kill-child bash -euc '
    cd "$1"
    mount --make-rprivate /
    mount --bind . .
    # Into what was mounted.
    cd "$1"
    mount --types proc proc proc
    mount --rbind /sys sys
    mount --rbind /dev dev
    mount --types tmpfs tmpfs run
    mkdir before
    pivot_root . before
    umount --lazy /before
    exec env --ignore-environment HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 \
        bash /root/compose/inside.sh
' bash "$work/machine"
