"""The fact tables: documented columns, computed from the graph, on which controls are evaluated.

There is one module for each fact table; `build` builds all tables of a shard. No module here does I/O.
"""
