"""One view of a scan: what is counted, picked and grouped of it, before any format writes it."""
