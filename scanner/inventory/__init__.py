"""Parsing of recorded answers into the typed rows of an inventory. An unread answer becomes a gap."""
