# A clean machine with Debian, for the scripts in tests/, which read this file: a minimal system in a
# directory, booted with its own systemd. It has a network of its own without a way out, so its
# ports are nobody else's. Needs root.

# How long anything in the machine may take, in seconds. Most of it takes less than one.
patience=120

machine_tools=(debootstrap systemd-nspawn nsenter jq)

install_machine_tools() {
    command -v "${machine_tools[@]}" >/dev/null && return
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends debootstrap jq systemd-container >/dev/null
}

# Makes a system once, and keeps it as this archive. In the machine, nothing can be fetched.
make_base() { # <archive> <release> <packages, with commas>
    [[ -f $1 ]] && return
    mkdir -p "$(dirname "$1")"
    local root
    root=$(mktemp -d)
    # It is the root directory of the machine, and not only for root.
    chmod 755 "$root"
    debootstrap --variant=minbase --include="$3" "$2" "$root" >"$1.log" ||
        { tail "$1.log" >&2; rm -rf "$root"; return 1; }
    rm -f "$root"/var/cache/apt/archives/*.deb
    # As the installer of Debian does it; without it, sudo complains.
    echo clean >"$root/etc/hostname"
    echo "127.0.0.1 localhost clean" >"$root/etc/hosts"
    tar --create --numeric-owner --file "$1.new" --directory "$root" .
    rm -rf "$root"
    mv "$1.new" "$1"
}

# Boots a machine in this directory, until everything that it starts is there.
boot() { # <directory>
    systemd-nspawn --quiet --directory="$1" --machine=clean --boot --private-network \
        --register=no --keep-unit --kill-signal=SIGRTMIN+3 </dev/null >"$1.log" 2>&1 &
    nspawn=$!
    soon "the machine has started" has_booted
}

has_booted() {
    init=$(pgrep --parent "$nspawn") && inside systemctl is-system-running >/dev/null 2>&1
}

# Runs a command in the machine, as root.
inside() {
    nsenter --target "$init" --all -- env --ignore-environment --chdir=/root HOME=/root \
        PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"
}

# Ends the machine with everything in it. Nothing is left to unmount: it has had mounts of its own.
shut_down() {
    [[ -n ${nspawn:-} ]] || return 0
    kill -TERM "$nspawn" 2>/dev/null || true
    timeout 30 tail --pid="$nspawn" --follow /dev/null || kill -KILL "$nspawn" 2>/dev/null || true
    wait "$nspawn" 2>/dev/null || true
    nspawn=
}

# Waits until a command succeeds, and asks for it ten times a second.
soon() { # <what that means> <command>...
    local what=$1 until=$((SECONDS + patience))
    shift
    until "$@"; do
        ((SECONDS < until)) || fail "not within $patience seconds: $what"
        sleep 0.1
    done
}
