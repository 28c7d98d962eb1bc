"""The commands that mend one finding: complete for its subject, in the order in which they must be run."""
