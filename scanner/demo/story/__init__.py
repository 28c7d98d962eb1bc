"""What is planted in the simulated organisation, account by account."""
