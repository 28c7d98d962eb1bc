"""Measures what a scan costs: `make bench`, or `python -m bench NAME`. Never part of the tests.

Each bench compares two things in one run on one machine, and prints a table with their ratio.
docs/benchmarks.md says what was measured, and how to read it.
"""
