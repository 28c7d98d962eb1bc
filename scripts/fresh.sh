#!/bin/sh
# Runs the two commands of the README on a machine that has nothing yet: a minimal installation of this
# machine's Debian or Ubuntu release, made by debootstrap in a folder that is removed at the end, with the
# packages that the README asks for. `scripts/fresh.sh smoke` runs less: the set-up, the demo with its PDF, and
# one test in Chromium; where a bare installation cannot be made, it says so and ends well.
# The package sources, proxies and certificates of this machine are copied into the folder at run time.
set -eu
cd "$(dirname "$0")/.."
mode=${1:-full}
program=fresh
optional=$([ "$mode" = smoke ] && echo yes || echo no)
. scripts/bare.sh

check_machine() {
    check_debootstrap
    unshare --mount --pid --fork true 2>/dev/null || impossible "this machine allows no namespaces (unshare --mount --pid)"
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
    make_bare_root
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
