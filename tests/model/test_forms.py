"""A form is read and written as the standard library does it, which is slower."""

from urllib.parse import parse_qsl, urlencode

from hypothesis import given
from hypothesis import strategies as st

from zhangfang.channels.encoded import form_body, form_pairs
from zhangfang.channels.port import MalformedMessage

BODIES = st.text("ab=&&%+%41%C3%ZZ;/é", max_size=24) | st.lists(
    st.sampled_from(["a=1", "b=", "%E9=%2B"])
).map("&".join)


def read(body: bytes) -> list[tuple[str, str]] | None:
    try:
        return form_pairs(body)
    except MalformedMessage:
        return None


def standard(body: bytes) -> list[tuple[str, str]] | None:
    try:
        return parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=100,
        )
    except ValueError:
        return None


@given(BODIES.map(str.encode) | st.binary(max_size=20))
def test_a_form_is_read_as_by_the_standard_library(body: bytes) -> None:
    assert read(body) == standard(body)


def test_a_form_has_at_most_a_hundred_fields() -> None:
    for fields in (100, 101):
        body = b"&".join([b"a=1"] * fields)
        assert read(body) == standard(body)


@given(st.dictionaries(st.text(), st.text()))
def test_a_form_is_written_as_by_the_standard_library(fields: dict[str, str]) -> None:
    try:
        expected = urlencode(fields).encode("ascii")
    except UnicodeEncodeError:  # half of a surrogate pair
        return
    assert form_body(fields) == expected
