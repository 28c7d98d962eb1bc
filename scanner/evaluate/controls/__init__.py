"""Controls as files: their shape, loading and checking them, their cases, and what is written about them."""
