"""The systems: one folder each, with the same rooms; :mod:`mfpde.systems.registry` knows them by name."""
