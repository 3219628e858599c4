"""Colours that can be read on their ground, in both themes, computed from the style sheet."""

import re
from pathlib import Path

import pytest

import zhangfang.web

CSS = (Path(zhangfang.web.__file__).parent / "static" / "zf.css").read_text("utf-8")
BLOCKS = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
LIGHT, DARK = (dict(re.findall(r"--zf-([\w-]+): (#[0-9a-f]{6})\b", block)) for block in BLOCKS)
PAIRS = [
    *((text, ground) for text in ("ink", "ink-2") for ground in ("paper", "sheet", "sunk")),
    *((name, ground) for name in ("indigo", "pine", "ochre", "rouge", "plum") for ground in (f"{name}-t", "sheet")),
    ("ink-2", "grey-t"), ("on-cover", "cover"), ("on-cover-2", "cover"), ("on-main", "main"), ("seal", "sheet"),
    ("on-seal", "seal"),
]  # fmt: skip


def _luminance(colour: str) -> float:
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_colour_has_enough_contrast_on_its_ground(theme: str) -> None:
    tokens = LIGHT | ({"on-main": "#ffffff"} if theme == "light" else DARK)
    for text, ground in PAIRS:
        light, dark = sorted((_luminance(tokens[text]), _luminance(tokens[ground])), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, (text, ground)


def test_the_seal_is_written_in_its_own_colour() -> None:
    (rule,) = re.findall(r"^\.zf-seal \{(.*?)\}", CSS, re.MULTILINE)
    assert "background: var(--zf-seal); color: var(--zf-on-seal);" in rule
