"""The evidence bundle: reading, writing and checking what AWS answered, line by line."""
