"""What a browser measures of a page: whether anything runs over an edge, and whether a finger can hit what it should."""

from collections.abc import Sequence

from playwright.async_api import Page

WIDTHS = (390, 768, 1100, 1440)
_OVER = """() => {
  const found = [], cards = [...document.querySelectorAll('.zf-sheet, .zf-cert')].filter(card => card.checkVisibility());
  const name = card => (card.querySelector('h2') || card).textContent.trim().slice(0, 30);
  const over = node => node.scrollWidth - node.clientWidth;
  const page = document.documentElement.scrollWidth - innerWidth;
  if (page > 0) found.push(`the page by ${page}`);
  const parts = '.zf-head > div, .zf-bar, .zf-top, .zf-chips, .zf-filter, .zf-sheet a, .zf-me';
  for (const node of [...cards, ...document.querySelectorAll(parts)])
    if (node.checkVisibility() && over(node) > 1) found.push(`${name(node)} by ${over(node)}`);
  const boxes = cards.map(card => card.getBoundingClientRect());
  boxes.forEach((a, n) => boxes.slice(n + 1).forEach((b, m) => {
    if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1)
      found.push(`${name(cards[n])} over ${name(cards[n + 1 + m])}`);
  }));
  for (const amount of document.querySelectorAll('.amt')) {
    const tops = [...amount.getClientRects()].map(box => box.top);
    if (tops.length && Math.max(...tops) - Math.min(...tops) > 8) found.push(`${amount.textContent} wraps`);
  }
  return found;
}"""
_SMALL = """() => [...document.querySelectorAll('a, button, input:not([type=hidden]), select, summary, label.zf-btn')]
  .filter(node => node.checkVisibility({opacityProperty: true, visibilityProperty: true}))
  .filter(node => node.getBoundingClientRect().right > 0)
  .map(node => {
    const row = node.closest('tr[data-href]'); // the whole row opens what its own link opens
    const box = (row && row.dataset.href === node.getAttribute('href') ? row : node).getBoundingClientRect();
    return [node.outerHTML.slice(0, 90), Math.round(box.width), Math.round(box.height)];
  }).filter(([, width, height]) => width < 44 || height < 44)"""


async def faults(page: Page, widths: Sequence[int] = WIDTHS) -> dict[int, list[object]]:
    """Return, by width, what runs over or is too small to hit (on the phone) on the page that is open."""
    found: dict[int, list[object]] = {}
    for width in widths:
        await page.set_viewport_size({"width": width, "height": 900})
        over = await page.evaluate(_OVER) + (await page.evaluate(_SMALL) if width == WIDTHS[0] else [])
        if over:
            found[width] = over
    return found
