"""How the simulated organisation answers a request."""
