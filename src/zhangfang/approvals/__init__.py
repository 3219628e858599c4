"""The acts of operators, and the rule that one person proposes and another one approves."""

from zhangfang.approvals.acts import Act, acts, record
from zhangfang.approvals.rules import SecondPerson, check_second, person, reason, same_person, text

__all__ = ["Act", "SecondPerson", "acts", "check_second", "person", "reason", "record", "same_person", "text"]
