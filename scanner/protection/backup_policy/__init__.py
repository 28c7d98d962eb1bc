"""Backup policies of AWS Organizations: how those of the root, the units and the account become one.

document      the settings of one policy, each with its operators
inheritance   policies of a path from the root to an account, merged to one effective policy
effective     the effective policy of an account from what was read, with three answers
comparison    the computed effective policy and the one that AWS describes
"""
