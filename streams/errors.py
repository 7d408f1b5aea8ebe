"""Errors meant for people: each message is one line that says what is wrong and what to do."""


class HaochapingError(Exception):
    """A failure whose message is fit to be shown as it is, on one line, without a traceback."""
