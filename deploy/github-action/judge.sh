#!/usr/bin/env bash
# Judges the changes, and writes what-if.md, what-if.json and what-if.sarif. It does not fail: decide.sh does.
set -euo pipefail

folder=$(mktemp -d "${RUNNER_TEMP:-/tmp}/what-if.XXXXXX")
arguments=(what-if --format table,markdown,json,sarif "--out=$folder")

# add OPTION TEXT: adds the option for each line of the text that is not empty.
add() {
    local option=$1 line
    while IFS= read -r line; do
        line=${line%$'\r'}
        if [[ -n "${line//[[:space:]]/}" ]]; then
            arguments+=("$option=$line")
        fi
    done <<<"$2"
}

add --change "$WHAT_IF_CHANGE"
add --account "${WHAT_IF_ACCOUNT:-}"
add --region "${WHAT_IF_REGION:-}"
add --parameter "${WHAT_IF_PARAMETERS:-}"
add --bucket-owner "${WHAT_IF_BUCKET_OWNER:-}"
add --config "${WHAT_IF_CONFIG:-}"
add --controls "${WHAT_IF_CONTROLS:-}"
if [[ "${WHAT_IF_FAIL_ON:-high}" != none ]]; then
    add --fail-on "${WHAT_IF_FAIL_ON:-high}"
fi
if [[ "${WHAT_IF_ALLOW_PARTIAL:-false}" == true ]]; then
    arguments+=(--allow-partial)
fi

# Names in the output must not be taken for commands to the runner.
pause=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
echo "::stop-commands::$pause"
code=0
audit "${arguments[@]}" -- "$WHAT_IF_SCAN" || code=$?
echo "::$pause::"

report=$folder/what-if.md
marker='<!-- vaultproof what-if -->'
if [[ ! -f "$report" ]]; then
    printf '%s\n### AWS Backup: the changes could not be judged\n\nExit code %s: see the log of the job.\n' \
        "$marker" "$code" >"$report"
fi
if [[ -n "${WHAT_IF_NAME:-}" ]]; then
    if [[ ! "$WHAT_IF_NAME" =~ ^[A-Za-z0-9._/\ -]{1,80}$ || "$WHAT_IF_NAME" == *--* ]]; then
        echo "name: use letters, digits, spaces and . _ / - only, at most 80 of them." >&2
        exit 2
    fi
    named=$(tail -n +2 "$report")
    printf '<!-- vaultproof what-if: %s -->\n%s\n' "$WHAT_IF_NAME" "$named" >"$report"
fi
if [[ -n "${GITHUB_STEP_SUMMARY:-}" ]]; then
    cat "$report" >>"$GITHUB_STEP_SUMMARY"
fi
{
    echo "exit-code=$code"
    echo "folder=$folder"
} >>"$GITHUB_OUTPUT"
