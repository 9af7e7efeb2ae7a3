#!/usr/bin/env bash
# Installs what the tests need in addition to Rust: PostgreSQL's programs, Node.js with npm and the
# packages of the examples and of the clients under test, Chromium, curl, Python, Prometheus, and
# the proxies of docs/operations.md: nginx and Caddy. systemd checks the unit of the package. Go and
# PHP run the programs of docs/sending.md.
#
# Uses apt-get if it can. Otherwise it says what is missing, and the tests that need it are skipped;
# in CI ($CI is set) it fails instead.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Debian keeps initdb out of PATH; the tests look in the same places.
has_postgres() {
    command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

has_node() {
    command -v node >/dev/null && command -v npm >/dev/null
}

# The tests try the same names.
has_chromium() {
    [[ -n ${CHROMIUM:-} ]] ||
        command -v chromium-headless-shell chromium chromium-browser google-chrome >/dev/null
}

# Chromium without its windows, which takes less to show a page. Not every system has it.
wants_headless_shell() {
    [[ -z ${CHROMIUM:-} ]] && ! command -v chromium-headless-shell >/dev/null &&
        apt-cache show chromium-headless-shell >/dev/null 2>&1
}

# Needed because the examples of the README and the tour are run as tests.
has_curl() {
    command -v curl >/dev/null
}

# Debian keeps nginx in a directory that only root has in PATH.
has_nginx() {
    command -v nginx >/dev/null || [[ -x /usr/sbin/nginx ]]
}

has_caddy() {
    command -v caddy >/dev/null
}

# For the programs of docs/sending.md.
has_go() {
    command -v go >/dev/null
}

has_php() {
    command -v php >/dev/null
}

# For the client of Python under test, and for the programs of `make lint`.
has_python() {
    python3 -c 'import ensurepip, venv' 2>/dev/null
}

has_prometheus() {
    command -v prometheus >/dev/null && command -v promtool >/dev/null
}

has_systemd() {
    command -v systemd-analyze >/dev/null
}

apt_packages=()
has_curl || apt_packages+=(curl)
has_postgres || apt_packages+=(postgresql)
has_node || apt_packages+=(nodejs npm)
if wants_headless_shell; then
    apt_packages+=(chromium-headless-shell)
elif ! has_chromium; then
    apt_packages+=(chromium)
fi
has_nginx || apt_packages+=(nginx-light)
has_caddy || apt_packages+=(caddy)
has_python || apt_packages+=(python3-venv)
has_go || apt_packages+=(golang-go)
has_php || apt_packages+=(php-cli)
has_prometheus || apt_packages+=(prometheus)
has_systemd || apt_packages+=(systemd)

if ((${#apt_packages[@]})) && command -v apt-get >/dev/null; then
    as_root=()
    [[ $(id -u) == 0 ]] || as_root=(sudo)
    if [[ $(id -u) == 0 ]] || command -v sudo >/dev/null; then
        echo "Installing ${apt_packages[*]}"
        "${as_root[@]}" apt-get update -qq &&
            "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
                apt-get install -y -qq --no-install-recommends "${apt_packages[@]}" ||
            echo "apt-get could not install them" >&2
    fi
fi

missing=()
has_curl || missing+=("curl")
has_postgres || missing+=("PostgreSQL 15 or newer (initdb)")
has_node || missing+=("Node.js 20.19 or newer (node, npm)")
has_chromium || missing+=("Chromium (chromium, or its path in \$CHROMIUM)")
has_nginx || missing+=("nginx")
has_caddy || missing+=("Caddy (caddy)")
has_python || missing+=("Python 3 with venv and pip (python3-venv)")
has_go || missing+=("Go (go)")
has_php || missing+=("PHP (php)")
has_prometheus || missing+=("Prometheus (prometheus, promtool)")
has_systemd || missing+=("systemd (systemd-analyze)")
if ((${#missing[@]})); then
    printf '\n*** MISSING: %s ***\n' "${missing[@]}" >&2
    printf 'Install it with the package manager of this system. ' >&2
    printf 'Tests that need it are skipped.\n\n' >&2
    [[ -z ${CI:-} ]] || exit 1
fi

if has_node; then
    # The other examples are installed by the test that packs the packages of web/.
    for directory in examples/follow-inbox examples/resume tests/clients; do
        # npm's own note of what it has installed.
        [[ $directory/node_modules/.package-lock.json -nt $directory/package-lock.json ]] ||
            npm ci --prefix "$directory" --no-audit --no-fund --loglevel=error
    done
fi

# The client for Python. Its test says that it is skipped where this fails.
if command -v python3 >/dev/null; then
    venv=tests/clients/.venv
    { [[ -x $venv/bin/pip ]] || python3 -m venv "$venv"; } &&
        "$venv/bin/pip" install --quiet --disable-pip-version-check \
            --requirement tests/clients/requirements.txt ||
        echo "pip could not install tests/clients/requirements.txt" >&2
fi
