"""Owns what is typed to search and filter a log: a regular expression, case told apart where it has capitals; pure."""

import re
from dataclasses import dataclass

_ESCAPED = re.compile(r"\\.")


@dataclass(frozen=True, slots=True)
class Pattern:
    """What to look for."""

    words: str
    """As typed."""
    inverted: bool
    """Whether what does not match is meant."""
    regex: re.Pattern[str]
    literal: str
    """The text to find where the pattern is plain text; else empty."""

    def matching(self, texts: list[str]) -> list[int]:
        """Returns the places of the texts that are meant."""
        literal, wanted, search = self.literal, not self.inverted, self.regex.search
        if not literal:
            return [at for at, text in enumerate(texts) if (search(text) is not None) is wanted]
        if self.regex.flags & re.IGNORECASE:
            return [at for at, text in enumerate(texts) if (literal in text.lower()) is wanted]
        return [at for at, text in enumerate(texts) if (literal in text) is wanted]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Returns where the pattern stands in a text; nowhere when it is inverted."""
        if self.inverted:
            return []
        return [match.span() for match in self.regex.finditer(text) if match.end() > match.start()]


def parse(words: str, invertible: bool = False) -> Pattern:
    """Reads a pattern; a first ``!`` inverts one that may be.  Raises ``ValueError`` that says what is wrong."""
    inverted = invertible and words.startswith("!")
    body = words[1:] if inverted else words
    has_capitals = _ESCAPED.sub("", body) != _ESCAPED.sub("", body).lower()
    try:
        regex = re.compile(body, 0 if has_capitals else re.IGNORECASE)
    except (re.PatternError, OverflowError, RecursionError) as error:
        raise ValueError(str(error)) from error
    literal = body if re.escape(body).replace("\\ ", " ").replace("\\-", "-") == body else ""
    return Pattern(words, inverted, regex, literal)
