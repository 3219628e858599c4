"""The one SELECT, made of a column map, that gives each row of a table its meaning as a line of a channel's file.

What is matched or booked is read strictly, all other text as it comes. A row that does not fit becomes a line that is
`unread`, with the reason.
"""

from collections.abc import Iterator
from datetime import date

from zhangfang.bills.model import MEANS, BillRefused, ColumnMap
from zhangfang.bills.text import Plain

_YUAN = r"[+-]?([0-9]{1,10}|[0-9]{1,3}(,[0-9]{3}){1,3})(\.[0-9]{1,2}0{0,4})?"
_FEN = r"[+-]?[0-9]{1,12}"
_NUMBER = r"[!-\[\]-~]{0,64}"  # visible ASCII without a backslash, as in channels.cells
_MOST_TEXT = 500  # characters of a note, or of a row's text


def select(plain: Plain, one: ColumnMap, day: date) -> str:
    """Return the statement that makes a line of each row: cells, then what they hold, then what the row means."""
    held = {column.field: _place(plain, column.name) for column in one.columns}
    names = ["n", *(f"c{n}" for n in range(len(plain.headings)))]
    columns = ", ".join(f"'{name}': 'VARCHAR'" for name in names)
    quote = quoted(one.quote)
    source = (
        f"read_csv({quoted(str(plain.path))}, columns = {{{columns}}}, auto_detect = false, header = false, "
        f"delim = {quoted(one.delimiter)}, quote = {quote}, escape = {quote}, null_padding = false, strict_mode = true)"
    )
    strip = quoted(one.strip + " \t")
    cells = ", ".join(f"trim(coalesce(c{place}, ''), {strip}) AS {field}_" for field, place in held.items())
    raw = "concat_ws(',', " + ", ".join(f"{field}_" for field in held) + ")"
    return (
        f"WITH cells AS (SELECT CAST(n AS INTEGER) AS line_no, {cells} FROM {source}), "
        f"kept AS (SELECT *, left({raw}, {_MOST_TEXT}) AS raw FROM cells), "
        f"held AS (SELECT line_no, raw, {', '.join(_held(one))} FROM kept), "
        f"meant AS (SELECT *, {', '.join(_meant(one))} FROM held), "
        f"judged AS (SELECT *, {_judged(one, day)} FROM meant) {_lines(one)}"
    )


def _place(plain: Plain, heading: str) -> int:
    found = [n for n, name in enumerate(plain.headings) if name == heading]
    if len(found) != 1:
        raise BillRefused(f"the column {heading} is there {len(found)} times in the header row, not once")
    return found[0]


def quoted(value: str) -> str:
    """Return a text as SQL has it."""
    return "'" + value.replace("'", "''") + "'"


def _fen(one: ColumnMap, field: str) -> tuple[str, str]:
    """Return the columns that hold a cell as fen, null if it is none; an absent column is 0."""
    if one.column(field) is None:
        return f"0::BIGINT AS {field}", f"'' AS {field}_"
    form, times = (_YUAN, 100) if one.unit == "yuan" else (_FEN, 1)
    plain = f"replace(replace({field}_, ',', ''), '+', '')"
    fen = f"CAST(CAST(nullif({plain}, '') AS DECIMAL(24, 6)) * {times} AS BIGINT)"
    absent = "" if field == "amount" else f"WHEN {field}_ = '' THEN 0 "  # many rows have no fee or refund
    made = f"CASE {absent}WHEN regexp_full_match({field}_, {quoted(form)}) THEN {fen} END AS {field}"
    return made, f"{field}_"


def _held(one: ColumnMap) -> list[str]:
    """Return what each cell holds: texts as they are, fen, a day, the meaning of a word; `…_` is the cell itself."""
    made = [part for field in ("amount", "fee", "refund_amount") for part in _fen(one, field)]
    for field in _TEXTS:
        there = one.column(field) is not None
        made += [f"{field}_ AS {field}", f"{field}_"] if there else [f"'' AS {field}"]
    form, hour = quoted(one.time), int(one.day_begins[:2]) * 60 + int(one.day_begins[3:])
    moment = f"try_strptime(time_, {form})"
    shift = f"INTERVAL '{(24 * 60 - hour) % (24 * 60)} minutes'"  # a day that begins at 23:00 is the next one
    day = f"CAST({moment} + {shift} AS DATE)"
    made += [f"CASE WHEN strftime({moment}, {form}) = time_ THEN {day} END AS day", "time_"]
    for field in ("operation", "direction"):
        words = [word for word in one.words if word.field == field]
        cases = " ".join(f"WHEN {field}_ = {quoted(word.word)} THEN {quoted(word.means)}" for word in words)
        named = f"{field}_word"
        made += [f"CASE {cases} END AS {named}", f"{field}_"] if words else [f"NULL::VARCHAR AS {named}"]
    return made


