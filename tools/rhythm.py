"""The rhythm in which a customer buys: gaps between days of purchase, the next one to expect, and who is late.

Only distinct days count: two orders of one day are one purchase. Gaps are in days.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from itertools import pairwise
from math import floor
from statistics import median
from typing import Final, NamedTuple

#: Days of purchase from which a customer has a rhythm of its own: two gaps.
LEAST_DAYS: Final = 3

#: Mean gaps after which a buyer is late.
LATE: Final = 1.5

#: Shares of all gaps beyond which a customer is at risk, and has churned.
AT_RISK, CHURNED = 0.4, 0.8


class Rhythm(NamedTuple):
    """How a customer buys.

    :param purchase_days: number of distinct days
    :param first: the first of them
    :param last: the last of them
    :param mean_gap: days between two purchases, (last - first) / (purchase_days - 1); None with fewer than two
    :param median_gap: of the single gaps; None with fewer than two days
    :param next_date: when the next purchase is to be expected: last + mean gap, halves of a day rounded up; None
        with fewer than ``LEAST_DAYS``
    """

    purchase_days: int
    first: date
    last: date
    mean_gap: float | None
    median_gap: float | None
    next_date: date | None


class Btyd(NamedTuple):
    """What "buy till you die" models know of a customer, in days.

    :param x: repeat purchases: days of purchase - 1
    :param t_x: from the first to the last purchase. Papers call it recency; that of RFM is the opposite
    :param t: from the first purchase to today (T in papers)
    """

    x: int
    t_x: int
    t: int


def rhythm(days: Iterable[date]) -> Rhythm | None:
    """Describe in which rhythm a customer buys; None if it never did.

    :param days: of purchases, in any order, also more than one of a day
    """
    bought = purchase_days(days)
    if not bought:
        return None
    first, last, count = bought[0], bought[-1], len(bought)
    found = gaps(bought)
    mean_gap = (last - first).days / (count - 1) if found else None
    return Rhythm(
        purchase_days=count,
        first=first,
        last=last,
        mean_gap=mean_gap,
        median_gap=float(median(found)) if found else None,
        next_date=next_purchase(first, last, count),
    )


def purchase_days(days: Iterable[date]) -> list[date]:
    """Give the distinct days, sorted."""
    return sorted(set(days))


def gaps(days: Iterable[date]) -> list[int]:
    """Give the days between one purchase and the next; none are 0.

    :param days: as of ``rhythm``
    """
    return [(later - earlier).days for earlier, later in pairwise(purchase_days(days))]


def next_purchase(first: date, last: date, count: int) -> date | None:
    """Give the day of the next purchase to expect: last + mean gap, halves of a day rounded up.

    :param count: number of distinct days of purchase; with fewer than ``LEAST_DAYS`` None is returned
    """
    if count < LEAST_DAYS:
        return None
    span, steps = (last - first).days, count - 1
    return last + timedelta(days=(2 * span + steps) // (2 * steps))


def is_overdue(today: date, last: date, gap: float | None) -> bool:
    """Tell whether a buyer is late: today is more than 1.5 gaps after the last purchase.

    :param gap: mean gap of a customer with a rhythm, in days; None if it has none, and is never late
    """
    return gap is not None and (today - last).days > LATE * gap


def btyd(days: Iterable[date], today: date) -> Btyd | None:
    """Sum a customer up for ``tools.bgnbd``; None if it never bought.

    :param days: as of ``rhythm``
    :raise ValueError: if a purchase is after today
    """
    bought = purchase_days(days)
    if not bought:
        return None
    if bought[-1] > today:
        raise ValueError(f"Bought after {today}: {bought[-1]}")
    return Btyd(len(bought) - 1, (bought[-1] - bought[0]).days, (today - bought[0]).days)


# === POPULATION === #


def percentile(values: Sequence[float], share: float) -> float | None:
    """Give the value below which a share of all lies, on a straight line between neighbours.

    The same as ``percentile_cont`` of SQL. None without values.

    :param share: 0 to 1
    :raise ValueError: if the share is not
    """
    if not 0 <= share <= 1:
        raise ValueError(f"Not within 0 to 1: {share}")
    if not values:
        return None
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def limits(population: Sequence[float]) -> tuple[float, float] | None:
    """Give the 40th and the 80th percentile of the gaps of all customers, in days; None without gaps.

    They say what silence is usual here, for customers without a rhythm of their own.
    """
    low, high = percentile(population, AT_RISK), percentile(population, CHURNED)
    return None if low is None or high is None else (low, high)


def standing(idle: float, at_risk: float, churned: float) -> str:
    """Tell where a customer stands by its silence alone.

    :param idle: days since the last purchase
    :param at_risk: days (P40 of the gaps of all); exactly as many are still active
    :param churned: days (P80 of the gaps of all); exactly as many are still at risk
    :return: ``active``, ``at_risk`` or ``churned``
    :raise ValueError: if ``at_risk`` is above ``churned``
    """
    if at_risk > churned:
        raise ValueError(f"Limits out of order: {at_risk} > {churned}")
    if idle <= at_risk:
        return "active"
    return "at_risk" if idle <= churned else "churned"
