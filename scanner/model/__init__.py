"""Frozen, typed rows that every room of the scanner shares. No I/O, standard library only."""
