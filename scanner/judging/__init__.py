"""Shards judged on all cores: what processes do with whole shards, and one writer of what comes of it."""
