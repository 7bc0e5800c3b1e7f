"""What is still to be billed or credited of a line, given what has been.

Days count, not rows: a day that is charged and not credited is covered. Served days that are not covered are
charged, covered days that are no longer served are credited. So terms may change in any way and any number of
times, and asking again never gives a thing twice.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from .periods import (
    ADVANCE,
    ARREARS,
    DAYS,
    DAYS30,
    NONE,
    Piece,
    Ruler,
    Span,
    Terms,
    amount,
    measure,
    months,
    periods,
    pieces,
    served_days,
    spans,
)
from .recurrence import ONCE
from .runs import DAY, Run, gaps, union

__all__ = [
    "ADVANCE", "ARREARS", "CHARGE", "CREDIT", "DAYS", "DAYS30", "NONE",
    "Piece", "Planned", "Row", "Terms", "amount", "periods", "pieces", "plan",
]  # fmt: skip

CHARGE = "charge"
CREDIT = "credit"


class Row(NamedTuple):
    """A row of the schedule that can no longer change: invoiced, credited or skipped.

    :param kind: ``charge`` or ``credit``
    :param start: first day
    :param end: last day
    :param amount: in the currency of the line; what a charge takes is positive, what a credit gives back negative
    :param settled: whether it was skipped. The days of a skipped credit stay charged, those of a skipped charge
        are never charged nor credited
    """

    kind: str
    start: date
    end: date
    amount: Decimal
    settled: bool = False


class Planned(NamedTuple):
    """A row that the schedule should have besides the locked ones.

    :param kind: ``charge`` or ``credit``
    :param start: first day
    :param end: last day
    :param period_start: first day of the period; of a credit for days of several periods (the recurrence has
        changed since), that of the row it credits
    :param period_end: last day of the same
    :param planned: day of the invoice; credits: their first day
    :param share: part of the price of a period (0 to 1), negative for credits
    :param amount: in the currency of the line, rounded, sign as of ``Row``
    :param agreed: whether all days of the credit are after the agreed end of the line
    """

    kind: str
    start: date
    end: date
    period_start: date
    period_end: date
    planned: date
    share: float
    amount: Decimal
    agreed: bool = False


class _Open(NamedTuple):
    """A locked charge, and those of its days that are not credited."""

    row: Row
    runs: list[Run]


class _Price(NamedTuple):
    """The price of a period, and what part of it falls on its days."""

    whole: Decimal
    ruler: Ruler


def plan(
    terms: Terms,
    whole: Decimal,
    rounding: Decimal,
    until: date,
    locked: Sequence[Row] = (),
    line_end: date | None = None,
) -> list[Planned]:
    """Give the rows that the schedule of a line should have besides the locked ones.

    A row without a share (the rest of a period that is charged whole and once) and a credit of 0 are left out.

    :param whole: price of one period, in the currency of the line, may be negative
    :param rounding: smallest amount of that currency, as 0.01
    :param until: as of ``pieces``
    :param locked: the rows that exist and cannot change, in the order in which they were made
    :param line_end: the agreed last day of the line (an amendment), which ``terms.end`` may precede
    :return: in the order of their days, which is that of the planned days
    :raise ValueError: if interval, unit, method or billing is none, or the rounding is not above 0
    :raise OverflowError: if a period leaves the calendar (years 1 to 9999)
    """
    opened = _open(locked)
    refunds = list(_credits(terms, whole, rounding, opened, _settled(locked), line_end))
    given = union((row.start, row.end) for row in refunds)
    kept = [days for run in union(run for _row, runs in opened for run in runs) for days in gaps(*run, given)]
    charges = _charges(terms, whole, rounding, until, kept)
    return sorted([*refunds, *charges], key=lambda row: row.start)


def _charges(terms: Terms, whole: Decimal, rounding: Decimal, until: date, kept: list[Run]) -> Iterator[Planned]:
    for span in spans(terms, until):
        for start, end in _uncharged(terms, span, kept):
            piece = measure(terms, span.ruler, start, end)
            if piece.begin != piece.finish:
                price = amount(whole, piece.begin, piece.finish, rounding)
                yield Planned(CHARGE, *piece[:5], piece.share, price)


def _uncharged(terms: Terms, span: Span, kept: list[Run]) -> Iterator[Run]:
    """Give the days to charge; a period that is charged whole is charged once, so all of them or none."""
    if span.ruler.method != NONE:
        return gaps(span.start, span.end, kept)
    period = (date.min, date.max) if terms.unit == ONCE else (span.ruler.start, span.ruler.end)
    return iter([(span.start, span.end)] if _is_free(period, kept) else [])


def _credits(
    terms: Terms,
    whole: Decimal,
    rounding: Decimal,
    opened: list[_Open],
    settled: list[Run],
    line_end: date | None,
) -> Iterator[Planned]:
    served = _served(terms)
    for row, runs in opened:
        for start, end in [days for run in _unserved(terms, row, runs, served) for days in gaps(*run, settled)]:
            price = _price(terms, whole, rounding, row)
            begin, finish = price.ruler.at(start), price.ruler.at(end + DAY)
            back = -amount(price.whole, begin, finish, rounding)
            if back:
                part = (finish - begin) * (Fraction(price.whole) / Fraction(whole) if whole else 1)
                agreed = line_end is not None and start > line_end
                yield Planned(CREDIT, start, end, *_period(terms, row), start, -float(part), back, agreed)


def _unserved(terms: Terms, row: Row, runs: list[Run], served: list[Run]) -> list[Run]:
    """Give the days to credit; what is charged whole is credited whole, so only if nothing of it is due."""
    if row.settled:
        return []
    if _is_whole(terms) and (_is_due(terms, row) or not all(_is_free(run, served) for run in runs)):
        return []
    return [days for run in runs for days in gaps(*run, served)]


def _is_due(terms: Terms, row: Row) -> bool:
    """Whether the period of a row is to be charged, be it for other days than those of the row."""
    first, _last = _period(terms, row)
    found = spans(terms._replace(bill_from=first), first)
    return any(span.ruler.at(span.start) != span.ruler.at(span.end + DAY) for span in found)


def _price(terms: Terms, whole: Decimal, rounding: Decimal, row: Row) -> _Price:
    """Give what a locked charge was reckoned by, if that shows; otherwise its own amount, day by day."""
    for ruler in _rulers(terms, row):
        if amount(whole, ruler.at(row.start), ruler.at(row.end + DAY), rounding) == row.amount:
            return _Price(whole, ruler)
    return _Price(row.amount, Ruler(terms.anchor, 0, DAYS, row.start, row.end))


def _rulers(terms: Terms, row: Row) -> Iterator[Ruler]:
    """Give the rulers by which a locked charge may have been measured under these terms."""
    period = _period(terms, row)
    if not _is_whole(terms):
        for fresh in (None, (row.start, row.end)):
            yield Ruler(terms.anchor, months(terms), terms.method, *period, fresh)


def _period(terms: Terms, row: Row) -> Run:
    """Give the period that a row is in, or its own days if it is not within one."""
    if terms.unit != ONCE:
        first, last = next(periods(terms.anchor, terms.unit, terms.interval, row.start, row.start))
        if row.end <= last:
            return first, last
    return row.start, row.end


def _is_whole(terms: Terms) -> bool:
    return terms.method == NONE or terms.unit == ONCE


def _is_free(run: Run, holes: list[Run]) -> bool:
    return list(gaps(*run, holes)) == [run]


def _served(terms: Terms) -> list[Run]:
    """Give the days whose charges stand; that of a ``once`` line stands as long as the line has a day."""
    if terms.unit != ONCE:
        return served_days(terms)
    return [(date.min, date.max)] if terms.end is None or terms.start <= terms.end else []


def _settled(locked: Sequence[Row]) -> list[Run]:
    return union((row.start, row.end) for row in locked if row.kind == CREDIT and row.settled)


def _open(locked: Sequence[Row]) -> list[_Open]:
    """Give the charges with their days that are not credited; a credit takes the oldest charge of its day."""
    waiting = sorted(range(len(locked)), key=lambda index: locked[index].start, reverse=True)
    edges = sorted({edge for row in locked for edge in (row.start, row.end + DAY)})
    active: list[int] = []
    found: dict[int, list[Run]] = {}
    for first, after in pairwise(edges):
        active = [index for index in active if locked[index].end >= first]
        while waiting and locked[waiting[-1]].start == first:
            active.append(waiting.pop())
        for index in _standing(locked, active):
            found.setdefault(index, []).append((first, after - DAY))
    return [_Open(locked[index], union(runs)) for index, runs in sorted(found.items())]


def _standing(locked: Sequence[Row], active: list[int]) -> list[int]:
    """Give the charges of a day that its credits leave; those that can be credited go first."""
    taken = sum(locked[index].kind == CREDIT and not locked[index].settled for index in active)
    charges = [index for index in active if locked[index].kind == CHARGE]
    charges.sort(key=lambda index: (locked[index].settled or not locked[index].amount, index))
    return charges[taken:]
