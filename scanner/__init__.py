"""Vaultproof: proves that an organisation's AWS backups are there when needed."""
