"""A finance person clears a break on the pages: takes it, looks at the voucher, proposes; another person approves."""

import re
from typing import Any
from uuid import uuid4

import pytest

from tests.treasury import DAY, listed, stray
from tests.unit.test_duplicates_pages import Desk, desk
from tests.words import latin, machine_words
from zhangfang.approvals import acts_on, proposals
from zhangfang.kernel.ids import prefixed

__all__ = ["desk"]


async def planted(desk: Desk) -> dict[str, Any]:
    """Plant four breaks: one we lack, one they lack, one of another amount, a bank line from nowhere."""
    house = desk.house
    merchant = await house.merchant()
    lost, differs = await house.paid(merchant, 1000), await house.paid(merchant, 2000)
    await house.filed(DAY, [stray(1, 8800, note="STATIC-1"), listed(2, differs, 2007)])
    house.on_bank(500, text="汇错款")
    await house.read()
    assert lost.amount == 1000
    return {row["class"]: row for row in await house.breaks()}


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_each_class_has_its_page_in_both_languages(desk: Desk, lang: str) -> None:
    rows = await planted(desk)
    page = await desk.get("/breaks", lang)
    assert ("4 件差错未平" in page.text) if lang == "zh" else ("4 breaks of" in page.text)
    for row in rows.values():
        one = await desk.get(f"/breaks/{row['id']}", lang)
        assert one.status_code == 200
        assert lang == "en" or latin(one.text) == set()
        assert machine_words(one.text) == set()
        for cure in re.findall(r'name="cure" value="([^"]+)"', one.text):
            form = await desk.get(f"/breaks/{row['id']}/cure?cure={cure}", lang)
            assert form.status_code == 200, cure
            assert lang == "en" or latin(form.text) == set()


async def test_the_filter_is_in_the_address_and_counts_what_it_leaves(desk: Desk) -> None:
    rows = await planted(desk)
    one = await desk.get("/breaks?class=missing_here&owner=-")
    assert "1 break of" in one.text
    assert "¥88.00" in re.sub("<[^>]+>", "", one.text)
    assert str(rows["missing_there"]["id"]) not in one.text
    assert "No break is as the filter says" in (await desk.get("/breaks?owner=wang")).text
    assert (await desk.get("/breaks?class=nonsense")).status_code == 422
    assert (await desk.get("/breaks?older=-1")).status_code == 422
    assert (await desk.get(f"/breaks/{uuid4()}")).status_code == 404
    assert (await desk.get("/breaks/x")).status_code == 404


async def test_what_people_do_with_a_break_stands_in_its_history(desk: Desk) -> None:
    id_ = (await planted(desk))["missing_here"]["id"]
    page = f"/breaks/{id_}"
    for act, fields in (
        ("take", {}),
        ("comment", {"text": "asked the channel,\n ticket 77"}),
        ("hand", {"person": "Wang"}),
    ):
        assert (await desk.send(page, f"{page}/{act}", **fields)).status_code == 303
    text = (await desk.get(page)).text
    for shown in ("took it", "asked the channel, ticket 77", "handed it over", "wang"):
        assert shown in text
    for act, fields, why in (
        ("take", {}, "one that wang has"),
        ("hand", {"person": "nobody"}, "an operator who is not disabled"),
        ("comment", {"text": " "}, "1 to 500"),
        ("ask", {}, "one without a payment"),
    ):
        refused = await desk.send(page, f"{page}/{act}", **fields)
        assert (refused.status_code, why in refused.text) == (422, True), act
    assert (await desk.send(page, f"{page}/steal")).status_code == 404
    acts = [(act.operator, act.act) for act in await acts_on(desk.house.pool, str(id_))]
    assert acts == [("lin", "take break"), ("lin", "comment break"), ("lin", "hand break")]


