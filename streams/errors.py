"""Errors meant for people: each message is one line that says what is wrong and what to do."""


class HaochapingError(Exception):
    """A failure whose message is fit to be shown as it is, on one line, without a traceback."""


#: What to do when topics and what workers remember do not belong together. A row's version is the offset it came from:
#: in the old database rows of new topics, whose offsets begin at 0, would lose against the old ones.
START_ANEW = (
    "start anew under another HCP_TOPIC_PREFIX with a database of its own in HCP_CLICKHOUSE_URL, and publish "
    "everything again (docs/operations.md)"
)
