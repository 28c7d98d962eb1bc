"""audit.yaml: the whole of it, and its sections about tiers."""
