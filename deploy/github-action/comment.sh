#!/usr/bin/env bash
# Writes what-if.md as a comment to the pull request. The earlier comment with the same first line is updated.
set -euo pipefail

number=$(jq -r '.pull_request.number // empty' "$GITHUB_EVENT_PATH")
if [[ ! "$number" =~ ^[0-9]+$ ]]; then
    echo "This is no run of a pull request: no comment is written."
    exit 0
fi
report=$WHAT_IF_FOLDER/what-if.md
marker=$(head -n 1 "$report")
issues=$GITHUB_API_URL/repos/$GITHUB_REPOSITORY/issues

# api METHOD URL: calls GitHub. The token is not among the arguments, which other processes can see.
api() {
    local method=$1 url=$2
    shift 2
    curl --silent --show-error --fail-with-body --retry 3 --max-time 60 --request "$method" \
        --header 'Accept: application/vnd.github+json' --header 'X-GitHub-Api-Version: 2022-11-28' \
        --config <(printf 'header = "Authorization: Bearer %s"\n' "$WHAT_IF_TOKEN") "$@" "$url"
}

earlier=""
page=1
while [[ -z "$earlier" ]]; do
    comments=$(api GET "$issues/$number/comments?per_page=100&page=$page")
    earlier=$(jq -r --arg marker "$marker" --arg author "$WHAT_IF_AUTHOR" '
        map(select(.user.login == $author and ((.body // "") | split("\n")[0] | rtrimstr("\r")) == $marker))
        | first | .id // empty' <<<"$comments")
    if (($(jq length <<<"$comments") < 100)); then
        break
    fi
    page=$((page + 1))
done

body=$(mktemp)
trap 'rm -f "$body"' EXIT
jq -Rs '{body: .}' "$report" >"$body"
if [[ -n "$earlier" ]]; then
    api PATCH "$issues/comments/$earlier" --data-binary "@$body" | jq -r '"Updated \(.html_url)"'
else
    api POST "$issues/$number/comments" --data-binary "@$body" | jq -r '"Wrote \(.html_url)"'
fi
