#!/bin/sh
# Brings a fresh checkout to where `make demo` and `make test` can run: a virtual environment with the
# locked dependencies, this project in it, and Pango, which WeasyPrint needs for the PDF. With the argument
# `browser`, as `make test` gives it, also Chromium, in which the HTML report is tested.
# A second run finds its own stamp and ends at once. Which package index is asked, is the business of
# the settings of pip and uv on this machine.
set -eu
cd "$(dirname "$0")/.."

say() { printf '%s\n' "$*" >&2; }
stop() { say "setup: $*"; exit 2; }

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

find_python() {
    for name in ${PYTHON:-python3 python3.13 python3.12 python3.11 python3.14}; do
        if new_enough "$name"; then
            printf '%s\n' "$name"
            return
        fi
    done
    stop "Python 3.11 or newer is needed, and none of these is one: ${PYTHON:-python3, python3.11 to python3.14}." \
        "Install one (Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python), or name it: make PYTHON=/path/to/python"
}

# The whole script holds a lock on its folder, so that two `make` at once do not build one .venv.
if [ -z "${VAULTPROOF_SETUP_LOCKED:-}" ]; then
    python=$(find_python)
    VAULTPROOF_SETUP_LOCKED=$python exec "$python" -c '
import fcntl, os, sys
folder = os.open("scripts", os.O_RDONLY)
os.set_inheritable(folder, True)
fcntl.flock(folder, fcntl.LOCK_EX)
os.execvp("sh", ["sh", "scripts/setup.sh", *sys.argv[1:]])' "$@"
fi
python=$VAULTPROOF_SETUP_LOCKED

# The scripts in .venv/bin name its path: a checkout that was moved or copied needs a new one.
venv_is_sound() {
    new_enough .venv/bin/python && grep -qF " $(pwd -P)/.venv" .venv/pyvenv.cfg &&
        .venv/bin/python -m pip --version >/dev/null 2>&1
}

make_venv() {
    if venv_is_sound; then
        return
    fi
    say "Making .venv with $("$python" --version) ..."
    answer=$("$python" -m venv --clear .venv 2>&1) || {
        rm -rf .venv
        stop "a virtual environment could not be made (Debian, Ubuntu: apt-get install python3-venv):
$answer"
    }
}

# What an installation depends on: the locks, the project's own metadata, and the Python.
wanted_stamp() { { cat requirements.lock scripts/setup.lock pyproject.toml && .venv/bin/python --version; } | cksum; }

install_packages() {
    if [ "$(cat .venv/installed.stamp 2>/dev/null)" = "$(wanted_stamp)" ]; then
        return
    fi
    rm -f .venv/installed.stamp
    say "Installing the locked dependencies into .venv ..."
    # uv installs everything else, so that it is checked like everything else.
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r scripts/setup.lock ||
        stop "pip could not install the locked uv; see its message above (no network, or no package index configured?)"
    VIRTUAL_ENV=$PWD/.venv
    export VIRTUAL_ENV
    # Compiled once here: a read-only installation, or PYTHONDONTWRITEBYTECODE, would compile at every start.
    .venv/bin/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock ||
        stop "the dependencies of requirements.lock could not be installed; see uv's message above"
    .venv/bin/uv pip install --quiet --no-deps --no-build-isolation --editable . ||
        stop "this project could not be installed into .venv; see uv's message above"
    .venv/bin/python -m compileall -q scanner || true
    wanted_stamp >.venv/installed.stamp
}

# Homebrew's libraries lie where the dynamic loader of macOS does not look by itself.
can_make_pdf() {
    DYLD_FALLBACK_LIBRARY_PATH=/opt/homebrew/lib:/usr/local/lib \
        .venv/bin/python -W ignore -c 'import weasyprint' >/dev/null 2>&1
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=60 -o Acquire::http::Timeout=30 "$@"
}

apt_install() { apt_get install --no-install-recommends "$@"; }

install_pango() {
    if command -v apt-get; then
        apt_get update || true # one source that does not answer is no reason to give up
        # Older releases have the subsetter inside libharfbuzz0b.
        apt_install libpango-1.0-0 libpangoft2-1.0-0 fonts-dejavu-core libharfbuzz-subset0 ||
            apt_install libpango-1.0-0 libpangoft2-1.0-0 fonts-dejavu-core
    elif command -v dnf; then
        as_root dnf install -y pango harfbuzz dejavu-sans-fonts
    elif command -v apk; then
        as_root apk add pango harfbuzz-subset font-dejavu
    elif command -v brew; then
        brew install --quiet pango
    else
        echo "no known package manager"
        return 1
    fi
}

prepare_pdf() {
    if [ -f .venv/pdf.stamp ]; then
        return
    fi
    if ! can_make_pdf; then # asked for again each time: somebody may have installed it meanwhile
        say "Installing Pango, which draws the PDF ..."
        install_pango >.venv/pango.log 2>&1 </dev/null || true
    fi
    if can_make_pdf; then
        : >.venv/pdf.stamp
    else
        say "No PDF: Pango could not be installed from here (why: .venv/pango.log; by hand: apt-get install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0, or brew install pango). Going on without it."
    fi
}

# The names are those that tests/report/browser.py looks for.
has_browser() {
    [ -n "${CHROMIUM:-}" ] && return
    for name in chromium chromium-browser google-chrome google-chrome-stable chrome; do
        command -v "$name" >/dev/null && return
    done
    [ -e "/Applications/Google Chrome.app" ]
}

# Playwright drives the browser through a Node.js of its own. That needs libatomic, which no package of
# Chromium depends on.
driver_starts() { .venv/bin/playwright --version >/dev/null 2>&1; }

install_browser() {
    if command -v apt-get; then
        apt_get update || true
        driver_starts || apt_install libatomic1
        has_browser || apt_install chromium
    elif command -v dnf; then
        as_root dnf install -y libatomic chromium
    elif command -v apk; then
        as_root apk add libatomic chromium
    else # Homebrew has it as an application only, which asks to be opened by hand once
        echo "no known package manager"
        return 1
    fi
}

prepare_browser() {
    if has_browser && driver_starts; then
        return
    fi
    say "Installing Chromium, in which the HTML report is tested, and the library that its driver needs ..."
    install_browser >.venv/browser.log 2>&1 </dev/null || true
    has_browser ||
        say "No Chromium could be installed from here (why: .venv/browser.log; by hand: apt-get install chromium, or name one in CHROMIUM). The browser tests will be skipped."
    driver_starts ||
        say "Playwright's Node.js does not start (why: .venv/bin/playwright --version; by hand: apt-get install libatomic1). The browser tests will be skipped."
}

make_venv
install_packages
prepare_pdf
if [ "${1:-}" = browser ]; then
    prepare_browser
fi
