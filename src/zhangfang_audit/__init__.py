"""The auditor: a program of its own that compares the books with the banks' own books and with themselves.

It reads the banks' control planes and SQL, and shares no code with the platform or with the sandbox banks: an error of
theirs cannot hide by being repeated here. It writes nothing, but for one row of `audit_result` where that is asked for.
"""
