"""SM2 signatures with SM3 on Python integers (GB/T 32918.2, curve of GB/T 32918.5; GM/T 0003).

A signature is `r || s`, 64 bytes. Every base point (the generator, each enterprise's key) gets a table once, so a
signature is checked in well under a millisecond. Not constant in time: good for a sandbox bank, for nothing else.
"""

import re
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.hashes import SM3, Hash

P = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
A = P - 3
B = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
N = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
G = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)

Point = tuple[int, int]
Table = list[list[Point]]  # row i, column j: (j + 1) · 16^i · base


def sm3(data: bytes) -> bytes:
    """Return the SM3 digest of `data`, 32 bytes."""
    digest = Hash(SM3())
    digest.update(data)
    return digest.finalize()


def on_curve(point: Point) -> bool:
    """Say whether `point` lies on the curve; the cofactor is 1, so such a point is a valid public key."""
    x, y = point
    return 0 <= x < P and 0 <= y < P and (y * y - (x * x * x + A * x + B)) % P == 0


def _plus(p: Point, q: Point) -> Point:
    """Add two points whose sum is not the point at infinity."""
    slope = (
        (3 * p[0] * p[0] + A) * pow(2 * p[1], -1, P) if p == q else (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    )
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def table_of(base: Point) -> Table:
    """Return all multiples of `base` that a sum of sixteens needs; made once per key, about 30 ms."""
    table = []
    for _ in range(64):
        row = [base]
        for _ in range(14):
            row.append(_plus(row[-1], base))
        table.append(row)
        base = _plus(row[-1], base)
    return table


G_TABLE = table_of(G)


def x_of_sum(*terms: tuple[int, Table]) -> int | None:
    """Return x of the sum of scalar · base over `terms`, or None for the point at infinity.

    Additions run in Jacobian coordinates (x/z², y/z³), so that only one inversion is needed at the end.
    """
    points = [
        row[nibble - 1] for k, table in terms for i, row in enumerate(table) if (nibble := k >> 4 * i & 15)
    ]
    x, y, z = 0, 0, 0
    for px, py in points:
        if z == 0:
            x, y, z = px, py, 1
            continue
        zz = z * z % P
        h = (px * zz - x) % P
        r = (py * zz * z - y) % P
        if h == 0:  # the same point or its opposite: so rare that it may be slow
            if r:
                x, y, z = 0, 0, 0
            else:
                (x, y), z = _plus((px, py), (px, py)), 1
            continue
        hh = h * h % P
        hhh = h * hh % P
        v = x * hh % P
        x = (r * r - hhh - 2 * v) % P
        y = (r * (v - x) - y * hhh) % P
        z = z * h % P
    return None if z == 0 else x * pow(z, -2, P) % P


def user_digest(user_id: bytes, public: Point) -> bytes:
    """Return ZA, the digest that binds `user_id` and the key to a signature (GB/T 32918.2 §5.5)."""
    numbers = (A, B, *G, *public)
    return sm3(
        (len(user_id) * 8).to_bytes(2, "big") + user_id + b"".join(n.to_bytes(32, "big") for n in numbers)
    )


def _digest(message: bytes, za: bytes) -> int:
    return int.from_bytes(sm3(za + message), "big")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that checks signatures; made once per enterprise because its table costs time."""

    point: Point
    table: Table

    @classmethod
    def from_hex(cls, text: str) -> "PublicKey":
        """Read 128 hex characters x||y. Raises ValueError if they are not a point of the curve."""
        if not re.fullmatch("[0-9a-fA-F]{128}", text):
            raise ValueError("not 128 hex characters")
        point = (int(text[:64], 16), int(text[64:], 16))
        if not on_curve(point):
            raise ValueError("not a point of the SM2 curve")
        return cls(point, table_of(point))

    def verifies(self, signature: bytes, message: bytes, user_id: bytes) -> bool:
        """Say whether `signature` (r || s) is this key's on `message` by `user_id`."""
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        t = (r + s) % N
        if len(signature) != 64 or not (0 < r < N and 0 < s < N) or t == 0:
            return False
        x = x_of_sum((s, G_TABLE), (t, self.table))
        return x is not None and (_digest(message, user_digest(user_id, self.point)) + x - r) % N == 0


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A key that signs. `number` is the secret scalar."""

    number: int
    public: Point

    @classmethod
    def new(cls, number: int | None = None) -> "PrivateKey":
        """Make a key of a given scalar in 1…n-2, or a fresh random one."""
        number = number or secrets.randbelow(N - 2) + 1
        base, public = G, None
        for bit in range(256):
            if number >> bit & 1:
                public = base if public is None else _plus(public, base)
            base = _plus(base, base)
        if public is None:
            raise ValueError("the scalar of an SM2 key is not 0")
        return cls(number, public)

    @property
    def public_hex(self) -> str:
        """The public key as 128 hex characters x||y."""
        return "".join(f"{n:064x}" for n in self.public)

    def sign(self, message: bytes, user_id: bytes, k: int | None = None) -> bytes:
        """Sign `message`; `k` is given only to check the standard's example."""
        e = _digest(message, user_digest(user_id, self.public))
        while True:
            nonce = k or secrets.randbelow(N - 1) + 1
            x = x_of_sum((nonce, G_TABLE))
            r = (e + (x or 0)) % N
            s = pow(1 + self.number, -1, N) * (nonce - r * self.number) % N
            if r and s and r + nonce != N:
                return r.to_bytes(32, "big") + s.to_bytes(32, "big")
