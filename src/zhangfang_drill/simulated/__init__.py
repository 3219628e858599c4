"""Random days: orders, callers, crashes, and the check after each day."""
