"""The database schema: migrations in plain SQL, applied in order, each under a lock budget."""

from zhangfang.schema.migrate import (
    Budget,
    LockBudgetSpent,
    MigrationBroken,
    MigrationChanged,
    migrate,
    pending,
)

__all__ = [
    "Budget",
    "LockBudgetSpent",
    "MigrationBroken",
    "MigrationChanged",
    "migrate",
    "pending",
]
