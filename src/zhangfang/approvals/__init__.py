"""What operators do, and the rule that one person proposes and another approves."""

from zhangfang.approvals.acts import Act, acts, record

__all__ = ["Act", "acts", "record"]
