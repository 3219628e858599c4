"""The differences of a corrected file are applied, after two persons have agreed.

A gone line is taken back: its break ends with the mirrored voucher, what it matched is unmatched. A new line is placed as
any line is. Then the sums of the date are compared with those from before, and each difference is one voucher. The vouchers
have the file's date; if that is closed, the first open one.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from zhangfang import approvals
from zhangfang.approvals import Person, Proposal
from zhangfang.kernel.database import repeated
from zhangfang.kernel.errors import InvalidInput
from zhangfang.payments import Desk
from zhangfang.reconciliation import books, files
from zhangfang.reconciliation.receiving import FILE_S
from zhangfang.reconciliation.receiving import queries as receiving
from zhangfang.reconciliation.rules import version_differs
from zhangfang.reconciliation.versions.offering import VERSION, FileVersion, queries

_TEMPLATES = ("S1", "S2", "S3", "S11", "S10")


async def approve_version(desk: Desk, id_: UUID, seen: str, by: Person) -> str:
    """Approve another person's version by its hash, and apply it. After a crash, the same call continues.

    Raises what `approvals.approve` raises, and `InvalidInput` if another version came into force, or for a line that cannot
    be taken back.
    """

    async def begin(connection: Any, found: Proposal) -> None:
        version = await connection.fetchrow(queries.get, UUID(found.holds(FileVersion).file_version))
        await _check(connection, version)

    found = await approvals.approve(desk.pool, desk.clock, id_, VERSION, seen, by, begin)
    if found.result is not None:
        return found.result
    version = UUID(found.holds(FileVersion).file_version)
    await _apply(desk, version)
    number = (await desk.pool.fetchrow(queries.get, version))["number"]
    return await approvals.finish(desk.pool, desk.clock, found, f"version {number} is in force")


async def _check(connection: Any, version: Any) -> None:
    day = (version["channel"], version["settle_date"])
    file = await connection.fetchrow(files.queries.lock_file, *day)
    if file["digest"] != version["replaces"]:
        raise InvalidInput("file", "a version of what is not in force any more", "to offer it again")
    if other := await connection.fetchval(queries.unfinished, *day):
        raise InvalidInput(
            "file", f"version {other} of it, which is not booked yet", "to approve that one again"
        )
    wrong = await connection.fetchrow(queries.cannot_go, version["id"], *day)
    if wrong is not None:
        why = (
            f"its {wrong['class']} is cured by {wrong['cure']}"
            if wrong["cure"]
            else f"it is {wrong['status']}"
        )
        raise InvalidInput(
            "file", f"line {wrong['line_no']} gone, but {why}", "lines whose effects can be taken back"
        )


async def _apply(desk: Desk, id_: UUID) -> None:
    await repeated(lambda: _take_back(desk, id_))
    version = await desk.pool.fetchrow(queries.get, id_)
    await files.weigh_lines(desk, version["channel"], version["settle_date"])
    await repeated(lambda: _place(desk, id_))
    await _book(desk, version)
    await desk.pool.execute(queries.applied, id_, desk.clock.now())


async def _take_back(desk: Desk, id_: UUID) -> None:
    """Take gone lines back and put the new ones in, once and in one transaction, with the sums from before."""
    async with desk.pool.acquire() as connection, connection.transaction():
        version = await connection.fetchrow(queries.get, id_)
        day = (version["channel"], version["settle_date"])
        file = await connection.fetchrow(files.queries.lock_file, *day)
        version = await connection.fetchrow(queries.get, id_)
        if version["before"] is not None:
            return
        await _check(connection, version)
        before = await _sums(connection, file)
        base = await connection.fetchval(queries.last_line, *day)
        await connection.execute(queries.undo_breaks, id_, *day, version["number"], timeout=FILE_S)
        await connection.execute(queries.unmatch, id_, timeout=FILE_S)
        await connection.execute(queries.mark_gone, id_, *day, timeout=FILE_S)
        await connection.execute(queries.add_lines, id_, *day, base, timeout=FILE_S)
        await connection.execute(receiving.sum_file, *day, timeout=FILE_S)
        await connection.execute(queries.put_in_force, *day, version["name"], version["digest"])
        await connection.execute(queries.begun, id_, before, file["arrived_at"] is not None, base)
        if file["arrived_at"] is not None:
            net = (await connection.fetchrow(files.queries.get_file, *day))["net_fen"]
            if net != file["net_fen"]:
                new = version_differs(version["number"], net, file["net_fen"])
                await files.open_break(desk.clock, connection, *day, new)


async def _place(desk: Desk, id_: UUID) -> None:
    async with desk.pool.acquire() as connection, connection.transaction():
        version = await connection.fetchrow(queries.get, id_)
        day = (version["channel"], version["settle_date"])
        await connection.fetchrow(files.queries.lock_file, *day)
        if (await connection.fetchrow(queries.get, id_))["placed_at"] is None:
            now = desk.clock.now()
            await files.place_after(connection, *day, version["base"], now)
            await connection.execute(queries.placed, id_, now)


async def _sums(db: Any, file: Any) -> list[int]:
    """Return what the date's vouchers are of, in the order of the templates; the fee; the net amount."""
    day = (file["channel"], file["settle_date"])
    matched = await db.fetchrow(files.queries.sums_of_matched, *day, timeout=FILE_S)
    voided = await db.fetchval(files.queries.void_sum, *day, timeout=FILE_S)
    found = [matched[name] for name in ("pay_in", "refund", "payout", "returned")]
    return [*found, voided, file["fee_fen"], file["net_fen"]]


async def _book(desk: Desk, version: Any) -> None:
    """Book the differences of the sums, the breaks that the version opened, and those that it ended."""
    if version["applied_at"] is not None:
        return
    channel, settle_date = version["channel"], version["settle_date"]
    file = await desk.pool.fetchrow(files.queries.get_file, channel, settle_date)
    after = await _sums(desk.pool, file)
    differences = [new - old for new, old in zip(after, version["before"], strict=True)]
    made = _vouchers(desk, file, version, differences)
    for one in made:
        await books.book(desk.pool, desk.ledger, one)
    await files.book_breaks(desk, channel, settle_date)
    if not version["arrived"] and not file["net_fen"] and file["arrived_at"] is None:
        await files.nothing_arrives(desk, file)


def _vouchers(desk: Desk, file: Any, version: Any, differences: Sequence[int]) -> list[list[Any]]:
    names, day = books.subjects(desk.alias, file["channel"]), file["settle_date"]
    *sums, fee, _ = differences
    made = [
        books.lines(template + "-" * (fen < 0), id_, names, day, G=abs(fen), amount=abs(fen))
        for template, id_, fen in zip(_TEMPLATES, version["vouchers"], sums, strict=False)
        if fen
    ]
    made.append(books.with_fee("S4", version["vouchers"][5], names, day, fee=fee))
    if version["arrived"]:  # the fee was taken out of another bank line than the one of this version
        made.append(books.with_fee("S5", version["vouchers"][6], names, day, fee=fee))
    return made
