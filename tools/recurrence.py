"""Dates and values of terms, notice and recurring periods.

Every end is inclusive: a period ends on its last day. Every recurrence is counted from its anchor
(anchor + k * interval), never from the previous date, so that the 31st stays the 31st where it exists.
"""

from calendar import monthrange
from collections.abc import Iterator
from datetime import date, timedelta

from dateutil.relativedelta import relativedelta

DAY = "day"
WEEK = "week"
MONTH = "month"
YEAR = "year"
ONCE = "once"

#: 365.25 / 12: turns prices per day or week into prices per month.
DAYS_PER_MONTH = 30.4375

#: Unit: what relativedelta counts it in, and how many of these.
_SIZES = {DAY: ("days", 1), WEEK: ("days", 7), MONTH: ("months", 1), YEAR: ("months", 12)}


def step(anchor: date, unit: str, count: int) -> date:
    """Go some units from a date.

    Months and years that lack the day of the anchor get their last day instead.

    :param anchor: where to begin
    :param unit: ``day``, ``week``, ``month`` or ``year``
    :param count: how many units; negative ones go back
    :raise ValueError: if the unit is unknown
    :raise OverflowError: if the calendar (years 1 to 9999) does not reach that far
    """
    kind, size = _size(unit)
    try:
        return anchor + relativedelta(**{kind: size * count})
    except (OverflowError, ValueError) as error:
        raise OverflowError(f"Out of the calendar: {anchor} and {count} times a {unit}") from error


def last_day(start: date, months: int) -> date:
    """Give the last day of a term: the day before the next term begins.

    A term from 29 February 2024 of 12 months ends on 27 February 2025, as the next one begins on the
    28th, the last day of that month. Anchored on the 29th, the fifth term begins on 29 February 2028.

    :param start: first day of the term
    :param months: length of the term, at least 1
    :raise ValueError: if there is no month
    :raise OverflowError: if the next term would begin after the year 9999
    """
    _at_least(1, months, "months")
    return step(start, MONTH, months) - timedelta(days=1)


def notice_deadline(end: date, count: int, unit: str) -> date:
    """Give the last day on which notice can be given, counted back from the end.

    Three months before 31 May is the last day of February. Before the last day of a short month (30 June:
    30 March) this is up to three days stricter than counting forward from the notice: the safe side.

    :param end: last day of the contract
    :param count: length of the notice; with 0, notice can be given on the last day
    :param unit: as of ``step``; days are calendar days
    :raise ValueError: if the unit is unknown or the notice negative
    :raise OverflowError: if the calendar does not reach that far
    """
    _at_least(0, count, "notice")
    return step(end, unit, -count)


def earliest_end(
    today: date, count: int, unit: str, minimum_end: date | None = None, month_end: bool = False
) -> date:
    """Give the first day that can be the last one of an open-ended contract, if notice is given today.

    :param today: day of the notice
    :param count: length of the notice, 0 or more
    :param unit: as of ``step``
    :param minimum_end: last day of the minimum term, which may be any day of a month
    :param month_end: whether the notice runs on to the end of its month: "the started month and two more"
        is 2 months, and 2 January and 30 January alike lead to 31 March
    :raise ValueError: if the unit is unknown or the notice negative
    :raise OverflowError: if the calendar does not reach that far
    """
    _at_least(0, count, "notice")
    end = step(today, unit, count)
    if month_end:
        end = end.replace(day=_month_length(end))
    return max(end, minimum_end or end)


def occurrences(anchor: date, unit: str, interval: int, first: date, last: date) -> Iterator[tuple[int, date]]:
    """Give the dates of a recurrence within a period, with their numbers.

    The time it takes depends on the length of the period, not on how far away the anchor is.

    :param anchor: date number 0; there is none before it
    :param unit: as of ``step``
    :param interval: units from one date to the next, at least 1
    :param first: first day of the period
    :param last: last day of the period
    :return: (k, anchor + k * interval) in order
    :raise ValueError: if the unit is unknown or the interval is below 1
    """
    _at_least(1, interval, "interval")
    numbers = range(max(0, _whole_steps(anchor, unit, interval, first)), _whole_steps(anchor, unit, interval, last) + 1)
    dates = ((k, step(anchor, unit, k * interval)) for k in numbers)
    return ((k, day) for k, day in dates if first <= day <= last)


