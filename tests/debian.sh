#!/usr/bin/env bash
# What somebody does who has only the documents: installs the package on a clean Debian, runs it as
# a service, sees the dashboard move, breaks a setting and is told which, upgrades, restores a
# backup, and removes everything. The commands are those of docs/install.md and docs/backups.md.
#
#     tests/debian.sh <package.deb or binary>
#
# The machine is a real one as far as the package can see (tests/debian/machine.sh): dpkg runs the
# scripts of the package, and systemd starts the service in the sandbox of its unit. Needs root.
set -euo pipefail

fail() {
    echo "FAILED: $1" >&2
    exit 1
}

project=$(realpath "$(dirname "${BASH_SOURCE[0]}")/..")
given=$(realpath "${1:?which package, or which binary?}")
[[ $(id -u) == 0 ]] || fail "this needs root, for a machine of its own"
. "$project/tests/debian/machine.sh"

work=$(mktemp -d)
end() {
    local status=$?
    if ((status)) && [[ -n ${nspawn:-} ]]; then
        inside journalctl --no-pager --lines 30 --unit tidings --unit demo >&2 || true
    fi
    shut_down
    rm -rf "$work"
    exit "$status"
}
trap end EXIT
trap 'exit 130' INT TERM

step() {
    echo "--- $1"
}

# Fails unless a command succeeds and its output has this text. The output is kept in $said.
says() { # <text> <command>...
    local text=$1
    shift
    said=$("$@" 2>&1) || fail "$*: $said"
    has "$text"
}

has() {
    [[ $said == *"$1"* ]] || fail "no “$1” in: $said"
}

# A command of Tidings, as docs/install.md has it.
tidings() {
    inside sh -c 'cd /etc/tidings && sudo -u tidings tidings "$@"' tidings "$@"
}

ask() { # <token> <query> [<variables>]
    inside curl --silent --show-error http://127.0.0.1:8080/graphql \
        --header "authorization: Bearer $1" --header 'content-type: application/json' \
        --data "{\"query\": \"$2\", \"variables\": ${3:-null}}"
}

send='mutation($it: CreateMessageInput!) { createMessage(input: $it) { message { subject } } }'
tell_bob() { # <subject>
    local to='[{"user": {"externalId": "bob"}}]'
    says "\"subject\":\"$1\"" ask "$shop" "$send" \
        "{\"it\": {\"to\": $to, \"subject\": \"$1\", \"body\": \"\"}}"
}

inbox='{ viewer { inbox { counts { unread } items { nodes { title } } } } }'
bob_has() { # <unread> <titles as in JSON>
    says "\"counts\":{\"unread\":$1},\"items\":{\"nodes\":[$2]}" ask "$bob" "$inbox"
}

settings=/etc/tidings/tidings.toml
set_line() { # <pattern of a line> <the line>
    inside sed --in-place "s|^$1\$|$2|" "$settings"
    inside grep --quiet --fixed-strings --line-regexp "$2" "$settings" || fail "no line $1"
}

is_ready() {
    says ready inside curl --silent --show-error --fail http://127.0.0.1:8080/readyz
}

process() {
    inside systemctl show --property MainPID --value tidings
}

. "$project/tests/debian/dashboard.sh"

step "a package, and the next one"
first=$work/first.deb
case $given in
*.deb) cp "$given" "$first" ;;
*)
    # Nobody downloads it.
    DPKG_DEB_COMPRESSOR_TYPE=none bash "$project/scripts/build-deb.sh" "$given" "$work" >/dev/null
    mv "$work"/tidings_*.deb "$first"
    ;;
esac
version=$(dpkg-deb --field "$first" Version)
dpkg-deb --raw-extract "$first" "$work/next"
# Later than this one, also than its release candidates. Its settings have changed, too.
sed -i "s/^Version: .*/Version: $version+next/" "$work/next/DEBIAN/control"
echo '# Something new.' >>"$work/next$settings"
DPKG_DEB_COMPRESSOR_TYPE=none dpkg-deb --root-owner-group --build "$work/next" "$work/next.deb" \
    >/dev/null
rm -r "$work/next"

step "a clean Debian 12"
install_machine_tools
# What the documents take for granted: an init, curl and sudo. What the package depends on. And the
# Prometheus that somebody has who wants a dashboard.
base=$project/target/debian/machine.tar
make_base "$base" bookworm systemd-sysv,curl,sudo,adduser,ca-certificates,prometheus
mkdir "$work/machine"
tar --extract --file "$base" --directory "$work/machine"
mv "$work/first.deb" "$work/next.deb" "$work/machine/root"
boot "$work/machine"

