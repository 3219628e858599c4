"""The pages of match rules: proposed by one, approved by another, changed as a new version, and ended."""

import re

import pytest

from tests.treasury import ALIAS
from tests.unit.test_files_pages import Desk, desk, typed
from tests.words import latin, machine_words
from zhangfang.reconciliation import list_rules

__all__ = ["desk"]

FIELDS = {"account": ALIAS, "says": "clearing house", "channel-unionpay": "yes", "reason": "they pay weekly"} | {
    "days": "3", "lines": "1", "apart": "0",
}  # fmt: skip


async def proposed(desk: Desk, path: str = "/matching/rule", **fields: str) -> str:
    """Propose what a form says, let another person approve it, and return what the list says then."""
    await desk.sit_down("lin")
    form = await desk.get(path)
    assert form.status_code == 200
    sent = {"csrf": typed(form.text)["csrf"], "ends": typed(form.text)["ends"]} | FIELDS | fields
    page = await desk.http.post("/console/matching/rule", data=sent)
    assert page.url.path.startswith("/console/proposals/prp_")
    where = page.url.path.removeprefix("/console")
    assert "proposed this yourself" in page.text
    await desk.sit_down("wang")
    waiting = await desk.get(where)
    (hash_,) = re.findall(r'name="seen" value="(\w+)"', waiting.text)
    await desk.send(f"{where}/approve", waiting, seen=hash_)
    return (await desk.get("/matching")).text


async def test_a_rule_is_made_changed_and_ended_by_two(desk: Desk) -> None:
    assert "No rule yet" in (await desk.get("/matching")).text
    listed = await proposed(desk)
    assert "1 rule says" in listed
    assert "clearing house" in listed
    (rule,) = await list_rules(desk.house.pool)
    assert (rule["account"], rule["channels"], rule["days"], rule["made_by"]) == (
        ALIAS, ["unionpay"], 3, "lin and wang",
    )  # fmt: skip
    change = f"/matching/rule?ends={rule['id']}"
    listed = await proposed(desk, change, lines="2", apart="1", same_text="yes")
    assert "up to 2, 1 days apart" in listed
    assert "Ended, and older versions" in listed
    (rule,) = await list_rules(desk.house.pool)
    assert (rule["version"], rule["lines"], rule["apart"], rule["same_text"]) == (2, 2, 1, True)
    listed = await proposed(desk, f"/matching/rule?ends={rule['id']}", do="end", reason="they pay daily now")
    assert "No rule yet" in listed
    assert await list_rules(desk.house.pool) == []


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"lines": "x"}, "lines: got 1 characters"), ({"lines": "9"}, "lines: got 9; allowed: 1 to 5"),
     ({"says": "  a "}, "says"), ({"reason": ""}, "reason")],
)  # fmt: skip
async def test_what_is_wrong_is_told_and_what_was_typed_stays(
    desk: Desk, wrong: dict[str, str], said: str
) -> None:
    form = await desk.get("/matching/rule")
    sent = {"csrf": typed(form.text)["csrf"]} | FIELDS | {"days": "7"} | wrong
    page = await desk.http.post("/console/matching/rule", data=sent)
    assert page.status_code == 422
    assert said in page.text
    assert 'name="days" value="7"' in page.text
    assert await desk.house.pool.fetchval("SELECT count(*) FROM proposal") == 0


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_pages_speak_the_visitors_language(desk: Desk, lang: str) -> None:
    await proposed(desk, lines="2")
    for path in ("/matching", "/matching/rule"):
        text = (await desk.get(path, lang)).text
        assert machine_words(text) == set()
        assert lang == "en" or latin(text) <= {"clearing house", "lin and wang"}
