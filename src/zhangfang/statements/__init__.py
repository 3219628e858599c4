"""Statements: what a merchant's day was, released once its day is certified; a correction is a new version."""

from zhangfang.statements.changes import Changes, compared
from zhangfang.statements.files import FORMS, KINDS, as_bytes, made, media
from zhangfang.statements.model import Entry, Payment, Statement
from zhangfang.statements.reading import statement
from zhangfang.statements.releasing import release, release_again
from zhangfang.statements.store import NoStatement, Version, get, newest_day, of_day, of_merchant, previous

__all__ = [
    "FORMS",
    "KINDS",
    "Changes",
    "Entry",
    "NoStatement",
    "Payment",
    "Statement",
    "Version",
    "as_bytes",
    "compared",
    "get",
    "made",
    "media",
    "newest_day",
    "of_day",
    "of_merchant",
    "previous",
    "release",
    "release_again",
    "statement",
]