step "it is installed, and runs as a service that may do little"
says "Setting up tidings ($version)" inside apt-get install --yes ./first.deb
is_ready
says "active (running)" inside systemctl status tidings
says enabled inside systemctl is-enabled tidings
says "Uid:	$(inside id --user tidings)" inside cat "/proc/$(process)/status"
says "NoNewPrivs:	1" inside cat "/proc/$(process)/status"
says "640 root tidings" inside stat --format '%a %U %G' "$settings"
says "700 tidings tidings" inside stat --format '%a %U %G' /var/lib/tidings

step "a message is sent and read"
shop=$(tidings token --role service --user shop)
bob=$(tidings token --user bob)
ask "$bob" '{ viewer { id } }' >/dev/null
tell_bob one
bob_has 1 '{"title":"one"}'

step "a changed setting is in force after a restart"
set_line '## metrics_listen = .*' 'metrics_listen = "127.0.0.1:9464"'
inside systemctl restart tidings
is_ready
says tidings_build_info inside curl --silent --show-error http://127.0.0.1:9464/metrics
bob_has 1 '{"title":"one"}'

step "a secret is in a file that only the service reads"
inside sh -c 'umask 077 && echo TIDINGS_AUTH_SECRET=a-secret-of-at-least-32-bytes-that-you-made \
    >/etc/default/tidings'
inside systemctl restart tidings
is_ready
signed=$(inside sudo sh -c 'set -a; . /etc/default/tidings; cd /etc/tidings
    runuser -u tidings -- tidings token --user bob')
says '"externalId":"bob"' ask "$signed" '{ viewer { externalId } }'
says UNAUTHENTICATED ask "$bob" '{ viewer { externalId } }'
inside rm /etc/default/tidings
inside systemctl restart tidings
is_ready

step "the dashboard moves while the demo runs"
the_dashboard_moves

step "a broken setting is named, with its place"
set_line '# listen = .*' 'listen = "127.0.0.1:99999"'
place=$(inside grep --line-number '^listen' "$settings")
wrong="tidings.toml:${place%%:*}: listen: “127.0.0.1:99999” must be a host and a port"
! inside systemctl restart tidings 2>/dev/null || fail "a restart with a broken setting succeeds"
says "/etc/tidings/$wrong" inside journalctl --no-pager --lines 20 --unit tidings
said=$(tidings check 2>&1) && fail "tidings check finds nothing wrong"
has "$wrong"
set_line 'listen = .*' 'listen = "127.0.0.1:8080"'
says "settings: agree with each other" tidings check
inside systemctl restart tidings
is_ready

step "an upgrade keeps the settings and the data"
before=$(process)
says "Setting up tidings ($version+next)" inside \
    apt-get install --yes --option Dpkg::Options::=--force-confold ./next.deb
is_ready
[[ $(process) != "$before" ]] || fail "the old server goes on after the upgrade"
says 'metrics_listen = "127.0.0.1:9464"' inside cat "$settings"
says '# Something new.' inside cat "$settings.dpkg-dist"
bob_has 1 '{"title":"one"}'

step "a backup is restored after the data was lost"
inside install --directory --owner tidings --mode 700 /backups
tidings backup /backups/one.db
tell_bob two
inside systemctl stop tidings
inside sh -c 'rm /var/lib/tidings/tidings.db*'
tidings restore /backups/one.db
inside systemctl start tidings
is_ready
bob_has 1 '{"title":"one"}'
tell_bob three
bob_has 2 '{"title":"three"},{"title":"one"}'
# The other case: the database is there, and is not wanted.
inside systemctl stop tidings
says "the previous database is kept as /var/lib/tidings/tidings.db.until-" \
    tidings restore /backups/one.db
inside systemctl start tidings
is_ready
bob_has 1 '{"title":"one"}'
tidings recount

step "removed, it keeps settings and data; purged, the data"
inside apt-get remove --yes tidings >/dev/null
! inside curl --silent http://127.0.0.1:8080/readyz || fail "the server goes on without the package"
inside test -f "$settings" -a -f /var/lib/tidings/tidings.db
inside apt-get install --yes ./next.deb >/dev/null
is_ready
bob_has 1 '{"title":"one"}'
says "/var/lib/tidings is kept." inside apt-get purge --yes tidings
! inside test -e /etc/tidings || fail "/etc/tidings is left"
inside test -f /var/lib/tidings/tidings.db -a -f /var/lib/tidings/tidings.secret
said=$(inside find / -xdev -name '*tidings*' -not -path '/proc/*' -not -path '/var/lib/tidings*' \
    -not -path '/var/log/*' -not -path '/var/cache/*' -print)
[[ -z $said ]] || fail "this is left: $said"

echo "--- Everything that the documents say has happened."