async def test_a_file_is_kept_as_it_is_and_given_out_as_a_download(desk: Desk) -> None:
    id_ = (await planted(desk))["missing_here"]["id"]
    page = f"/breaks/{id_}"
    csrf = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', (await desk.get(page)).text))

    async def attach(name: str, data: bytes) -> Any:
        file = {"file": (name, data, "text/html")}
        return await desk.http.post(f"/console{page}/attach", data=csrf, files=file)

    pdf = b"%PDF-1.7\r\n\x00\xff--boundary\r\n"
    assert (await attach("C:\\letters\\银行回单.pdf", pdf)).status_code == 303
    shown = (await desk.get(page)).text
    assert "银行回单.pdf" in shown
    (link,) = re.findall(rf'/console({page}/papers/\w+)"', shown)
    got = await desk.get(link)
    assert got.content == pdf
    assert got.headers["content-type"] == "application/octet-stream"
    assert got.headers["content-disposition"].startswith("attachment; ")
    for name, data, why in (
        ("page.html", b"\x7fELF\x00", "of another kind"),
        ("big.txt", b"x" * (5 * 1024 * 1024 + 1), "allowed: 1 to"),
        ("none.txt", b"", "nothing"),
        ("a\u202eb.txt", b"x", "file name"),
    ):
        refused = await attach(name, data)
        assert (refused.status_code, why in refused.text) == (422, True), name
    assert (await attach("huge.txt", b"x" * (6 * 1024 * 1024))).status_code == 400
    assert (await desk.get(f"/breaks/{uuid4()}/papers/{link[-32:]}")).status_code == 404
    with pytest.raises(Exception, match="append-only"):
        await desk.house.pool.execute("DELETE FROM break_paper")


async def test_money_that_goes_back_has_its_pages_and_its_account_is_nowhere_shown(desk: Desk) -> None:
    house = desk.house
    row = (await planted(desk))["unknown_receipt"]
    path = f"/breaks/{row['id']}/cure"
    said = {"account_number": "6222 0000 0000 0034", "account_name": "李四", "proof": "letter 113"}
    looked = await desk.send(f"{path}?cure=X4", path, act="look", **said)
    assert looked.text.count("<tr><td>") == 1
    await desk.send(f"{path}?cure=X4", path, act="propose", **said)
    (proposal,) = await proposals(house.pool)
    shown = await desk.get(f"/proposals/{prefixed('prp', proposal.id)}")
    assert ("0034" in shown.text, "6222000000000034" in shown.text + proposal.content) == (True, False)
    await desk.sit_down("wang")
    await desk.house.quiet()
    here = f"/proposals/{prefixed('prp', proposal.id)}"
    assert (await desk.send(here, f"{here}/approve", seen=proposal.seen)).status_code == 303
    payout = await house.pool.fetchval("SELECT id FROM intent WHERE original = $1", row["id"])
    for page in (f"/payments/{payout.hex}", "/payouts", f"/breaks/{row['id']}"):
        found = await desk.get(page)
        assert (found.status_code, "6222000000000034" in found.text) == (200, False), page
    assert "It is on its way" in found.text


async def test_a_cure_is_looked_at_proposed_and_approved_by_another(desk: Desk) -> None:
    house = desk.house
    row = (await planted(desk))["missing_here"]
    merchant = await house.merchant()
    page = f"/breaks/{row['id']}/cure?cure=B2"
    assert 'name="merchant"' in (await desk.get(page)).text
    path = f"/breaks/{row['id']}/cure"
    missing = await desk.send(page, path, act="look")
    assert (missing.status_code, "the merchant to which it books" in missing.text) == (422, True)
    looked = await desk.send(page, path, act="look", merchant=merchant.id)
    assert "某公司" in looked.text
    assert ("87.47" in looked.text) is False
    assert looked.text.count("<tr><td>") == 2, "principal and fee"
    assert await proposals(house.pool) == ()
    done = await desk.send(page, path, act="propose", merchant=merchant.id)
    (proposal,) = await proposals(house.pool)
    shown = f"/proposals/{prefixed('prp', proposal.id)}"
    assert (done.status_code, done.headers["location"]) == (303, f"/console{shown}")
    assert "A cure is proposed" in (await desk.get(f"/breaks/{row['id']}")).text
    await desk.sit_down("wang")
    assert (await desk.send(shown, f"{shown}/approve", seen=proposal.seen)).status_code == 303
    assert await house.balances(2351) == (-7,)
    cleared = await desk.get(f"/breaks/{row['id']}")
    assert "Carried out" in cleared.text
    assert (await desk.get(page)).status_code == 404
