"""Fact rows: what the graph answers, as documented columns that controls are asked of.

One module a fact table; `build` makes all tables of a shard. Pure: rows in, rows out.
"""
