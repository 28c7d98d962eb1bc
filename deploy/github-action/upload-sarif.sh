#!/usr/bin/env bash
# Uploads what-if.sarif to code scanning. Without code scanning in the repository, a warning says so.
set -euo pipefail

log=$WHAT_IF_FOLDER/what-if.sarif
if [[ ! -f "$log" ]]; then
    echo "There is no what-if.sarif: nothing is uploaded."
    exit 0
fi
body=$(mktemp)
packed=$(mktemp)
trap 'rm -f "$body" "$packed"' EXIT
gzip --stdout --no-name "$log" | base64 | tr -d '\n' >"$packed"
jq -n --arg commit "$GITHUB_SHA" --arg ref "$GITHUB_REF" --rawfile sarif "$packed" \
    '{commit_sha: $commit, ref: $ref, sarif: $sarif, tool_name: "vaultproof"}' >"$body"
if ! curl --silent --show-error --fail-with-body --retry 3 --max-time 60 --request POST \
    --header 'Accept: application/vnd.github+json' --header 'X-GitHub-Api-Version: 2022-11-28' \
    --config <(printf 'header = "Authorization: Bearer %s"\n' "$WHAT_IF_TOKEN") \
    --data-binary "@$body" "$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/code-scanning/sarifs"; then
    echo "::warning::The findings were not uploaded: code scanning needs to be enabled, and security-events: write."
fi
