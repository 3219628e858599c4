"""Takes out of a page what its visitor may not use: the forms, and the buttons that lead to forms.

Where a form goes is looked up among the site's own routes, and the table of rights says what the route needs. So a template
that knows nothing of rights cannot forget them. What is sent all the same is refused at the door.
"""

import re
from collections.abc import Callable, Sequence

from starlette.routing import BaseRoute, Match, Route

from zhangfang.approvals import NEEDED

May = Callable[[str, str], bool]
_FORM = re.compile(r"<form\b([^>]*)>.*?</form>", re.S)
_BUTTON = re.compile(r'<a\b([^>]*class="[^"]*\bzf-btn\b[^>]*)>.*?</a>', re.S)
_HEADING_ALONE = re.compile(r"<section\b[^>]*>\s*<header>(?:(?!</header>).)*</header>\s*</section>", re.S)
_ATTRIBUTE = re.compile(r'\b(method|action|href)="([^"]*)"')


def may(routes: Sequence[BaseRoute], rights: frozenset[str], method: str, path: str) -> bool:
    """Whether somebody with these rights may ask for a path of the site; a path that it does not have is no secret."""
    scope = {"type": "http", "method": method, "path": path, "root_path": ""}
    for one in routes:
        if isinstance(one, Route) and one.matches(scope)[0] is Match.FULL:
            return NEEDED["page", f"{method} {one.path}"] in rights | {"nobody"}
    return True


def without(html: str, allowed: May, base: str, here: str) -> str:
    """Return a page without the forms and buttons that are not allowed, and without headings that have lost their form.

    `here` is the page's own path, to which a form without an address goes.
    """

    def kept(found: re.Match[str]) -> str:
        said = dict(_ATTRIBUTE.findall(found[1]))
        path = (said.get("action") or said.get("href") or base + here).partition("?")[0].partition("#")[0]
        return found[0] if allowed(said.get("method", "get").upper(), path.removeprefix(base)) else ""

    left = _BUTTON.sub(kept, _FORM.sub(kept, html))
    return left if left == html else _HEADING_ALONE.sub("", left)
