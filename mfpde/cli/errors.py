"""The one exception of the command line itself."""


class CommandError(Exception):
    """A command could not do what it was asked; its text is the whole message, the exit code is 1."""
