"""Scripts for maintainers, run by the Makefile."""
