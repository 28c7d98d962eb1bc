"""`python -m scanner` runs the command `audit`."""

from scanner.cli import main

main()
