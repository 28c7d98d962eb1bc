#!/usr/bin/env bash
# Writes a file as a note to the merge request. The earlier note with the same first line is updated.
set -euo pipefail

report=$1
if [[ ! -f "$report" ]]; then
    report=$(mktemp)
    trap 'rm -f "$report"' EXIT
    printf '%s\n### AWS Backup: the changes could not be judged\n\nSee the log of the job.\n' \
        '<!-- vaultproof what-if -->' >"$report"
fi
marker=$(head -n 1 "$report")
notes=$CI_API_V4_URL/projects/$CI_PROJECT_ID/merge_requests/$CI_MERGE_REQUEST_IID/notes

# api METHOD URL: calls GitLab. The token is not among the arguments, which other processes can see.
api() {
    local method=$1 url=$2
    shift 2
    curl --silent --show-error --fail-with-body --retry 3 --max-time 60 --request "$method" \
        --config <(printf 'header = "PRIVATE-TOKEN: %s"\n' "$WHAT_IF_TOKEN") "$@" "$url"
}

own=$(api GET "$CI_API_V4_URL/user" | jq -r .id)
earlier=""
page=1
while [[ -z "$earlier" ]]; do
    batch=$(api GET "$notes?per_page=100&page=$page")
    earlier=$(jq -r --arg marker "$marker" --argjson own "$own" '
        map(select(.author.id == $own and ((.body // "") | split("\n")[0] | rtrimstr("\r")) == $marker))
        | first | .id // empty' <<<"$batch")
    if (($(jq length <<<"$batch") < 100)); then
        break
    fi
    page=$((page + 1))
done
if [[ -n "$earlier" ]]; then
    api PUT "$notes/$earlier" --data-urlencode "body@$report" | jq -r '"Updated note \(.id)"'
else
    api POST "$notes" --data-urlencode "body@$report" | jq -r '"Wrote note \(.id)"'
fi
