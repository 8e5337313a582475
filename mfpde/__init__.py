"""Infinite-width training dynamics of neural networks, and how fast finite networks approach them."""

__version__ = "0.1.0"
