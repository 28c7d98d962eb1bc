"""What-if: changes that are not applied, read from files and laid over the evidence of a scan."""
