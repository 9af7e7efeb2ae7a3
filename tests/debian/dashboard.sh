# Whether the dashboard moves, for tests/debian.sh: Debian's Prometheus scrapes as docs/metrics.md says,
# and has something to answer to every question of the dashboard while the demo's people go on and
# somebody looks at an inbox.

demo=http://127.0.0.1:9000
demo_metrics=127.0.0.1:9465

# The questions as Grafana asks them, but for what counts failures, refusals and ends.
questions() {
    jq --raw-output '.panels[].targets // [] | .[].expr' "$project/ops/grafana/tidings.json" |
        sed "s/\\\$__rate_interval/15s/g; s/\\\$instance/$demo_metrics/g" |
        grep --invert-match --extended-regexp 'refused|failures|lost|gaps|closed|ended|code!='
}

# Those of some questions that have no answer now. What grows must grow; what is as it is, such as the
# number of websockets, may be 0.
unanswered() { # <file>
    local question is
    while read -r question; do
        case $question in
        # The processor's time comes in whole seconds.
        *process_cpu_*) is='length > 0' ;;
        *rate\(*) is='any(.[]; .value[1] | tonumber > 0)' ;;
        *) is='length > 0' ;;
        esac
        inside curl --silent --show-error --fail --get http://127.0.0.1:9090/api/v1/query \
            --data-urlencode "query=$question" | jq --exit-status ".data.result | $is" >/dev/null ||
            echo "$question"
    done <"$1"
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

# The block of the document, as it is, with the demo beside the service.
set_up_prometheus() {
    cp "$project/ops/prometheus/alerts.yml" "$work/machine/etc/prometheus"
    {
        echo 'global: {scrape_interval: 1s, evaluation_interval: 1s}'
        sed --quiet '/^```yaml$/,/^```$/{/^```/!p}' "$project/docs/metrics.md" |
            sed "s/\"127.0.0.1:9464\"/&, \"$demo_metrics\"/"
    } >"$work/machine/etc/prometheus/prometheus.yml"
    inside systemctl restart prometheus
}

alerts() {
    inside curl --silent --fail http://127.0.0.1:9090/api/v1/rules |
        jq --raw-output '.data.groups[].rules[] | "\(.health) \(.state)"' | sort --unique
}

has_checked_the_alerts() {
    [[ $(alerts) == "ok inactive" ]]
}

the_dashboard_moves() {
    questions >"$work/questions"
    inside systemd-run --quiet --unit demo --uid tidings \
        --setenv "TIDINGS_METRICS_LISTEN=$demo_metrics" \
        tidings serve --demo --demo-live --listen 127.0.0.1:9000
    soon "the demo has printed its tokens" has_printed_tokens
    set_up_prometheus
    # An open page.
    inside systemd-run --quiet --unit page curl --silent --no-buffer "$demo/graphql" \
        --header "authorization: Bearer $ada" --header 'content-type: application/json' \
        --header 'accept: text/event-stream' \
        --data '{"query": "subscription { inboxUpdated { cursor } }"}'
    soon "Prometheus has checked the alerts, and none is on" has_checked_the_alerts
    local at until=$((SECONDS + patience))
    cp "$work/questions" "$work/left"
    while [[ -s $work/left ]]; do
        ((SECONDS < until)) || fail "these do not move: $(cat "$work/left")"
        demo_asks "$ada" "$inbox"
        # Something for a job to do.
        at=$(date --utc --date '1 second' +%FT%TZ)
        demo_asks "$(token_of booking-app)" "mutation { createAnnouncement(input: \
            {title: \\\"Soon\\\", body: \\\"\\\", publishAt: \\\"$at\\\"}) { announcement { id } } }"
        unanswered "$work/left" >"$work/still"
        mv "$work/still" "$work/left"
        sleep 1
    done
    echo "$(wc --lines <"$work/questions") curves of the dashboard have moved"
    inside systemctl stop page demo
}
