"""The formats: each a pure function of the view that gives pieces of bytes."""
