"""What another policy would change: the visits that are stored against those that it would make."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from .funnel import ANY, STRICT, funnel
from .replay import Visit

NOW = "now"
THEN = "then"

Visits = Mapping[int, Sequence[Visit]]


class Comparison:
    """Counts that grow batch by batch; memory does not, but for the listed customers.

    :ivar standing: by side (``NOW``, ``THEN``), how many stand in each stage; None = nowhere
    :ivar moves: how many go from one stage to another
    :ivar movers: their ids, of each move the first ``listed`` ones
    :ivar funnels: by side, mode (``STRICT``, ``ANY``) and stage: how many count in the funnel
    :ivar customers: how many stand somewhere on either side
    """

    def __init__(
        self, stage_ids: Mapping[str, Sequence[int]], start: datetime, end: datetime, listed: int
    ) -> None:
        """Compare the funnels of a period, too.

        :param stage_ids: by side, the stages of its funnel in order
        :param start: naive UTC datetime
        :param end: naive UTC datetime, no longer part of the period
        :param listed: how many customers of each move to keep
        """
        self.stage_ids = stage_ids
        self.period = (start, end)
        self.listed = listed
        self.standing: dict[str, Counter[int | None]] = {NOW: Counter(), THEN: Counter()}
        self.moves: Counter[tuple[int | None, int | None]] = Counter()
        self.movers: dict[tuple[int | None, int | None], list[int]] = {}
        self.funnels: Counter[tuple[str, str, int]] = Counter()
        self.customers = 0

    def add(self, now: Visits, then: Visits) -> None:
        """Add a batch of customers.

        :param now: visits by customer, as they are stored
        :param then: visits by customer, under the other policy
        """
        for customer_id in sorted(now.keys() | then.keys()):
            self._add_customer(customer_id, _stage(now.get(customer_id)), _stage(then.get(customer_id)))
        self._add_funnels(NOW, now.values())
        self._add_funnels(THEN, then.values())

    def _add_customer(self, customer_id: int, old: int | None, new: int | None) -> None:
        if old is None and new is None:
            return
        self.customers += 1
        self.standing[NOW][old] += 1
        self.standing[THEN][new] += 1
        if old != new:
            move = (old, new)
            self.moves[move] += 1
            if self.moves[move] <= self.listed:
                self.movers.setdefault(move, []).append(customer_id)

    def _add_funnels(self, side: str, visits: Iterable[Sequence[Visit]]) -> None:
        for mode in (STRICT, ANY):
            for step in funnel(visits, self.stage_ids[side], *self.period, mode):
                self.funnels[side, mode, step.stage_id] += step.customers

    def share(self, side: str, stage_id: int) -> float | None:
        """Give the share of those who began the strict funnel that reached a stage; None if nobody began."""
        first = self.stage_ids[side][:1]
        began = self.funnels[side, STRICT, first[0]] if first else 0
        return self.funnels[side, STRICT, stage_id] / began if began else None


def _stage(visits: Sequence[Visit] | None) -> int | None:
    return visits[-1].stage_id if visits else None