def step_number(anchor: date, unit: str, interval: int, day: date) -> int:
    """Give the number k of the period that a day is in: anchor + k * interval is its first day.

    :param anchor: first day of period number 0; those before it have negative numbers
    :param unit: as of ``step``
    :param interval: units in a period, at least 1
    :raise ValueError: if the unit is unknown or the interval is below 1
    :raise OverflowError: if the period begins before the year 1
    """
    _at_least(1, interval, "interval")
    number = _whole_steps(anchor, unit, interval, day)
    return number if step(anchor, unit, number * interval) <= day else number - 1


def unit_months(unit: str, count: int) -> float:
    """Give the length of some units in months of 30.4375 days.

    :raise ValueError: if the unit is unknown
    """
    kind, size = _size(unit)
    return size * count / (1 if kind == "months" else DAYS_PER_MONTH)


def monthly_amount(amount: float, unit: str, interval: int) -> float:
    """Give the share of a recurring price that falls on one month (MRR), not rounded.

    :param amount: price of one period, in any currency
    :param unit: as of ``step``, or ``once``, of which nothing recurs
    :param interval: units in a period, at least 1; without meaning if ``once``
    :raise ValueError: if the unit is unknown or the interval is below 1
    """
    if unit == ONCE:
        return 0.0
    _at_least(1, interval, "interval")
    return amount / unit_months(unit, interval)


def calendar_months(start: date, end: date) -> float:
    """Give the length of a period in calendar months; started ones count by their days.

    18 August to 31 December is 4 + 14/31: Zuora's rule for the total contract value. A month that begins
    in the middle of one is not exactly 1: 15 January to 14 February is 17/31 + 14/28.

    :param start: first day
    :param end: last day
    :return: months, 0.0 if the end is before the start
    """
    if end < start:
        return 0.0
    whole = (end.year - start.year) * 12 + end.month - start.month
    return whole + end.day / _month_length(end) - (start.day - 1) / _month_length(start)


def total_value(amount: float, unit: str, interval: int, start: date, end: date) -> float:
    """Give the value of a recurring price over a term, not rounded.

    Periods are counted from the start; of the last one, if it is cut short, the share of its days counts.

    :param amount: price of one period, in any currency
    :param unit: as of ``step``, or ``once``: the price counts once, whatever the term
    :param interval: units in a period, at least 1; without meaning if ``once``
    :param start: first day of the term, and of the first period
    :param end: last day of the term
    :return: 0.0 if the end is before the start
    :raise ValueError: if the unit is unknown or the interval is below 1
    :raise OverflowError: if the last period would end after the year 9999
    """
    if unit == ONCE:
        return amount
    _at_least(1, interval, "interval")
    steps = _whole_steps(anchor=start, unit=unit, interval=interval, day=end)
    if end < start:
        return 0.0
    if step(start, unit, steps * interval) > end:
        steps -= 1
    period = step(start, unit, steps * interval)
    following = step(start, unit, (steps + 1) * interval)
    return amount * (steps + ((end - period).days + 1) / (following - period).days)


def _size(unit: str) -> tuple[str, int]:
    if unit not in _SIZES:
        raise ValueError(f"Unknown unit: {unit}")
    return _SIZES[unit]


def _at_least(least: int, number: int, what: str) -> None:
    if number < least:
        raise ValueError(f"Too small: {what} = {number}, at least {least}")


def _whole_steps(anchor: date, unit: str, interval: int, day: date) -> int:
    """Give the number of the last step not after a day, or not after its month where steps are months."""
    kind, size = _size(unit)
    if kind == "days":
        return (day - anchor).days // (size * interval)
    return ((day.year - anchor.year) * 12 + day.month - anchor.month) // (size * interval)


def _month_length(day: date) -> int:
    return monthrange(day.year, day.month)[1]
