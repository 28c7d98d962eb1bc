"""Vaultproof: proof that an organisation's AWS backups would be there when needed."""
