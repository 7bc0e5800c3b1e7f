"""Values of indicators, and how they stand against their goals.

Ratios are floats, 1 = 100 %; nothing is rounded. What cannot be said (nothing to divide by, an unknown part) is
None, never 0.
"""

from collections.abc import Iterable, Sequence
from math import fsum, isclose, sqrt

#: Statuses: on track, off track, too few data to say, no goal, no value.
ON = "on"
OFF = "off"
FEW = "few"
NO_GOAL = "none"
NA = "na"

#: Which way is better.
UP = "up"
DOWN = "down"

#: Quantile of the normal distribution for intervals of 95 %.
Z95 = 1.959964

_SIGNS = {UP: 1, DOWN: -1}


# === AGAINST A GOAL === #


def expected(goal: float, direction: str, cumulative: bool, elapsed: float) -> float:
    """Give what is to be reached by now, in the unit of the goal.

    :param goal: what is to be reached by the end of the period
    :param direction: ``up`` or ``down``
    :param cumulative: whether the value grows during the period, as counts and sums do; only then, and only if
        more is better, a part of the goal is enough: goal * elapsed
    :param elapsed: share (0 to 1) of the period that is over
    :raise ValueError: if the direction is unknown
    """
    return goal * elapsed if _sign(direction) > 0 and cumulative else goal


def status(
    value: float | None,
    goal: float | None,
    direction: str,
    *,
    cumulative: bool = False,
    elapsed: float = 1.0,
    interval: tuple[float, float] | None = None,
    cases: float | None = None,
    least_cases: float = 0,
) -> str:
    """Say how a value stands against its goal.

    Differences that come from the arithmetic of floats are no miss.

    :param value: None if it is not known
    :param goal: in the unit of the value; None if there is none
    :param direction: as of ``expected``
    :param cumulative: as of ``expected``
    :param elapsed: as of ``expected``
    :param interval: lower and upper limit (inclusive) within which the true value may lie, as of ``wilson``
    :param cases: how many answers, customers… the value is made of; None = not counted
    :param least_cases: with fewer cases the goal does not apply yet
    :return: ``na`` without a value; else ``none`` without a goal; else ``few`` with too few cases; else ``on`` if
        what is expected by now is reached; else ``few`` if that lies in the interval; else ``off``
    :raise ValueError: if the direction is unknown
    """
    sign = _sign(direction)
    if value is None:
        return NA
    if goal is None:
        return NO_GOAL
    if cases is not None and cases < least_cases:
        return FEW
    wanted = expected(goal, direction, cumulative, elapsed)
    if sign * value >= sign * wanted or isclose(value, wanted, rel_tol=1e-9, abs_tol=1e-12):
        return ON
    return FEW if interval and interval[0] <= wanted <= interval[1] else OFF


def attainment(value: float | None, goal: float | None, direction: str) -> float | None:
    """Give how much of a goal is reached: value / goal, or goal / value if less is better.

    It is 1 or more exactly if the goal is reached.

    :param direction: as of ``expected``
    :return: ratio; None if one of them is not known, or if their signs let a ratio say nothing: a goal below 0,
        or a 0 (or less) to divide by
    :raise ValueError: if the direction is unknown
    """
    upwards = _sign(direction) > 0
    if value is None or goal is None:
        return None
    numerator, denominator = (value, goal) if upwards else (goal, value)
    return numerator / denominator if goal >= 0 and denominator > 0 else None


def change(value: float | None, before: float | None) -> float | None:
    """Give the relative change: (value - before) / abs(before). None if one is not known or it was 0 before."""
    if value is None or before is None:
        return None
    return ratio(value - before, abs(before))


def suggest(values: Sequence[float | None], percent: float, direction: str) -> float | None:
    """Propose a goal: the mean of the known values, bettered by a part of its size.

    mean * (1 + percent) if more is better, mean * (1 - percent) if less is; of a mean below 0 the part is taken
    so that it is better, too.

    :param values: of former periods, None where not known
    :param percent: 0.05 = 5 % better
    :param direction: as of ``expected``
    :return: in the unit of the values, which may exceed what their kind can reach (105 %); None if none is known
    :raise ValueError: if the direction is unknown
    """
    sign = _sign(direction)
    known = mean(values)
    return None if known is None else known + sign * percent * abs(known)


# === SHARES AND MEANS === #


def ratio(numerator: float | None, denominator: float | None) -> float | None:
    """Divide. None if the denominator is 0 or one of them is not known."""
    return None if numerator is None or not denominator else numerator / denominator


