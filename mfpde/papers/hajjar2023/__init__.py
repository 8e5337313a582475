"""Hajjar, Chizat, "On the symmetries in the dynamics of wide two-layer neural networks" (arXiv 2211.08771, Electron. Res. Arch. 2023)."""
