"""Compiled loops. Functions only, dispatching on integer codes, so that every one of them caches."""
