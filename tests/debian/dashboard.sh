# Whether the dashboard moves, for tests/debian.sh: every counter that it draws, and that counts no
# failures and no ends, has grown while the demo's people go on and somebody looks at an inbox.

demo=http://127.0.0.1:9000
demo_metrics=http://127.0.0.1:9465/metrics

# The counters of the dashboard. A histogram is drawn by its buckets, and moves with its count.
drawn() {
    grep --only-matching --extended-regexp 'tidings_[a-z_]+_(total|count|sum|bucket)' \
        "$project/ops/grafana/tidings.json" | sed 's/_bucket$/_count/' | sort --unique |
        grep --invert-match --extended-regexp 'refused|failures|lost|gaps|closed|ended'
}

# Each counter with the sum of its series.
sums() {
    inside curl --silent --show-error --fail "$demo_metrics" | awk '
        /^tidings_/ { name = $1; sub(/\{.*/, "", name); sum[name] += $NF }
        END { for (name in sum) print name, sum[name] }'
}

# The drawn counters that are no greater than at first, after somebody has looked at an inbox.
still() {
    demo_asks "$ada" "$inbox"
    sums >"$work/now"
    awk 'FNR == NR { first[$1] = $2; next } $2 > first[$1] { print $1 }' \
        "$work/first" "$work/now" | sort | comm -23 "$work/drawn" -
}

demo_asks() { # <token> <query>
    inside curl --silent --show-error --fail "$demo/graphql" --output /dev/null \
        --header "authorization: Bearer $1" --header 'content-type: application/json' \
        --data "{\"query\": \"$2\"}"
}

# The token of one of the demo's people.
token_of() { # <name>
    inside journalctl --output cat --unit demo | awk -v name="$1" '$1 == name { print $3 }'
}

has_printed_tokens() {
    ada=$(token_of ada) && [[ -n $ada ]]
}

the_dashboard_moves() {
    drawn >"$work/drawn"
    inside systemd-run --quiet --unit demo --uid tidings \
        --setenv TIDINGS_METRICS_LISTEN=127.0.0.1:9465 \
        tidings serve --demo --demo-live --listen 127.0.0.1:9000
    soon "the demo has printed its tokens" has_printed_tokens
    # An open page.
    inside systemd-run --quiet --unit page curl --silent --no-buffer "$demo/graphql" \
        --header "authorization: Bearer $ada" --header 'content-type: application/json' \
        --header 'accept: text/event-stream' \
        --data '{"query": "subscription { inboxUpdated { cursor } }"}'
    sums >"$work/first"
    # Something for a job to do.
    local at left until=$((SECONDS + patience))
    at=$(date --utc --date '2 seconds' +%FT%TZ)
    demo_asks "$(token_of booking-app)" "mutation { createAnnouncement(input: \
        {title: \\\"Soon\\\", body: \\\"\\\", publishAt: \\\"$at\\\"}) { announcement { id } } }"
    while left=$(still) && [[ -n $left ]]; do
        ((SECONDS < until)) || fail "these do not move: $left"
        sleep 1
    done
    echo "$(wc --lines <"$work/drawn") counters of the dashboard have moved"
    inside systemctl stop page demo
}
