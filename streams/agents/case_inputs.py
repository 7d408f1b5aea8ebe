"""What stands on `haochaping-case-inputs`, the one keyed input of cases: openings, and what people did.

The value is the enriched bad review (from agents/aggregate.py), or the event as it came (agents/case_events.py).
"""

#: Which of the two it is.
KIND_HEADER = "hcp-kind"
OPENING, EVENT = b"opening", b"event"

#: The event's own key and place, should it be refused later for want of a case, and its timestamp (ms since the epoch).
SOURCE_KEY_HEADER, SOURCE_HEADER, ARRIVED_HEADER = "hcp-source-key", "hcp-source", "hcp-arrived"
