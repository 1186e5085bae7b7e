"""Owns what is typed to search and filter a log: a regular expression, case told apart where it has capitals."""

import re

from pivot_core.frozen import frozen
from pivot_tui.patience import TooSlowError, at_most

_ESCAPED = re.compile(r"\\.")
_MATCHING_S = 0.05
_DRAWING_S = 0.01
"""How long a regular expression may take for many lines, and for one that is drawn."""
_WHOLE_S = 0.01
"""How long one may take for all of a long line in which no piece matched; then it holds none."""
_PIECE = 1 << 15
"""Characters of a long line that a regular expression is looked for in at once: it may take their square."""


@frozen
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
        """Returns the places of the texts that are meant; raises ``TooSlowError`` where that takes long."""
        literal, wanted = self.literal, not self.inverted
        if not literal:
            with at_most(_MATCHING_S):
                meant = [self._is_in(text) for text in texts]
            found = [
                is_in or self._spans_pieces(text) for is_in, text in zip(meant, texts, strict=True)
            ]
            return [at for at, is_in in enumerate(found) if is_in is wanted]
        if self.regex.flags & re.IGNORECASE:
            return [at for at, text in enumerate(texts) if (literal in text.lower()) is wanted]
        return [at for at, text in enumerate(texts) if (literal in text) is wanted]

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Returns where the pattern stands in a text; nowhere when it is inverted, or takes long to find."""
        if self.inverted:
            return []
        try:
            with at_most(_DRAWING_S):
                found = [match.span() for match in self.regex.finditer(text)]
        except TooSlowError:
            return []
        return [(start, end) for start, end in found if end > start]

    def _spans_pieces(self, text: str) -> bool:
        """Tells whether a match goes over more of a long line than one piece, where that does not take long."""
        if len(text) <= _PIECE:
            return False
        try:
            with at_most(_WHOLE_S):
                return self.regex.search(text) is not None
        except TooSlowError:
            return False

    def _is_in(self, text: str) -> bool:
        search = self.regex.search
        if len(text) <= _PIECE:
            return search(text) is not None
        for at in range(0, len(text), _PIECE // 2):
            end = min(at + _PIECE, len(text))
            found = search(text, at, end)
            # The end of a piece is none of the line: what touches it must hold without it.
            if found is not None and (
                found.end() < end or self.regex.match(text, found.start()) is not None
            ):
                return True
        return False


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
