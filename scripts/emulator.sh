#!/bin/sh
# Prints the path of AWS's Lambda runtime interface emulator, .lint/aws-lambda-rie, and gets it first where it is
# missing: it is a file of the package in deploy/lint/emulator.lock.
set -eu
cd "$(dirname "$0")/.."
case $(uname -sm) in
"Linux x86_64") name=aws-lambda-rie-x86_64 ;;
"Linux aarch64") name=aws-lambda-rie-arm64 ;;
*) echo "emulator: left out: it runs on Linux only" >&2 && exit 2 ;;
esac
emulator=$PWD/.lint/aws-lambda-rie
stamp=$(cksum <deploy/lint/emulator.lock)
if [ "$(cat .lint/emulator.stamp 2>/dev/null)" != "$stamp" ]; then
    mkdir -p .lint
    folder=$(mktemp -d .lint/emulator.XXXXXX)
    trap 'rm -rf "$folder"' EXIT
    .venv/bin/python -m pip download --quiet --no-deps --require-hashes -r deploy/lint/emulator.lock -d "$folder" >&2
    .venv/bin/python -c 'import sys, zipfile; print(zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2], sys.argv[3]))' \
        "$folder"/*.whl "samcli/local/rapid/$name" "$folder" >/dev/null
    chmod 755 "$folder/samcli/local/rapid/$name"
    mv "$folder/samcli/local/rapid/$name" "$emulator"
    echo "$stamp" >.lint/emulator.stamp
fi
echo "$emulator"
