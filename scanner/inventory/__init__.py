"""Parsing: pure functions from raw answers to typed rows. A refused read is a row too: a gap."""
