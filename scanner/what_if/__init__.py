"""What-if: changes that nobody has applied, read from files and laid over the evidence of a scan."""
