"""`python -m scanner` is the command `audit`."""

from scanner.cli import main

main()
