"""What a test reads of a page: the words that a person sees, and which of them no person should have to read."""

import re
from html import unescape

from zhangfang.web.tables import TERMS

PROPER = {
    "Zhangfang",
    "CSV",
    "XLSX",
    "PDF",
    "JSON",
    "AB",
    "CD",
    "MB",
    "Enter",
    "Esc",
    "EN",
    "English",
    "zhangfang demo",
    "lin",
    "wang",
    "operator",
    "nobody",
    "nothing",
    "sha",
    "ZIP",
}
_TAG = re.compile(r"<[^>]+>")
_HIDDEN = re.compile(r"<script.*?</script>|<pre.*?</pre>|<head>.*?</head>", re.DOTALL)
_QUOTED = re.compile(
    r'<(\w+)[^>]*(?:translate="no"|class="[^"]*zf-mono[^"]*"|lang="en")[^>]*>.*?</\1>', re.DOTALL
)
_CURES = {word for word in TERMS["cure"] if re.search(r"\d", word)}
MACHINE = {*TERMS["channel"], *TERMS["figure"], *TERMS["class"], *_CURES, "mirror"} - {
    "reserve",
    "own",
    "duplicate",
}


def latin(html: str) -> set[str]:
    """Return the runs of Latin letters of a page that are no proper name; ids, numbers and what is quoted are left out."""
    seen = _HIDDEN.sub("", html)
    text = unescape(_TAG.sub(" \n ", _QUOTED.sub("", seen)))
    words = re.sub(r"\S*\d\S*", "", text)  # an id, a number, T+1, p95
    return set(re.findall(r"[A-Za-z][A-Za-z'-]+(?: [A-Za-z'-]+)*", words)) - PROPER


def machine_words(html: str) -> set[str]:
    """Return the machine's own words that a page shows: names of channels and figures, cures, words_with_underscores."""
    text = unescape(
        _TAG.sub(" ", re.sub(r'<(\w+)[^>]*translate="no"[^>]*>.*?</\1>', "", _HIDDEN.sub("", html)))
    )
    snake = set(re.findall(r"[a-z]+(?:_[a-z]+)+", text))
    return snake | MACHINE & set(re.findall(r"[\w.-]+", text))


def headings(html: str) -> list[int]:
    """Return the levels of a page's headings in their order."""
    return [int(level) for level in re.findall(r"<h([1-6])", html)]
