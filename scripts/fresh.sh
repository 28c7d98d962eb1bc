#!/bin/sh
# Runs the two commands of the README on a machine that has nothing yet: a minimal installation of this
# machine's Debian or Ubuntu release, made by debootstrap in a folder that is removed at the end, with the
# packages that the README asks for. `scripts/fresh.sh smoke` runs less: the set-up, the demo with its PDF, and
# one test in Chromium; where a bare installation cannot be made, it says so and ends well.
# The package sources, proxies and certificates of this machine are copied into the folder at run time.
set -eu
cd "$(dirname "$0")/.."
mode=${1:-full}
packages=python3,python3-venv,make,ca-certificates,git

say() { printf '%s\n' "fresh: $*" >&2; }

# What is missing on this machine is no fault of the checkout: the smoke test leaves it out.
impossible() {
    if [ "$mode" = smoke ]; then
        say "left out: $*"
        exit 0
    fi
    say "$*"
    exit 2
}

install_debootstrap() {
    apt-get update || true
    apt-get -q -y -o DPkg::Lock::Timeout=60 install --no-install-recommends debootstrap
}

check_machine() {
    [ "$(id -u)" = 0 ] || impossible "only root can make a bare installation: sudo make fresh"
    command -v apt-get >/dev/null || impossible "the bare installation is made on Debian or Ubuntu only"
    command -v debootstrap >/dev/null || install_debootstrap >/dev/null 2>&1 </dev/null ||
        impossible "debootstrap could not be installed: apt-get install debootstrap"
    unshare --mount --pid --fork true 2>/dev/null || impossible "this machine allows no namespaces (unshare --mount --pid)"
}

# The mirror from which this machine gets its own release.
find_mirror() {
    release=$(. /etc/os-release && echo "$VERSION_CODENAME")
    mirror=$(apt-get indextargets --format '$(CODENAME) $(REPO_URI)' 'Created-By: Packages' |
        awk -v release="$release" '$1 == release { print $2; exit }')
    [ -n "$mirror" ] || impossible "apt-get knows no package source of $release"
}

# Folders and files keep their paths. Those of the home directory are root's on both sides.
copy_settings() {
    for path in /etc/apt /usr/share/keyrings /usr/local/share/ca-certificates /etc/ssl/certs/ca-certificates.crt \
        /etc/resolv.conf /etc/hosts /etc/pip.conf /etc/xdg/pip /etc/uv "$HOME/.config/pip" "$HOME/.pip" "$HOME/.config/uv"; do
        if [ -e "$path" ]; then
            mkdir -p "$root$(dirname "$path")"
            cp -RL "$path" "$root$(dirname "$path")/"
        fi
    done
    mkdir -p "$root$HOME"
}

# The environment of the commands: nothing of this shell but what says how packages are had.
settings() {
    env | grep -E '^(PIP_|UV_|SSL_CERT_|REQUESTS_CA_BUNDLE=|CURL_CA_BUNDLE=|(https?|all|no)_proxy=|(HTTPS?|ALL|NO)_PROXY=)' || true
}

in_root() {
    # shellcheck disable=SC2046 # one word for each variable
    IFS='
' && env -i $(settings) HOME="$HOME" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
        CI=true chroot "$root" sh -euc "cd /srv/vaultproof && $1"
}

# In memory where there is plenty: that is quicker, and leaves nothing to remove.
use_memory() {
    available=$(awk '$1 == "MemAvailable:" { print $2 }' /proc/meminfo)
    [ "$available" -lt 8000000 ] || mount -t tmpfs vaultproof-fresh "$root"
}

make_root() {
    use_memory
    say "making a bare $release in $root ..."
    debootstrap --variant=minbase --include="$packages" "$release" "$root" "$mirror" >"$root.log" 2>&1 || {
        tail -n 5 "$root.log" >&2
        impossible "debootstrap could not make a bare $release from $mirror"
    }
    copy_settings
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    git clone --quiet . "$root/srv/vaultproof"
}

run_demo() {
    in_root "make demo"
    [ "$(head -c 5 "$root/srv/vaultproof/demo-report/report.pdf")" = "%PDF-" ] || {
        say "make demo made no PDF"
        exit 1
    }
}

run_tests() {
    if [ "$mode" = smoke ]; then
        in_root "make browser && .venv/bin/python -m pytest -q tests/report/test_report_browser.py -k $one_browser_test"
    else
        in_root "make test"
    fi
}

one_browser_test=test_why_is_it_not_protected_and_what_do_i_type

# The inner half has mounts and processes of its own, which end with it: the outer one can remove the folder.
if [ -z "${VAULTPROOF_FRESH_ROOT:-}" ]; then
    check_machine
    VAULTPROOF_FRESH_ROOT=$(mktemp -d "${TMPDIR:-/tmp}/vaultproof-fresh.XXXXXX")
    export VAULTPROOF_FRESH_ROOT
    trap 'rm -rf --one-file-system "$VAULTPROOF_FRESH_ROOT" "$VAULTPROOF_FRESH_ROOT.log"' EXIT
    trap 'exit 130' INT TERM
    [ -z "$(git status --porcelain)" ] || say "what is not committed is not part of it"
    unshare --mount --pid --fork --kill-child sh scripts/fresh.sh "$mode"
    exit
fi
root=$VAULTPROOF_FRESH_ROOT
find_mirror
make_root
run_demo
run_tests
say "$mode test passed on a bare $release"
