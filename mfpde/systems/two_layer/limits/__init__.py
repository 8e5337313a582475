"""Descriptions of the infinite-width limit beside nodes: moments that close, and densities on a grid."""
