import base64
from datetime import UTC, datetime, timedelta

import pytest

from zhangfang.merchants import InvalidSignature, webhooks

# The example that the Standard Webhooks libraries are tested with.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
BODY = b'{"test": 2432232314}'
NOW = datetime.fromtimestamp(1614265330, UTC)
SIGNED = {
    "webhook-id": ID,
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def test_the_published_example_is_signed_to_the_byte() -> None:
    assert webhooks.headers(SECRET, ID, NOW, BODY) == SIGNED


def test_the_published_example_verifies() -> None:
    webhooks.verify(SECRET, SIGNED, BODY, NOW)


def test_a_moment_within_a_second_is_signed_as_its_whole_second() -> None:
    assert webhooks.headers(SECRET, ID, NOW + timedelta(milliseconds=999), BODY) == SIGNED


def test_a_new_secret_is_32_random_bytes_and_signs_what_it_verifies() -> None:
    first, second = webhooks.new_secret(), webhooks.new_secret()
    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32
    webhooks.verify(first, webhooks.headers(first, "msg_1", NOW, b""), b"", NOW)
    with pytest.raises(InvalidSignature, match="no signature fits"):
        webhooks.verify(second, webhooks.headers(first, "msg_1", NOW, b""), b"", NOW)


@pytest.mark.parametrize("name", sorted(SIGNED))
def test_a_missing_header_is_named(name: str) -> None:
    received = {key: value for key, value in SIGNED.items() if key != name}
    with pytest.raises(InvalidSignature, match=f"the header {name} is missing"):
        webhooks.verify(SECRET, received, BODY, NOW)


def test_a_changed_body_does_not_verify() -> None:
    for at in range(len(BODY)):
        changed = BODY[:at] + bytes([BODY[at] ^ 1]) + BODY[at + 1 :]
        with pytest.raises(InvalidSignature, match="no signature fits"):
            webhooks.verify(SECRET, SIGNED, changed, NOW)


def test_another_id_does_not_verify() -> None:
    with pytest.raises(InvalidSignature, match="no signature fits"):
        webhooks.verify(SECRET, {**SIGNED, "webhook-id": ID + "x"}, BODY, NOW)


def test_a_part_of_the_id_cannot_be_passed_off_as_the_timestamp() -> None:
    """Id `msg` and id `msg.1614265330` would give the same signed bytes, one with a shorter body."""
    signed = webhooks.headers(SECRET, "msg", NOW, b"7." + BODY)
    moved = {**signed, "webhook-id": "msg.1614265330", "webhook-timestamp": "7"}
    with pytest.raises(InvalidSignature, match="full stop"):
        webhooks.verify(SECRET, moved, BODY, datetime.fromtimestamp(7, UTC))


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_either_way_are_allowed(seconds: int) -> None:
    webhooks.verify(SECRET, SIGNED, BODY, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_replayed_or_future_message_is_refused_though_its_signature_fits(seconds: int) -> None:
    with pytest.raises(InvalidSignature, match="more than five minutes"):
        webhooks.verify(SECRET, SIGNED, BODY, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "timestamp", ["", "-1", "1614265330.0", " 1614265330", "1614265330\n", "9" * 13, "١٢", "1e9"]
)
def test_a_timestamp_that_is_no_whole_number_is_refused(timestamp: str) -> None:
    with pytest.raises(InvalidSignature, match="not a number of Unix seconds"):
        webhooks.verify(SECRET, {**SIGNED, "webhook-timestamp": timestamp}, BODY, NOW)


def test_one_fitting_signature_of_several_is_enough() -> None:
    other = webhooks.headers(webhooks.new_secret(), ID, NOW, BODY)["webhook-signature"]
    for several in (
        f"{other} {SIGNED['webhook-signature']}",
        f"{SIGNED['webhook-signature']} {other} v1a,xx",
    ):
        webhooks.verify(SECRET, {**SIGNED, "webhook-signature": several}, BODY, NOW)
    with pytest.raises(InvalidSignature, match="no signature fits"):
        webhooks.verify(SECRET, {**SIGNED, "webhook-signature": f"{other} {other}"}, BODY, NOW)


@pytest.mark.parametrize(
    "signature",
    [
        "",
        " ",
        "v1,",
        "v1",
        SIGNED["webhook-signature"].removeprefix("v1,"),
        SIGNED["webhook-signature"].replace("v1", "v2"),
        SIGNED["webhook-signature"][:-1],
        SIGNED["webhook-signature"] + ",",
        "签名",
        "\udcff\ud800",
    ],
)
def test_any_other_signature_is_refused_and_never_another_error(signature: str) -> None:
    with pytest.raises(InvalidSignature, match="no signature fits"):
        webhooks.verify(SECRET, {**SIGNED, "webhook-signature": signature}, BODY, NOW)
