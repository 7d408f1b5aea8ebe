"""The shipped lexicon, read once: that takes seconds."""

from streams.rules.categories import load_lexicon

LEXICON = load_lexicon()
