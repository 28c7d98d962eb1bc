"""Reports: one view of a judged scan, and formats that are pure functions of it."""
