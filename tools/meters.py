"""The meters of a policy: what is remembered about a customer, and how events change it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from math import nan
from typing import Any, NamedTuple

from .kinds import counts_in

Meters = list[Any]
Update = Callable[[Meters, int, Sequence[Any]], None]

#: Meter that keeps the day on which the customer entered the stage.
ENTERED = 0
#: Meter that is always 0.
ALWAYS = 1

#: Beyond any count and any number of days. (Comparison is fastest below 2 ** 30.)
ENDLESS = 2**30 - 1
#: Value of a meter that keeps a day or a score, while there is none: no comparison holds ...
UNKNOWN = nan
#: ... or, of a day: it was longer ago than any condition can ask for.
NEVER = -ENDLESS

#: Positions in an event that updates read.
AMOUNT = 3
SCORE = 4


class History:
    """Days in order with the amounts added up, to sum any window by two look-ups."""

    __slots__ = ("days", "totals")

    def __init__(self) -> None:
        self.days: list[int] = []
        self.totals: list[float] = [0.0]

    def add(self, day: int, amount: float) -> None:
        """Append an amount; days never go back."""
        self.days.append(day)
        self.totals.append(self.totals[-1] + amount)

    def since(self, day: int) -> float:
        """Sum the amounts after a day."""
        return self.totals[-1] - self.totals[bisect_right(self.days, day)]


class Feed(NamedTuple):
    """How the events that count in something change one meter.

    :param way: ``count`` adds 1, ``mark`` keeps the day, ``update`` calls the function
    """

    counted: str
    measure: str
    way: str
    slot: int
    update: Update | None = None


class MeterTable:
    """Hands out the meters that conditions ask for; equal ones are shared.

    ``blank`` is the list of meters of a customer without events, ``per_cycle`` those of them that
    start anew with each cycle.
    """

    def __init__(self) -> None:
        self.blank: Meters = [UNKNOWN, 0]
        self.per_cycle: list[tuple[int, Any]] = []
        self.feeds: list[Feed] = []
        self._slots: dict[tuple[Any, ...], int] = {}
        self._nth_days: dict[int, list[tuple[int, int]]] = {}

    def count(self, kind: str, scope: str) -> int:
        """Give the meter with the number of events."""
        slot, is_new = self._slot(("count", kind, scope), 0, scope)
        if is_new:
            self.feeds.append(Feed(kind, "count", "count", slot))
        return slot

    def days_in_cycle(self, kind: str) -> int:
        """Give the meter with the number of distinct days in the cycle."""
        slot, is_new = self._slot(("days", kind), 0, "cycle")
        if is_new:
            mark, _new = self._slot(("days mark", kind), UNKNOWN, "cycle")
            self.feeds.append(Feed(kind, "days", "update", slot, _count_days(slot, mark)))
        return slot

    def amount(self, kind: str, scope: str) -> int:
        """Give the meter with the sum of the amounts."""
        slot, is_new = self._slot(("amount", kind, scope), 0.0, scope)
        if is_new:
            self.feeds.append(Feed(kind, "amount", "update", slot, _add_amount(slot)))
        return slot

    def score(self, kind: str, scope: str) -> tuple[int, int]:
        """Give the meters with the last score and with its day."""
        slot, is_new = self._slot(("score", kind, scope), UNKNOWN, scope)
        mark, _new = self._slot(("score mark", kind, scope), UNKNOWN, scope)
        if is_new:
            self.feeds.append(Feed(kind, "score", "update", slot, _keep_score(slot, mark)))
        return slot, mark

    def running(self) -> int:
        """Give the meter with the number of contracts started minus ended."""
        slot, is_new = self._slot(("running",), 0)
        if is_new:
            self.feeds.append(Feed("contract_start", "count", "count", slot))
            self.feeds.append(Feed("contract_end", "count", "update", slot, _count_down(slot)))
        return slot

    def last_day(self, kind: str) -> int:
        """Give the meter with the day of the last event."""
        slot, is_new = self._slot(("last", kind), UNKNOWN)
        if is_new:
            self.feeds.append(Feed(kind, "silence", "mark", slot))
        return slot

    def nth_day(self, kind: str, measure: str, number: int) -> tuple[int, int]:
        """Give the meter with the day of the nth last event, or with the nth last distinct day.

        :param measure: ``count`` or ``days``
        :return: that meter, and the one with the list of all days
        """
        days_slot, is_new = self._slot(("list", kind, measure), None)
        wanted = self._nth_days.setdefault(days_slot, [])
        if is_new:
            update = _keep_days(days_slot, wanted, measure == "days")
            self.feeds.append(Feed(kind, measure, "update", days_slot, update))
        slot, is_new = self._slot(("nth", kind, measure, number), NEVER)
        if is_new:
            wanted.append((slot, number))
        return slot, days_slot

    def history(self, kind: str) -> int:
        """Give the meter with the days and amounts of all events."""
        slot, is_new = self._slot(("history", kind), None)
        if is_new:
            self.feeds.append(Feed(kind, "amount", "update", slot, _keep_amounts(slot)))
        return slot

    def fed_by(self, kind: str, way: str) -> list[Feed]:
        """List the ways in which an event of a kind changes meters."""
        return [
            feed
            for feed in self.feeds
            if feed.way == way and counts_in(kind, feed.counted, feed.measure)
        ]

    def changed_by(self, kind: str) -> set[int]:
        """List the meters that an event of a kind changes."""
        slots = {feed.slot for way in ("count", "mark", "update") for feed in self.fed_by(kind, way)}
        nth_slots = [self._nth_days.get(slot, ()) for slot in slots]
        return slots.union(slot for wanted in nth_slots for slot, _number in wanted)

    def _slot(self, key: tuple[Any, ...], initial: Any, scope: str = "") -> tuple[int, bool]:
        slot = self._slots.setdefault(key, len(self.blank))
        is_new = slot == len(self.blank)
        if is_new:
            self.blank.append(initial)
            if scope == "cycle":
                self.per_cycle.append((slot, initial))
        return slot, is_new


def _count_days(slot: int, mark: int) -> Update:
    def update(meters: Meters, day: int, event: Sequence[Any]) -> None:
        if meters[mark] != day:
            meters[mark] = day
            meters[slot] += 1

    return update


def _count_down(slot: int) -> Update:
    def update(meters: Meters, day: int, event: Sequence[Any]) -> None:
        meters[slot] -= 1

    return update


def _add_amount(slot: int) -> Update:
    def update(meters: Meters, day: int, event: Sequence[Any]) -> None:
        meters[slot] += event[AMOUNT] or 0.0

    return update


def _keep_score(slot: int, mark: int) -> Update:
    def update(meters: Meters, day: int, event: Sequence[Any]) -> None:
        if event[SCORE] is not None:
            meters[slot] = event[SCORE]
            meters[mark] = day

    return update


def _keep_days(days_slot: int, wanted: list[tuple[int, int]], distinct: bool) -> Update:
    def update(meters: Meters, day: int, event: Sequence[Any]) -> None:
        days = meters[days_slot]
        if not days:
            days = meters[days_slot] = [day]
        elif distinct and days[-1] == day:
            return
        else:
            days.append(day)
        for slot, number in wanted:
            if len(days) >= number:
                meters[slot] = days[-number]

    return update


def _keep_amounts(slot: int) -> Update:
    def update(meters: Meters, day: int, event: Sequence[Any]) -> None:
        if meters[slot] is None:
            meters[slot] = History()
        meters[slot].add(day, event[AMOUNT] or 0.0)

    return update
