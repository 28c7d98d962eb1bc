#!/usr/bin/env bash
# Ends with the exit code of audit what-if, and says what it means.
set -euo pipefail

case "$WHAT_IF_EXIT_CODE" in
0) echo "No new failures at or above the severity, and every change was judged." ;;
4) echo "::error::A change could not be judged: see the comment, or set allow-partial." ;;
10) echo "::error::The change brings new failures: see the comment." ;;
'' | *[!0-9]*)
    echo "::error::The changes were not judged."
    exit 1
    ;;
*) echo "::error::The changes could not be judged (exit code $WHAT_IF_EXIT_CODE): see the log above." ;;
esac
exit "$WHAT_IF_EXIT_CODE"
