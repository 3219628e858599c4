"""What a merchant is told is signed as Standard Webhooks says; the libraries that merchants use are the judges."""

import base64
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from zhangfang.webhooks import signing

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
    assert signing.headers(SECRET, ID, NOW, BODY) == SIGNED


def test_a_moment_within_a_second_is_signed_as_its_whole_second() -> None:
    assert signing.headers(SECRET, ID, NOW + timedelta(milliseconds=999), BODY) == SIGNED


def test_a_new_secret_is_32_random_bytes() -> None:
    first, second = signing.new_secret(), signing.new_secret()
    assert first != second
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 32


@given(st.text(), st.datetimes(datetime(2000, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC)))
def test_the_library_signs_the_same(text: str, moment: datetime) -> None:
    body = text.encode("utf-8", "replace")
    secret = signing.new_secret()
    signed = signing.headers(secret, ID, moment, body)
    assert signed["webhook-signature"] == Webhook(secret).sign(ID, moment, body.decode())


def test_the_library_accepts_what_is_sent_now() -> None:
    secret = signing.new_secret()
    assert Webhook(secret).verify(BODY, signing.headers(secret, ID, datetime.now(UTC), BODY)) == {
        "test": 2432232314
    }
