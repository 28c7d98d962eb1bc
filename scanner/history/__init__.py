"""Scans held against each other: what is new, what is fixed, and what is not known any more."""
