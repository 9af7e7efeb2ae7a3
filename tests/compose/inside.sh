#!/usr/bin/env bash
# What tests/compose.sh runs in the machine with Docker.
set -euo pipefail

fail() {
    echo "FAILED: $1" >&2
    tail -n 30 /root/docker.log /root/said >&2 2>/dev/null || true
    exit 1
}

patience=120
soon() { # <what that means> <command>...
    local what=$1 until=$((SECONDS + patience))
    shift
    until "$@"; do
        ((SECONDS < until)) || fail "not within $patience seconds: $what"
        sleep 0.1
    done
}

# Fails unless a command succeeds and its output has this text.
says() { # <text> <command>...
    local text=$1
    shift
    said=$("$@" 2>&1) || fail "$*: $said"
    [[ $said == *"$text"* ]] || fail "no “$text” in: $said"
}

compose() { # <file> <command>...
    docker compose --file "packaging/compose/$1.yaml" "${@:2}" >/root/said 2>&1 ||
        fail "docker compose ${*:2}: $(cat /root/said)"
}

token() { # <file> <service> <arguments>...
    docker compose --file "packaging/compose/$1.yaml" exec --no-TTY "$2" tidings token "${@:3}"
}

ask() { # <token> <query> [<variables>]
    curl --silent --show-error --cacert /root/ca.pem "$at/graphql" \
        --header "authorization: Bearer $1" --header 'content-type: application/json' \
        --data "{\"query\": \"$2\", \"variables\": ${3:-null}}"
}

send='mutation($it: CreateMessageInput!) { createMessage(input: $it) { message { subject } } }'
tell_bob() { # <subject>
    local to='[{"user": {"externalId": "bob"}}]'
    says "\"subject\":\"$1\"" ask "$shop" "$send" \
        "{\"it\": {\"to\": $to, \"subject\": \"$1\", \"body\": \"\"}}"
}

bob_has() { # <unread> <titles as in JSON>
    says "\"counts\":{\"unread\":$1},\"items\":{\"nodes\":[$2]}" ask "$bob" \
        '{ viewer { inbox { counts { unread } items { nodes { title } } } } }'
}

is_ready() {
    [[ $(curl --silent --fail --cacert /root/ca.pem "$at/readyz") == ready ]]
}

# Where nothing listens any more, and nothing runs.
is_down() { # <file>
    [[ -z $(docker compose --file "packaging/compose/$1.yaml" ps --all --quiet) ]]
}

make_tokens() { # <file> <service>
    shop=$(token "$1" "$2" --role service --user shop)
    bob=$(token "$1" "$2" --user bob)
    says '"externalId":"bob"' ask "$bob" '{ viewer { externalId } }'
}

ip link set lo up
# It needs no certificate for plain HTTP, and a file all the same.
cp /etc/ssl/certs/ca-certificates.crt /root/ca.pem
mkdir -p /run/docker
dockerd --cgroup-parent /tidings-compose --exec-opt native.cgroupdriver=cgroupfs \
    >/root/docker.log 2>&1 &
soon "Docker has started" docker info >/root/said 2>&1
docker --version
docker compose version

echo "--- the images"
docker load --quiet --input /root/tidings.tar
docker import /root/debian.tar debian-with-all >/dev/null
stand_in() { # <image> <what else it is>
    printf 'FROM debian-with-all\n%s\n' "$2" |
        docker build --quiet --tag "docker.io/library/$1" --file - /root/compose >/root/said 2>&1 ||
        fail "docker build $1"
}
stand_in postgres:17 'COPY postgres.sh /
STOPSIGNAL SIGINT
ENTRYPOINT ["sh", "/postgres.sh"]'
stand_in caddy:2 'ENV XDG_CONFIG_HOME=/config XDG_DATA_HOME=/data
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]'
cd /tidings

