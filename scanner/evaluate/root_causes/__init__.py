"""Traces failures through facts and the protection graph to their first broken link."""
