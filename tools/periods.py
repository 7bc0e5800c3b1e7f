"""Periods of a line, the pieces of them in which it is served, and what part of a price falls on these.

A period is counted from the anchor of the line (anchor + k * interval, k may be negative), never from the
previous date. All ends are inclusive. Parts are exact fractions and amounts are rounded cumulatively, so that
the parts of a period always add up to its price.
"""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import count, takewhile
from math import floor
from typing import NamedTuple

from .recurrence import MONTH, ONCE, YEAR, step, step_number
from .runs import DAY, Run, gaps, union

ADVANCE = "advance"
ARREARS = "arrears"

#: How a period that is served in part is charged: whole and once, by its days, by months of 30 days.
NONE = "none"
DAYS = "days"
DAYS30 = "days30"


class Terms(NamedTuple):
    """What a line agrees about its billing.

    :param anchor: first day of a period
    :param unit: ``day``, ``week``, ``month``, ``year`` or ``once``
    :param interval: units in a period, at least 1; without meaning if ``once``
    :param billing: ``advance`` or ``arrears``
    :param start: first day on which the line is served
    :param end: last one; None = open-ended
    :param pauses: first and last days on which it is not served, in any order; a last day None = for ever
    :param method: ``none``, ``days`` or ``days30``
    :param continues: whether another line, which was served, ends on the day before the start and has the same
        periods and pauses (a change of price, say)
    :param bill_from: periods that begin before it are billed elsewhere
    """

    anchor: date
    unit: str
    interval: int
    billing: str
    start: date
    end: date | None
    pauses: tuple[tuple[date, date | None], ...] = ()
    method: str = DAYS
    continues: bool = False
    bill_from: date | None = None


class Piece(NamedTuple):
    """Days in a row of one period on which a line is served.

    :param start: first day
    :param end: last day
    :param period_start: first day of the period
    :param period_end: last day of the period
    :param planned: day of the invoice
    :param begin: part of the price of the period (0 to 1) that is charged before this piece
    :param finish: part of it that is charged with the end of this piece
    """

    start: date
    end: date
    period_start: date
    period_end: date
    planned: date
    begin: Fraction
    finish: Fraction

    @property
    def share(self) -> float:
        """The part of the price of a period (0 to 1) that this piece costs."""
        return float(self.finish - self.begin)


class Ruler(NamedTuple):
    """Says what part of the price of a period falls on its days before a given one.

    ``none``: all of it on the first day. ``days``: the same on every day. ``days30``: 1/30 of a month on each
    day, the 31st is free and the last day of February makes up for the missing ones. There, a line that begins
    within a month pays its actual days of it (18 to 31 August: 14/30), as Zuora has it.

    :param anchor: as of ``Terms``
    :param months: months in the period, 0 if it is counted in days
    :param method: as of ``Terms``
    :param start: first day of the period
    :param end: last day of the period
    :param fresh: the piece with which service begins within the period, None if it begins with the period
    """

    anchor: date
    months: int
    method: str
    start: date
    end: date
    fresh: Run | None = None

    def at(self, day: date) -> Fraction:
        """Give the part (0 to 1) before a day of the period or of the piece, or the day after."""
        if self.method == NONE:
            return Fraction(day > (self.fresh[0] if self.fresh else self.start))
        if self.method == DAYS or not self.months:
            return Fraction((day - self.start).days, (self.end - self.start).days + 1)
        return self._at_fresh(day, *self.fresh) if self.fresh else self._at_30(day)

    def _at_fresh(self, day: date, first: date, last: date) -> Fraction:
        if last < self.end:
            return self._part_30(first, day) if day > first else Fraction(0)
        begin = 1 - self._part_30(first, self.end + DAY)
        return max(begin, self._at_30(day)) if day > first else begin

    def _at_30(self, day: date) -> Fraction:
        return self._part_30(self.start, day) if day > self.start else Fraction(0)

    def _part_30(self, first: date, after: date) -> Fraction:
        """Give the days of [first, after) in months of 30 days, by those of the period."""
        number = step_number(self.anchor, MONTH, 1, first)
        month, following = (step(self.anchor, MONTH, number + k) for k in (0, 1))
        if after < following:
            return Fraction((after - first).days, 30 * self.months)
        begun = 30 if first == month else (following - first).days
        last = step_number(self.anchor, MONTH, 1, after)
        rest = (after - step(self.anchor, MONTH, last)).days
        return Fraction(begun + 30 * (last - number - 1) + rest, 30 * self.months)


class Span(NamedTuple):
    """A piece before it is measured: its days, and the ruler of its period."""

    start: date
    end: date
    ruler: Ruler


