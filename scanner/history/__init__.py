"""Compares scans: which findings are new, which are fixed, and which are no longer known."""