def _meant(one: ColumnMap) -> list[str]:
    """Return what a row means: which way its money goes, and what it is in the file's totals."""
    cases = [
        f"WHEN '{word}' THEN {means.credit}" for word, means in MEANS.items() if means.credit is not None
    ]
    by_word = f"CASE operation_word {' '.join(cases)} END"
    ways = {
        "CASE direction_word WHEN 'in' THEN true WHEN 'out' THEN false END": one.column("direction"),
        "amount >= 0": one.signed,
        by_word: one.column("operation"),
        "true": not (one.column("direction") or one.signed or one.column("operation")),
    }
    way = f"coalesce({', '.join(sql for sql, there in ways.items() if there)}, NULL)"
    if one.column("refund_amount"):
        parts = ("amount", "refund_amount")
    else:
        parts = (f"if({way}, abs(amount), 0)", f"if({way}, 0, abs(amount))")
    return [
        f"{way} AS way", f"{by_word} AS way_of_word", f"{parts[0]} AS in_part",
        f"{parts[1]} AS out_part", "coalesce(operation_word IN ('refund', 'void'), false) AS undo",
    ]  # fmt: skip


def _faults(one: ColumnMap, day: date) -> Iterator[tuple[str, str, str]]:
    """Yield what can be wrong in a row: a condition, the field, and what is allowed. The first that holds is told."""
    allowed = "digits, in fen" if one.unit == "fen" else "yuan with at most two decimals"
    for field in ("amount", "refund_amount", "fee"):
        yield f"{field} IS NULL", field, allowed
    for field in ("operation", "direction"):
        if words := [word.word for word in one.words if word.field == field]:
            yield f"{field}_word IS NULL", field, ", ".join(words)
    yield "way IS NULL", "amount", "a row that says which way the money goes"
    for field in ("order_no", "channel_ref", "original_order_no", "refund_no", "refund_ref"):
        yield f"NOT regexp_full_match({field}, {quoted(_NUMBER)})", field, _A_NUMBER
    yield "order_no = '' AND coalesce(operation_word, '') <> 'adjustment'", "order_no", _A_NUMBER
    if one.column("refund_no"):
        yield "undo AND refund_no = ''", "refund_no", _A_NUMBER
    if not one.signed:
        yield "amount < 0 OR refund_amount < 0", "amount", "an amount that is not below zero"
    yield "way <> way_of_word", "operation", "an operation that fits the row's direction"
    yield "day IS NULL", "time", f"a time written {one.time}"
    yield f"day <> DATE '{day}'", "time", f"a time of {day}"


def _judged(one: ColumnMap, day: date) -> str:
    """Return the expression that says why a row cannot be understood, `''` if it can."""
    cases = " ".join(
        f"WHEN {wrong} THEN 'line ' || line_no || {quoted(f', column {one.column(field) or field}: got ')} "
        f"|| length({field}_) || {quoted(f' characters; allowed: {allowed}')}"
        for wrong, field, allowed in _faults(one, day)
        if one.column(field)
    )
    return f"CASE {cases} ELSE '' END AS unread"


def _lines(one: ColumnMap) -> str:
    """Return the statement that makes a line of each row; a row that was not understood keeps its text alone."""
    names = [f"WHEN '{word}' THEN '{means.operation}'" for word, means in MEANS.items() if means.operation]
    operation = f"if(way, '{one.incoming}', '{one.outgoing}')"
    if one.column("operation"):
        operation = f"CASE operation_word {' '.join(names)} END"
    amount = "if(undo, refund_amount, amount)" if one.column("refund_amount") else "amount"
    fee = "-fee" if one.fee_sign == "minus" else "fee"
    number, ref = (f"if(undo AND refund_{one_of} <> '', refund_{one_of}, {plain})" for one_of, plain in _OWN)
    fields = {
        "order_no": (number, "''"),
        "channel_ref": (ref, "''"),
        "operation": (operation, "NULL"),
        "amount": (f"abs({amount})", "0"),
        "credit": ("way", "false"),
        "fee": (fee, "0"),
        "adjustment": ("coalesce(operation_word IN ('return', 'adjustment'), false)", "false"),
        "original_order_no": (
            "CASE WHEN original_order_no <> '' THEN original_order_no "
            "WHEN undo AND refund_no <> '' OR operation_word = 'return' THEN order_no ELSE '' END", "''"
        ),
        "note": (f"left(note, {_MOST_TEXT})", "raw"),
    }  # fmt: skip
    chosen = ", ".join(f"if(unread = '', {good}, {bad}) AS {name}" for name, (good, bad) in fields.items())
    fatal = ["amount IS NULL", "refund_amount IS NULL", "in_part IS NULL"]
    fatal += ["fee IS NULL"] if any("{fee_sum}" in line for line in one.totals) else []
    return (
        f"SELECT line_no, {chosen}, raw, unread, in_part, out_part, {fee} AS fee_part, "
        f"{'amount < 0' if one.signed else 'NOT way'} AS is_out, ({' OR '.join(fatal)}) AS fatal FROM judged"
    )


_TEXTS = ("order_no", "channel_ref", "original_order_no", "refund_no", "refund_ref", "note")
# What a refund may have of its own, and what else stands for it.
_OWN = (("no", "order_no"), ("ref", "channel_ref"))
_A_NUMBER = "1 to 64 visible ASCII characters without a backslash"
