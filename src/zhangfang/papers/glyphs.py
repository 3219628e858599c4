"""What the embedded font lacks prints as 〓 and is listed at the paper's end, so that nothing is lost silently."""

from collections import Counter
from collections.abc import Container, Iterator

MISSING = "〓"  # geta mark, U+3013: what printers set for a character that they do not have
_MOST = 200  # different characters that are listed


class Printable:
    """Makes texts printable in a font, and remembers what it had to replace: controls and marks of direction too."""

    def __init__(self, known: Container[int]) -> None:
        """Take the code points that the font has."""
        self._known = known
        self._missing: Counter[str] = Counter()

    def __call__(self, text: str) -> str:
        """Return the text with `MISSING` for each character that the font has not."""
        found = [letter for letter in set(text) if ord(letter) not in self._known]
        for letter in found:
            self._missing[letter] += text.count(letter)
            text = text.replace(letter, MISSING)
        return text

    def notes(self) -> Iterator[str]:
        """Return a line with the characters that were replaced, if any were."""
        if not self._missing:
            return
        named = [f"U+{ord(letter):04X} × {n}" for letter, n in sorted(self._missing.items())]
        more = f", +{len(named) - _MOST}" if len(named) > _MOST else ""
        yield f"{MISSING}：字体中没有的字符 Characters that the font has not: {', '.join(named[:_MOST])}{more}"
