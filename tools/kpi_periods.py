"""Weeks, months, quarters and years for which indicators are computed.

A week is that of ISO 8601 and begins on Monday, a month is that of the calendar; quarters and years are those of
the fiscal year. All ends are inclusive. Quarters are counted from the beginning of the fiscal year (year_start +
3 * k months), never from the previous quarter; where a month lacks the day, the quarter begins on its last day.
Thus the periods of a kind follow each other without a gap, whatever the day on which fiscal years begin.
"""

from calendar import monthrange
from datetime import date, datetime, timedelta
from typing import NamedTuple

from . import recurrence
from .local_time import midnight_utc

WEEK = "week"
MONTH = "month"
QUARTER = "quarter"
YEAR = "year"
KINDS = (WEEK, MONTH, QUARTER, YEAR)

#: Month (1 to 12) and day (1 to 31) on which fiscal years begin.
YearStart = tuple[int, int]
CALENDAR_YEAR: YearStart = (1, 1)

#: Kind: unit of ``recurrence``, and how many of them.
_SIZES = {
    WEEK: (recurrence.WEEK, 1),
    MONTH: (recurrence.MONTH, 1),
    QUARTER: (recurrence.MONTH, 3),
    YEAR: (recurrence.MONTH, 12),
}
_MONDAY = date(2000, 1, 3)
_FIRST_OF_MONTH = date(2000, 1, 1)
_LEAP_YEAR = 2000
_DAY = timedelta(days=1)


class Period(NamedTuple):
    """A stretch of days that indicators are computed for.

    :param kind: ``week``, ``month``, ``quarter`` or ``year``
    :param start: first day
    :param end: last day
    """

    kind: str
    start: date
    end: date


def period_of(kind: str, day: date, year_start: YearStart = CALENDAR_YEAR) -> Period:
    """Give the period that a day is in.

    :param kind: ``week``, ``month``, ``quarter`` or ``year``
    :param year_start: month and day on which fiscal years begin; without meaning for weeks and months
    :raise ValueError: if the kind is unknown or fiscal years begin on no day
    :raise OverflowError: if the period is not whole within the calendar (years 1 to 9999)
    """
    return _numbered(kind, _number(kind, day, year_start), year_start)


def shift(period: Period, steps: int, year_start: YearStart = CALENDAR_YEAR) -> Period:
    """Give the period some periods later.

    :param steps: how many; negative ones go back, 0 gives the same period
    :param year_start: the one with which the period was made
    :raise ValueError: as of ``period_of``
    :raise OverflowError: as of ``period_of``
    """
    return _numbered(period.kind, _number(period.kind, period.start, year_start) + steps, year_start)


def periods(kind: str, first: date, last: date, year_start: YearStart = CALENDAR_YEAR) -> list[Period]:
    """Give all periods that share a day with a stretch of days.

    :param kind: as of ``period_of``
    :param first: first day of the stretch
    :param last: last day of the stretch
    :param year_start: as of ``period_of``
    :return: oldest first; none if the last day is before the first
    :raise ValueError: as of ``period_of``, also if there is none
    :raise OverflowError: as of ``period_of``
    """
    _anchor(kind, year_start)
    if last < first:
        return []
    numbers = range(_number(kind, first, year_start), _number(kind, last, year_start) + 1)
    return [_numbered(kind, number, year_start) for number in numbers]


def elapsed(period: Period, today: date) -> float:
    """Give the share (0 to 1) of the days of a period that are over or running.

    On its first day one day counts, from its last day on all of them; 0 before it begins.
    """
    days = (period.end - period.start).days + 1
    return min(max((today - period.start).days + 1, 0), days) / days


def bounds(period: Period, zone: str) -> tuple[datetime, datetime]:
    """Give the instants between which a period lies.

    Where the clock skips midnight, the day begins with the skip; where midnight comes twice, with the first.
    Periods that follow each other share an instant, which belongs to the later one.

    :param zone: name of the time zone in which its days are meant
    :return: naive UTC datetimes, the first of the period and the first after it
    :raise zoneinfo.ZoneInfoNotFoundError: if the machine does not know the time zone
    :raise OverflowError: if an instant is outside the calendar (years 1 to 9999)
    """
    return midnight_utc(period.start.toordinal(), zone), midnight_utc((period.end + _DAY).toordinal(), zone)


def year_start_of(last_month: int, last_day: int) -> YearStart:
    """Give month and day on which fiscal years begin from those on which they end, as companies in Odoo have them.

    28 February is taken for the last day of February, in leap years too, as Odoo does.

    :param last_month: 1 to 12
    :param last_day: from 1; a day beyond the end of the month is its last one
    :raise ValueError: if there is no such month, or the day is below 1
    """
    if not 1 <= last_month <= 12 or last_day < 1:
        raise ValueError(f"Not a day of the year: month {last_month}, day {last_day}")
    shortest = monthrange(_LEAP_YEAR + 1, last_month)[1]
    return (last_month % 12 + 1, 1) if last_day >= shortest else (last_month, last_day + 1)


def iso_week(period: Period) -> tuple[int, int]:
    """Give the year and number (1 to 53) of a week after ISO 8601: it belongs to the year of its Thursday.

    :raise ValueError: if the period is not a week
    """
    if period.kind != WEEK:
        raise ValueError(f"Not a week: {period.kind}")
    year, week, _weekday = period.start.isocalendar()
    return year, week


def _numbered(kind: str, number: int, year_start: YearStart) -> Period:
    anchor, unit, interval = _anchor(kind, year_start)
    start, following = (recurrence.step(anchor, unit, (number + k) * interval) for k in (0, 1))
    return Period(kind, start, following - _DAY)


def _number(kind: str, day: date, year_start: YearStart) -> int:
    return recurrence.step_number(*_anchor(kind, year_start), day)


def _anchor(kind: str, year_start: YearStart) -> tuple[date, str, int]:
    """Give the first day of period number 0, the unit and how many of them a period has."""
    if kind not in _SIZES:
        raise ValueError(f"Unknown kind of period: {kind}")
    if kind == WEEK:
        return _MONDAY, *_SIZES[kind]
    return _FIRST_OF_MONTH if kind == MONTH else _first_of_year(*year_start), *_SIZES[kind]


def _first_of_year(month: int, day: int) -> date:
    if not 1 <= month <= 12 or not 1 <= day <= 31:
        raise ValueError(f"Not a day of the year: month {month}, day {day}")
    return date(_LEAP_YEAR, month, min(day, monthrange(_LEAP_YEAR, month)[1]))
