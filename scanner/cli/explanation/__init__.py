"""`audit explain` on one screen: the root cause, the chain in a few lines, and the findings."""
