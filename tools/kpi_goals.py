"""Goals that are proposed from what was: bettered, within what their unit can reach, and rounded as people would."""

from collections.abc import Sequence
from math import ceil, floor, log10

from .kpi_math import UP, mean, suggest

#: What a value of a unit can reach at best, if it is not beyond that already.
CEILINGS = {"ratio": 1.0, "score": 100.0}
FLOORS = {"ratio": 0.0, "count": 0.0, "score": -100.0}
SIGNIFICANT_DIGITS = 3


def propose(values: Sequence[float | None], percent: float, direction: str, unit: str) -> float | None:
    """Propose a goal from the values of former periods.

    :param values: None where not known; ratios 0 to 1
    :param percent: by how much it is to be better than their mean, 0.05 = 5 %
    :param direction: ``up`` or ``down``: which way is better
    :param unit: ``count``, ``number``, ``money``, ``ratio``, ``days`` or ``score``
    :return: in the unit of the values, rounded; None if none of them is known
    :raise ValueError: if the direction is unknown
    """
    known, wanted = mean(values), suggest(values, percent, direction)
    if known is None or wanted is None:
        return None
    return round_goal(limit(wanted, known, unit), direction, unit)


def limit(goal: float, known: float, unit: str) -> float:
    """Keep a goal within what its unit can reach: 100 % and 100 points, but never below what is reached already.

    :param goal: in the unit
    :param known: what was reached so far: a net retention of 110 % is a share that may exceed 100 %
    :param unit: as of ``propose``
    """
    if unit in CEILINGS:
        goal = min(goal, max(CEILINGS[unit], known))
    return max(goal, FLOORS[unit]) if unit in FLOORS else goal


def round_goal(goal: float, direction: str, unit: str) -> float:
    """Round a goal: whole numbers of things in the direction that is better, else three significant digits.

    Percents are rounded to whole ones, below 10 % to a tenth; scores to whole points.

    :param goal: in the unit
    :param direction: as of ``propose``
    :param unit: as of ``propose``
    """
    if unit == "count":
        nearest = round(goal, 6)  # 3.0000000001 things are 3
        return float(ceil(nearest) if direction == UP else floor(nearest))
    if unit == "score":
        return float(round(goal))
    if unit == "ratio":
        return round(goal, 2 if abs(goal) >= 0.1 else 3)
    if not goal:
        return 0.0
    return round(goal, SIGNIFICANT_DIGITS - 1 - floor(log10(abs(goal))))