echo "--- SQLite: it says what is missing"
said=$(docker compose --file packaging/compose/sqlite.yaml up --detach 2>&1) && fail "it needs nothing"
[[ $said == *"TIDINGS_AUTH_SECRET"*"must be set to a secret of at least 32 bytes"* ]] || fail "$said"

echo "--- SQLite: it serves, on this machine only"
export TIDINGS_AUTH_SECRET=a-secret-of-at-least-32-bytes-that-you-made
at=http://127.0.0.1:8080
compose sqlite up --detach
soon "the server is ready" is_ready
make_tokens sqlite tidings
tell_bob one
bob_has 1 '{"title":"one"}'
says "127.0.0.1:8080" docker compose --file packaging/compose/sqlite.yaml port tidings 8080
says "uid=990" docker compose --file packaging/compose/sqlite.yaml exec --no-TTY tidings id
says "Read-only file system" docker compose --file packaging/compose/sqlite.yaml \
    exec --no-TTY tidings sh -c 'touch /etc/tidings/x 2>&1 || true'

echo "--- SQLite: data outlives the container, and the end is orderly"
since=$SECONDS
compose sqlite down
is_down sqlite || fail "something is left"
((SECONDS - since < 10)) || fail "it was not told to end, or did not listen"
compose sqlite up --detach
soon "the server is ready" is_ready
bob_has 1 '{"title":"one"}'
compose sqlite down --volumes

echo "--- PostgreSQL: two servers behind Caddy, with its certificate"
export POSTGRES_PASSWORD=a-password-of-letters-and-digits
compose postgres up --detach
at=https://localhost
has_certificate() {
    docker compose --file packaging/compose/postgres.yaml cp \
        caddy:/data/caddy/pki/authorities/local/root.crt /root/ca.pem >/dev/null 2>&1
}
soon "Caddy has its certificate" has_certificate
soon "a server is ready" is_ready
make_tokens postgres tidings-1
tell_bob one

echo "--- PostgreSQL: one server is replaced, and nobody notices"
# Each of them in turn, while somebody asks all the time.
asks() {
    until [[ -e /root/enough ]]; do
        curl --silent --show-error --fail --cacert /root/ca.pem "$at/graphql" --output /dev/null \
            --header "authorization: Bearer $bob" --header 'content-type: application/json' \
            --data '{"query": "{ viewer { inbox { counts { unread } } } }"}' 2>>/root/failed
        echo >>/root/asked
    done
}
is_healthy() { # <service>
    docker compose --file packaging/compose/postgres.yaml exec --no-TTY caddy \
        curl --silent --fail "http://$1:8080/readyz" >/root/said 2>&1
}
soon "the second server is ready" is_healthy tidings-2
asks &
asking=$!
for server in tidings-1 tidings-2; do
    compose postgres up --detach --no-deps --force-recreate "$server"
    soon "$server is ready" is_healthy "$server"
done
touch /root/enough
wait "$asking"
[[ ! -s /root/failed ]] || fail "of $(wc --lines </root/asked), these failed: $(cat /root/failed)"
echo "$(wc --lines </root/asked) requests meanwhile"
bob_has 1 '{"title":"one"}'

echo "--- PostgreSQL: one server dies, and is started again"
process=$(docker inspect --format '{{.State.Pid}}' tidings-postgres-tidings-1-1)
kill -KILL "$process"
has_come_back() {
    [[ $(docker inspect --format '{{.State.Running}} {{.State.Pid}}' tidings-postgres-tidings-1-1) \
        != *" $process" ]] && is_healthy tidings-1
}
soon "it has come back" has_come_back
tell_bob two
bob_has 2 '{"title":"two"},{"title":"one"}'

echo "--- PostgreSQL: data outlives the containers"
compose postgres down
is_down postgres || fail "something is left"
compose postgres up --detach
soon "a server is ready" is_ready
bob_has 2 '{"title":"two"},{"title":"one"}'
compose postgres down --volumes

echo "--- Everything that the documents say of compose has happened."
