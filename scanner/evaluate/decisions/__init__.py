"""What an organisation has decided in audit.yaml: tiers, owners and waivers, as rows to judge by."""