def periods(anchor: date, unit: str, interval: int, start: date, end: date | None) -> Iterator[Run]:
    """Give the periods that touch a stretch of days; what it takes does not depend on how far the anchor is.

    :param anchor: first day of period number 0; there are periods before it, too
    :param unit: ``day``, ``week``, ``month`` or ``year``
    :param interval: units in a period, at least 1
    :param start: first day of the stretch
    :param end: last day of the stretch; None = without end
    :return: first and last day of each, in order
    :raise ValueError: if the unit is unknown or the interval is below 1
    :raise OverflowError: if a period leaves the calendar (years 1 to 9999)
    """
    stop = date.max if end is None else end
    number = step_number(anchor, unit, interval, start)
    numbers = count(number) if start <= stop else ()
    found = ((step(anchor, unit, k * interval), step(anchor, unit, (k + 1) * interval) - DAY) for k in numbers)
    return takewhile(lambda period: period[0] <= stop, found)


def pieces(terms: Terms, until: date) -> Iterator[Piece]:
    """Give what is to be billed of a line: one piece per period, more where a pause cuts it.

    A ``once`` line is one piece that pauses do not cut, from the start to the end if it has one.

    :param until: periods that begin after this day are left out; those that have begun are given to their end
    :return: in order; none if the end is before the start
    :raise ValueError: if interval, unit, method or billing is none
    :raise OverflowError: if a period leaves the calendar (years 1 to 9999)
    """
    return (measure(terms, span.ruler, span.start, span.end) for span in spans(terms, until))


def amount(whole: Decimal, piece_begin: Fraction, piece_finish: Fraction, rounding: Decimal) -> Decimal:
    """Give the price of a piece so that the pieces of a period add up to its price.

    :param whole: price of the period, in any currency, may be negative
    :param piece_begin: part of it (0 to 1) before the piece
    :param piece_finish: part of it with the piece
    :param rounding: smallest amount of the currency, as 0.01
    :return: round(whole * finish) - round(whole * begin), halves away from zero
    :raise ValueError: if the rounding is not above 0
    """
    if rounding <= 0:
        raise ValueError(f"Not above 0: rounding = {rounding}")
    coins = Fraction(whole) / Fraction(rounding)
    return (_round(coins * piece_finish) - _round(coins * piece_begin)) * rounding


def measure(terms: Terms, ruler: Ruler, start: date, end: date) -> Piece:
    """Give the piece of some days of the period of a ruler."""
    planned = start if terms.billing == ADVANCE else end + DAY
    return Piece(start, end, ruler.start, ruler.end, planned, ruler.at(start), ruler.at(end + DAY))


def spans(terms: Terms, until: date) -> Iterator[Span]:
    """Give the pieces of a line, not measured yet; as of ``pieces``."""
    _check(terms)
    return _once(terms, until) if terms.unit == ONCE else _recurring(terms, until)


def served_days(terms: Terms) -> list[Run]:
    """Give the days on which a line is served, in order; an open end is the last day of the calendar."""
    return list(gaps(terms.start, terms.end or date.max, _paused(terms)))


def months(terms: Terms) -> int:
    """Give the months in a period, 0 if it is counted in days."""
    return {MONTH: 1, YEAR: 12}.get(terms.unit, 0) * terms.interval


def _once(terms: Terms, until: date) -> Iterator[Span]:
    end = terms.end or terms.start
    if terms.start <= min(end, until) and (terms.bill_from is None or terms.bill_from <= terms.start):
        yield Span(terms.start, end, Ruler(terms.anchor, 0, NONE, terms.start, end))


def _recurring(terms: Terms, until: date) -> Iterator[Span]:
    for start, end in served_days(terms):
        seek = max(start, terms.bill_from or start)
        for first, last in periods(terms.anchor, terms.unit, terms.interval, seek, end):
            if first > until:
                return
            if terms.bill_from is None or terms.bill_from <= first:
                run = max(start, first), min(end, last)
                fresh = run if _is_fresh(terms, first, run[0]) else None
                yield Span(*run, Ruler(terms.anchor, months(terms), terms.method, first, last, fresh))


def _is_fresh(terms: Terms, period_start: date, day: date) -> bool:
    """Whether service begins on this day, within the period and not after another piece of it."""
    begun = period_start if terms.continues else max(period_start, terms.start)
    return day > period_start and next(gaps(begun, day, _paused(terms)))[0] == day


def _paused(terms: Terms) -> list[Run]:
    return union((start, end or date.max) for start, end in terms.pauses)


def _round(number: Fraction) -> int:
    whole = floor(abs(number) + Fraction(1, 2))
    return whole if number >= 0 else -whole


def _check(terms: Terms) -> None:
    for what, known in (("billing", (ADVANCE, ARREARS)), ("method", (NONE, DAYS, DAYS30))):
        if getattr(terms, what) not in known:
            raise ValueError(f"Unknown {what}: {getattr(terms, what)}")
    if terms.unit != ONCE:
        step_number(terms.anchor, terms.unit, terms.interval, terms.anchor)
