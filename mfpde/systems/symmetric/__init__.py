"""Two-layer networks whose infinite-width dynamics a symmetry reduces to a small equation."""
