"""One file a service: which operations it may call, and in which order it calls them."""
