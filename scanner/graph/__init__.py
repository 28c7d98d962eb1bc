"""The relations between resources, rules, vaults, copies and keys. Only this package uses networkx.

control_plane   the organisation's vaults, keys, settings and copy destinations, in one graph
shard_graph     one shard: resource -> selection -> plan -> rule -> copy action -> destination
"""