def wilson(successes: float, cases: float, z: float = Z95) -> tuple[float, float] | None:
    """Give the interval in which a proportion lies, by Wilson's score.

    (s + z²/2 ± z * sqrt(s * (n - s) / n + z²/4)) / (n + z²): Wilson 1927, without correction for continuity.

    :param successes: s, cases that count
    :param cases: n, all cases
    :param z: quantile of the normal distribution, 0 or more: 1.959964 for 95 %
    :return: lower and upper limit, 0 to 1, with the proportion between them; None if there are no cases, or
        successes below 0 or above their number (so it is no proportion)
    """
    if not (cases > 0 and 0 <= successes <= cases):
        return None
    share, square = successes / cases, z * z
    centre = (successes + square / 2) / (cases + square)
    reach = z * sqrt(share * (cases - successes) + square / 4) / (cases + square)
    # At 0 and 1 the limit is the proportion itself, which floats may miss by a hair.
    return min(max(centre - reach, 0.0), share), max(min(centre + reach, 1.0), share)


def mean(values: Iterable[float | None]) -> float | None:
    """Give the mean of the known values; None if none is known."""
    known = [value for value in values if value is not None]
    return ratio(fsum(known), len(known))


def combine(parts: Iterable[tuple[float | None, float | None]]) -> tuple[float | None, float | None]:
    """Add up numerators and denominators, as of several companies, so that the ratio of the sums is that of all.

    Parts without a numerator are left out, and if some have a denominator, so are those without one:
    half a fraction would falsify the ratio.

    :param parts: (numerator, denominator) in one unit and, if money, one currency; without any denominator
        (counts, sums) only the numerators are added
    :return: (numerator, denominator), each None if there is none
    """
    known = [part for part in parts if part[0] is not None]
    whole = [part for part in known if part[1] is not None]
    return _total(part[0] for part in whole or known), _total(part[1] for part in whole)


# === CUSTOMERS === #


def nps(promoters: float, detractors: float, answers: float) -> float | None:
    """Net promoter score: 100 * (promoters - detractors) / answers, -100 to 100. None without answers.

    :param promoters: answers 9 and 10
    :param detractors: answers 0 to 6
    :param answers: all of them, one of each person
    """
    return ratio(100 * (promoters - detractors), answers)


def csat(satisfied: float, answers: float) -> float | None:
    """Customer satisfaction: satisfied / all answers, 0 to 1. None without answers.

    :param satisfied: answers 4 and 5 of 5
    :param answers: all of them, the unsatisfied too, but not those without a rating
    """
    return ratio(satisfied, answers)


def clv(
    aov: float | None, orders_per_year: float | None, years: float | None, margin: float | None = 1.0
) -> float | None:
    """Customer lifetime value: order value * orders per year * years * margin, in the currency of the first.

    :param aov: average order value
    :param years: how long a customer stays
    :param margin: gross margin, 0 to 1; 1 = revenue rather than profit
    :return: None if one of them is not known
    """
    return _product(aov, orders_per_year, years, margin)


def cac(spend: float | None, new_customers: float | None) -> float | None:
    """Customer acquisition cost: spend / new customers of the same period, in the currency of the spend.

    :param new_customers: never those who return
    :return: None if nobody was won, or one of them is not known
    """
    return ratio(spend, new_customers)


def payback(cac: float | None, monthly_revenue: float | None, margin: float | None) -> float | None:
    """Months until a new customer has paid back what it cost: CAC / (revenue per month * gross margin).

    :param cac: acquisition cost of a customer, in the currency of the revenue
    :param monthly_revenue: of a customer
    :param margin: gross margin, 0 to 1
    :return: None if it never does (nothing is earned), or one of them is not known
    """
    earned = _product(monthly_revenue, margin)
    return ratio(cac, earned) if earned is not None and earned > 0 else None


def k_factor(invites_per_customer: float | None, conversion: float | None) -> float | None:
    """New customers that each customer brings: invitations per customer * share (0 to 1) of them that convert."""
    return _product(invites_per_customer, conversion)


def _sign(direction: str) -> int:
    if direction not in _SIGNS:
        raise ValueError(f"Unknown direction: {direction}")
    return _SIGNS[direction]


def _product(*factors: float | None) -> float | None:
    result = 1.0
    for factor in factors:
        if factor is None:
            return None
        result *= factor
    return result


def _total(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fsum(known) if known else None
