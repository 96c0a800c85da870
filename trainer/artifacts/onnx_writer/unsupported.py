"""Unsupported: what has no exact translation."""


class Unsupported(Exception):
    """An operator, or a use of it, that has no exact translation; the message names it."""
