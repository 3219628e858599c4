"""The database schema: migrations in plain SQL, applied in order, each under a lock budget."""

from zhangfang.schema.migrate import (
    Budget,
    LockBudgetSpent,
    Migration,
    MigrationBroken,
    MigrationChanged,
    migrate,
    pending,
)

__all__ = [
    "Budget",
    "LockBudgetSpent",
    "Migration",
    "MigrationBroken",
    "MigrationChanged",
    "migrate",
    "pending",
]
