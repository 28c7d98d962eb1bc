"""The scan that a command works on: its folder or bucket, its settings, and its controls."""
