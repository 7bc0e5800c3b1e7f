"""A rule in the form in which it is tried: ranges over what is known about a customer.

What is known about a customer is one list of meters. A condition becomes a range for

* a *level*: the value of a meter (counts, amounts, scores, running contracts),
* a *span*: the days since the day kept in a meter ("5 days within 365" is a span too: the fifth
  last day is at most 364 days ago), or
* a *sum* of amounts within a window.

A span or sum that can become true by mere waiting is a *time condition*; a rule with one is timed.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .meters import ENDLESS, NEVER, Meters

if TYPE_CHECKING:
    from .policy import Rule

#: Meter, lowest and highest value.
Range = tuple[int, float, float]
#: A span that becomes true by waiting: on the day in a meter plus a number of days. The third is
#: the meter with the days that will follow in the first, or None.
Crossing = tuple[int, int, int | None]


@dataclass(frozen=True, slots=True)
class Sum:
    """A range for the sum of the amounts of the last ``window`` days."""

    slot: int
    window: int
    low: float
    high: float

    def holds(self, meters: Meters, day: int) -> bool:
        """Tell whether the sum lies in the range on a day."""
        history = meters[self.slot]
        total = history.since(day - self.window) if history else 0.0
        return self.low <= total <= self.high


@dataclass(frozen=True, slots=True, eq=False)
class CompiledRule:
    """A rule as ranges over meters.

    ``crossings`` and ``sinking`` are its time conditions: spans, and sums with an upper limit.
    ``silent_kinds`` are the kinds whose silence it waits for.
    """

    rule: Rule
    rule_id: int
    row: int
    levels: tuple[Range, ...]
    spans: tuple[Range, ...]
    sums: tuple[Sum, ...]
    crossings: tuple[Crossing, ...]
    sinking: tuple[Sum, ...]
    silent_kinds: tuple[str, ...]

    @property
    def is_timed(self) -> bool:
        """Whether time alone can make the rule hold."""
        return bool(self.crossings or self.sinking)

    def holds(self, meters: Meters, day: int) -> bool:
        """Tell whether every condition holds on a day."""
        for slot, low, high in self.levels:
            if not low <= meters[slot] <= high:
                return False
        for slot, low, high in self.spans:
            if not low <= day - meters[slot] <= high:
                return False
        return not self.sums or all(item.holds(meters, day) for item in self.sums)

    def due(self, meters: Meters, after: int, until: int) -> int | None:
        """Give the first day in (after, until] on which the time conditions begin to hold together.

        Without further events, that is the latest of their crossing days. Only sums can cease
        to hold by waiting (when a refund leaves the window) and begin again.
        """
        latest = after if self.sinking else NEVER
        for slot, gap, _list in self.crossings:
            day = meters[slot] + gap
            if day > latest:
                latest = day
            elif day != day:  # no such event yet
                return None
        if not self.sinking:
            return latest if after < latest <= until else None
        held = latest == after and self._sunk(meters, after)
        for day in self._changes(meters, latest, after, until):
            holds = self._sunk(meters, day)
            if holds and not held:
                return day
            held = holds
        return None

    def _sunk(self, meters: Meters, day: int) -> bool:
        return all(item.holds(meters, day) for item in self.sinking)

    def _changes(self, meters: Meters, start: int, after: int, until: int) -> list[int]:
        """List the days from ``start`` on, in order, on which a sum may begin or cease to hold."""
        days = {start}
        for item in self.sinking:
            window = item.window
            if history := meters[item.slot]:
                position = bisect_right(history.days, start - window)
                stop = bisect_right(history.days, until - window)
                days.update(day + window for day in history.days[position:stop])
        return sorted(day for day in days if after < day <= until)

    def soonest(self, meters: Meters, past: int, today: int) -> int:
        """Give a day before which the rule cannot fall due, whatever happens from today on.

        Events and moves only put off what is still to come, or set off anew what is past.

        :param past: due days up to this one are past
        """
        coming, anew = NEVER, ENDLESS
        for slot, gap, following in self.crossings:
            day = meters[slot] + gap
            if day != day:  # no such event yet
                day = today + gap
            if day > past:
                coming = max(coming, day)
            else:
                days = meters[following] or () if following else ()
                anew = min(anew, _first_after(days, past - gap, today) + gap)
        if coming != NEVER:
            return coming
        for item in self.sinking:
            days = meters[item.slot].days if meters[item.slot] else ()
            anew = min(anew, _first_after(days, past - item.window, today) + item.window)
        return anew


def _first_after(days: Sequence[int], day: int, default: int) -> int:
    """Give the first of sorted days that is later than a day."""
    position = bisect_right(days, day)
    return days[position] if position < len(days) else default
