#!/usr/bin/env bash
# What partitions by person cost: fills a database, copies it with 16 partitions of the tables that go
# with a person, does the same with a server on each, and shows every statement on both. It takes
# some minutes. docs/scale.md has the figures.
#
#   bash tests/partitions.sh target/debug/tidings [PEOPLE [ITEMS of each]]

set -euo pipefail
cd "$(dirname "$0")/.."
binary=$(realpath "$1")
people=${2:-20000}
items=${3:-20}
partitions=16
# Of each operation.
times=300
# Who ask: persons 1 to 50.
askers=50
member_count=5000

bin=$(dirname "$(realpath "$(command -v initdb || ls -d /usr/lib/postgresql/*/bin/initdb | tail -1)")")
directory=$(mktemp -d)
export TIDINGS_AUTH_SECRET=partitions-partitions-partitions TIDINGS_LOG=error TIDINGS_ADDRESS_BOOK=everybody
export PGHOST=$directory PGPORT=54329 PGUSER=postgres
as_postgres() { if [ "$(id -u)" = 0 ]; then setpriv --reuid=postgres --regid=postgres --clear-groups "$@"; else "$@"; fi; }
server=
finish() {
    [ -z "$server" ] || kill "$server" || true
    as_postgres "$bin/pg_ctl" stop -D "$directory/data" -m immediate >/dev/null 2>&1 || true
    rm -rf "$directory"
}
trap finish EXIT
if [ "$(id -u)" = 0 ]; then chown postgres "$directory"; fi
chmod 755 "$directory"
as_postgres "$bin/initdb" -D "$directory/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >/dev/null
cat >>"$directory/data/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
port = $PGPORT
unix_socket_directories = '$directory'
shared_buffers = 1GB
max_wal_size = 4GB
# Beginning a parallel worker takes longer than any statement of a server.
max_parallel_workers_per_gather = 0
shared_preload_libraries = 'pg_stat_statements'
pg_stat_statements.track_planning = on
pg_stat_statements.max = 10000
END
as_postgres "$bin/pg_ctl" start -D "$directory/data" -l "$directory/log" --wait --silent
sql() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"; }
url() { echo "postgres://postgres@127.0.0.1:$PGPORT/$1"; }

sql -d postgres -c 'CREATE EXTENSION pg_stat_statements' -c 'CREATE DATABASE whole' -c "
    CREATE TABLE measured (database text, operation text, statement text, calls bigint,
        planning float, execution float, blocks bigint)"
"$binary" migrate --database-url "$(url whole)"
echo "filling: $people people, $((people * items)) items"
sql -d whole --set=people="$people" --set=items="$((people * items))" --set=members="$member_count" <<'SQL'
INSERT INTO user_account (external_id, first_name, last_name, locale, time_zone, created_at)
SELECT 'person-' || i, 'First' || i, 'Last' || i, 'en', 'UTC', '2026-01-01' FROM generate_series(1, :people) AS i;
INSERT INTO user_group (external_id, name, created_at) VALUES ('team', 'Team', '2026-01-01');
INSERT INTO group_member (group_id, user_id, joined_at)
SELECT 1, id, '2026-01-01' FROM user_account WHERE id <= :members;
INSERT INTO message (sender_id, subject, body, depth, path, seq, recipient_count, seen_count, read_count, created_at)
SELECT 1 + i % :people, 'Subject number ' || i, 'Body ' || i || ': it was moved to Thursday.', 0, '', 0, 1, 0, 0,
    timestamptz '2026-01-01' + i * interval '1 second' FROM generate_series(1, :items) AS i;
INSERT INTO inbox_item (user_id, kind, message_id, seq, arrived_seq, created_at, updated_at)
SELECT 1 + id % :people, 'message', id, 1 + (id - 1) / :people, 1 + (id - 1) / :people, created_at, created_at
FROM message ORDER BY id;
INSERT INTO message_audience (message_id, user_id, name, recipient_count, seen_count, read_count)
SELECT message_id, user_id, 'Somebody', 1, 0, 0 FROM inbox_item ORDER BY id;
INSERT INTO message_recipient (message_id, user_id, audience_id)
SELECT message_id, user_id, id FROM message_audience ORDER BY id;
INSERT INTO inbox (user_id, seq, active, unread, unseen)
SELECT user_id, max(seq), count(*), count(*), count(*) FROM inbox_item GROUP BY user_id;
UPDATE search_progress SET segment = (SELECT max(id) FROM message) / 2048 WHERE about = 'message';
UPDATE search_progress SET segment = (SELECT max(id) FROM user_account) / 2048 WHERE about = 'user';
SQL
sql -d postgres -c 'CREATE DATABASE parted TEMPLATE whole'
echo "copying into $partitions partitions"
sql -d parted --set=partitions=$partitions -f tests/partitions/partition.sql >/dev/null
for database in whole parted; do sql -d $database -c 'VACUUM ANALYZE' -c CHECKPOINT; done

# The token of a person.
token() { "$binary" token --user "person-$1" --ttl 10h --database-url "$(url whole)"; }
for ((i = 1; i <= askers; i++)); do token $i; done >"$directory/tokens"
mapfile -t tokens <"$directory/tokens"

# Sends bodies, one a line with the number of its asker in front, over one connection; the answers go to $directory/answers.
ask() {
    local number body
    : >"$directory/requests"
    while IFS=$'\t' read -r number body; do
        # As curl quotes.
        body=${body//\\/\\\\}
        body=${body//\"/\\\"}
        printf -- 'url = "http://127.0.0.1:8099/graphql"\nheader = "authorization: Bearer %s"\nheader = "content-type: application/json"\ndata = "%s"\nsilent\nnext\n' \
            "${tokens[number - 1]}" "$body" >>"$directory/requests"
    done
    sed -i '$d' "$directory/requests"
    { curl -K "$directory/requests"; echo; } | sed 's/}{"data"/}\n{"data"/g' >"$directory/answers"
    if grep -q '"errors"' "$directory/answers"; then grep -m1 '"errors"' "$directory/answers" | head -c 600; echo; return 1; fi
}
page() {
    for ((i = 0; i < $1; i++)); do
        printf '%s\t%s\n' $((1 + i % askers)) '{"query":"{ viewer { inbox { cursor counts { unread } items(first: 20) { nodes { id title readAt } } } } }"}'
    done
}
mark() {
    # The next item of each in turn.
    for ((i = 0; i < $1; i++)); do
        printf '%s\t%s\n' $((1 + i % askers)) "{\"query\":\"mutation { markRead(input: {itemIds: [\\\"$(sed -n "$((1 + i % askers))p" "$directory/ids" | cut -d' ' -f$((1 + i / askers + $2)))\\\"]}) { cursor } }\"}"
    done
}
send() {
    for ((i = 0; i < $1; i++)); do
        printf '%s\t%s\n' $((1 + i % askers)) "{\"query\":\"mutation { createMessage(input: {to: [{user: {externalId: \\\"person-$((1 + (i * 7919 + $2) % people))\\\"}}], subject: \\\"new\\\", body: \\\"\\\"}) { message { id } } }\"}"
    done
}
team() {
    for ((i = 0; i < $1; i++)); do
        printf '%s\t%s\n' $((1 + i % askers)) '{"query":"mutation { createMessage(input: {to: [{group: {externalId: \"team\"}}], subject: \"team\", body: \"\"}) { message { id } } }"}'
    done
}
# One that expires lets the jobs look.
wake() { printf '1\t%s\n' '{"query":"mutation { createMessage(input: {to: [{user: {externalId: \"person-1\"}}], subject: \"wake\", body: \"\", expiresAt: \"2900-01-01T00:00:00Z\"}) { message { id } } }"}'; }
begin() { sql -d postgres -c 'SELECT pg_stat_statements_reset()' >/dev/null; }
# What was done since: database, operation.
measured() {
    sql -d postgres -c "INSERT INTO measured
        SELECT '$1', '$2', coalesce(substring(query FROM '/\\* ([a-z_:]+) \\*/'), left(query, 40)), sum(calls),
            sum(total_plan_time), sum(total_exec_time), sum(shared_blks_hit + shared_blks_read)
        FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database WHERE datname = '$1') GROUP BY 3"
}
reminded() { sql -d "$1" -c 'SELECT count(*) FROM reminder WHERE next_at < now()'; }

