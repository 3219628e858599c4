"""All checks of one shard together, in the order in which one needs what another found out."""

from collections.abc import Collection, Sequence

from zhangfang_audit.ledger import Row
from zhangfang_audit.verify.accounts import Accounts, numbered
from zhangfang_audit.verify.found import Found
from zhangfang_audit.verify.months import Months
from zhangfang_audit.verify.pages import PageChecks
from zhangfang_audit.verify.pendings import PendingChecks
from zhangfang_audit.verify.points import check_books, check_checkpoint, check_head, check_holds, check_point
from zhangfang_audit.verify.refusals import RefusalChecks
from zhangfang_audit.verify.replay import Replay
from zhangfang_audit.verify.rows import RowChecks
from zhangfang_audit.verify.source import END, Part
from zhangfang_audit.verify.standing import StandingChecks


class Checks:
    """Takes the parts of history in order; `found` is what came of them."""

    def __init__(
        self,
        head: Row,
        point: Row,
        holds: Collection[bytes],
        accounts: Accounts,
        months: Months,
        found: Found,
    ) -> None:
        """Start before the first entry. `point` is the checkpoint, `holds` the list of holds open where pages end."""
        self._head = head
        self._point = point
        self.found = found
        self.count = 0
        self._accounts = accounts
        self._rows = RowChecks(accounts, months, found)
        self._replay = Replay(accounts)
        self._standing = StandingChecks(accounts, found)
        self.pendings = PendingChecks(found)
        self._pages = PageChecks(accounts, point["paged"], found)
        self.refusals = RefusalChecks(found)
        self._listed = holds
        self._ahead = [(point["seq"], self._at_checkpoint), (point["paged"], self._at_last_page)]

    def check(self, part: Part) -> None:
        """Check a part."""
        self._reach(part.after)
        rows = numbered(part.rows, self._accounts)
        self.count += len(rows)
        closed, chains = self._rows.check(rows)
        released = self.pendings.check(rows, closed, chains)
        sides = self._replay.step(rows, released)
        self._standing.check(rows, sides)
        self._pages.check(rows, sides, part.after, part.until, part.pages)
        self.refusals.check(rows, part.refusals)

    def finish(self, pages: Sequence[Row], refusals: Sequence[Row]) -> None:
        """Check what can be said at the end only; `pages` and `refusals` are those after all entries."""
        self._reach(END)
        self._rows.finish()
        self.pendings.finish(self._head["at"])
        self._pages.finish(pages)
        self.refusals.finish(self._head, refusals)
        check_point(self._point, self._rows.before.seq, self.found)
        check_head(self._head, self._rows.before, self.found)
        check_books(self._accounts, self._replay, self.found)

    def _reach(self, after: int) -> None:
        """Make the checks that are due where the replay stands now: after entry `after`."""
        due = [check for seq, check in self._ahead if seq <= after]
        self._ahead = [(seq, check) for seq, check in self._ahead if seq > after]
        for check in due:
            check()

    def _at_checkpoint(self) -> None:
        oldest = next((hold.seq for hold in self.pendings.open.values()), None)
        check_checkpoint(self._accounts, self._replay, self._standing.status, self._point, oldest, self.found)

    def _at_last_page(self) -> None:
        check_holds(self._listed, self.pendings.open, self.found)
