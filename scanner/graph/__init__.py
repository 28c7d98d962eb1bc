"""Typed questions about how things hang together; nothing outside this room knows networkx.

control_plane   the organisation's vaults, keys, settings and copy destinations: one graph for all
shard_graph     one shard: resource -> selection -> plan -> rule -> copy action -> destination
"""
