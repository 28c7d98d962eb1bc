"""Planned changes, and what judging them gives."""
