"""Every byte that is read or written outside the evidence."""