for database in whole parted; do
    "$binary" serve --listen 127.0.0.1:8099 --database-url "$(url $database)" >"$directory/said" 2>&1 &
    server=$!
    until curl -sf http://127.0.0.1:8099/readyz >/dev/null; do kill -0 $server; sleep 0.1; done
    page $askers | ask
    while read -r line; do grep -o '"id":"[^"]*"' <<<"$line" | sed 's/"id":"\(.*\)"/\1/' | tr '\n' ' '; echo; done <"$directory/answers" >"$directory/ids"
    # The first ones warm up: every connection prepares its statements.
    page $times | ask; begin; page $times | ask; measured $database page
    mark $((askers * 4)) 0 | ask; begin; mark $times 4 | ask; measured $database mark
    send $times 1 | ask; begin; send $times 2 | ask; measured $database send
    team 1 | ask; begin; team 5 | ask; measured $database "send to $member_count"
    sql -d $database -c "INSERT INTO reminder (message_id, frequency, step, until, zone, since)
        SELECT id, 'daily', '1 day', 'read', 'UTC', created_at FROM message WHERE subject = 'team'"
    remind() {
        sql -d $database -c "UPDATE reminder SET next_at = now() - interval '1 minute' WHERE message_id IN
            (SELECT id FROM message WHERE subject = 'team' ORDER BY id LIMIT $1)"
        wake | ask
        while [ "$(reminded $database)" != 0 ]; do sleep 0.2; done
    }
    remind 1; begin; remind 5; measured $database "remind 5 x $member_count"
    kill $server; wait $server || true; server=
    "$binary" recount --database-url "$(url $database)" | tail -1
done

echo
echo "milliseconds and blocks of all of an operation"
psql --no-psqlrc -d postgres -c "
    SELECT operation, database, round(sum(planning)::numeric, 1) AS planning, round(sum(execution)::numeric, 1) AS execution,
        sum(blocks) AS blocks FROM measured GROUP BY 1, 2 ORDER BY 1, 2 DESC"
echo "statements that read twice as much, or took twice as long"
psql --no-psqlrc -d postgres -c "
    SELECT p.operation, p.statement, p.calls, round((w.execution / w.calls)::numeric, 3) AS whole_ms,
        round((p.execution / p.calls)::numeric, 3) AS parted_ms, w.blocks / w.calls AS whole_blocks, p.blocks / p.calls AS parted_blocks
    FROM measured AS w JOIN measured AS p USING (operation, statement)
    WHERE w.database = 'whole' AND p.database = 'parted' AND w.calls > 0
        AND p.execution > 5 AND (p.blocks::float / p.calls > 2 * w.blocks::float / w.calls + 4 OR p.execution / p.calls > 2 * w.execution / w.calls)
    ORDER BY p.operation, p.execution DESC"
du -sh "$directory/data" | cut -f1
