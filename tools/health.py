"""Health of a customer, 0 to 100: what each of its parts is worth, and their weighted mean.

The value of a part is 0 (bad) to 1 (good), or None where nothing is known, which never counts as bad. Money is in
one currency, untaxed. ``models/clm_customer_score_select.py`` says the same in SQL; a test compares both.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from .feedback import SCALES
from .score import Explained, Part, band, score

#: The parts, in the order in which they are explained.
FACTORS: Final = ("recency", "trend", "overdue", "feedback", "obligations", "notice")

#: Share of the whole weight that must be known for a health; with less it would be that of one part.
LEAST_COVERAGE: Final = 0.25

#: How far back revenue must reach for a trend: two half-years, in days.
TREND_DAYS: Final = 364

#: The most that is red, and the most that is yellow; what is above is green. Gainsight's bands.
RED, YELLOW = 50, 75
BANDS: Final = {"low": "red", "middle": "yellow", "high": "green"}

#: Missed obligations at which their part is 0.
MISSED: Final = 3


class Health(NamedTuple):
    """A health and how it came about.

    :param points: 0 to 100, halves rounded up; None if less than ``LEAST_COVERAGE`` is known
    :param band: ``red``, ``yellow`` or ``green``; None without points
    :param coverage: share of the whole weight that is known, 0 to 1
    :param explained: the known parts with their shares of weight and points, also where there are no points
    """

    points: int | None
    band: str | None
    coverage: float
    explained: tuple[Explained, ...]


def health(parts: Mapping[str, float | None], weights: Mapping[str, float]) -> Health:
    """Give the weighted mean of the known parts; unknown ones leave their weight to the others.

    :param parts: value of each part; one without a weight does not count
    :param weights: 0 or more, in any unit; a factor that is no part is unknown
    :raise ValueError: as of ``tools.score.score``
    """
    result = score(Part(factor, parts.get(factor), weight) for factor, weight in weights.items())
    # shares of weights such as 0.1 may miss the limit by a hair
    enough = result.points is not None and round(result.coverage, 9) >= LEAST_COVERAGE
    points = result.points if enough else None
    return Health(points, health_band(points), result.coverage, result.explained)


def health_band(points: int | None) -> str | None:
    """Give the band of a health: 0-50 red, 51-75 yellow, 76-100 green. None without points."""
    return None if points is None else BANDS[band(points, RED, YELLOW)]


# === PARTS === #


def recency(days_since: float | None, rhythm: float | None) -> float | None:
    """Compare the silence since the last purchase with the customer's rhythm.

    1 up to one rhythm, 0 from three on, a straight line between; with a rhythm of 0 (or less) any silence is 0.

    :param days_since: days since the last purchase; None without one
    :param rhythm: days that usually lie between two purchases; None if there is none
    """
    if days_since is None or rhythm is None:
        return None
    if rhythm <= 0:
        return 1.0 if days_since <= 0 else 0.0
    return _clamp((3 * rhythm - days_since) / (2 * rhythm))


def trend(recent: float | None, before: float | None, known_days: int | None) -> float | None:
    """Compare the revenue of two half-years: 0.5 + 0.5 * (recent - before) / the greater of them, within 0 to 1.

    The same revenue gives 0.5; nothing after something 0; something after nothing 1.

    :param recent: revenue of the last 182 days; None = 0
    :param before: revenue of the 182 days before; None = 0
    :param known_days: days since the first purchase or contract; None without one
    :return: None for customers that are known for less than 364 days, or without revenue in both
    """
    recent, before = recent or 0.0, before or 0.0
    most = max(recent, before)
    if known_days is None or known_days < TREND_DAYS or most <= 0:
        return None
    return _clamp(0.5 + 0.5 * (recent - before) / most)


def overdue(amount: float | None, revenue_year: float | None, was_invoiced: bool) -> float | None:
    """Compare what the customer owes past its due date with a quarter of what it bought in a year.

    1 - amount / (revenue_year / 4), within 0 to 1: who owes as much as it buys in a quarter is at 0. Any debt of
    somebody who bought nothing is 0 too. As in the risk of contracts.

    :param amount: open and past due; None, 0 or less = nothing
    :param revenue_year: of the two half-years of the trend; None = 0
    :param was_invoiced: whether there ever was an invoice; None is returned if not
    """
    if not was_invoiced:
        return None
    quarter = (revenue_year or 0.0) / 4
    if amount is None or amount <= 0:
        return 1.0
    return _clamp(1 - amount / quarter) if quarter > 0 else 0.0


def feedback(kind: str | None, score: float | None) -> float | None:
    """Bring the last answer to one scale: NPS score / 10; CSAT (score - 1) / 4.

    :param kind: ``nps`` or ``csat``
    :param score: 0 to 10 or 1 to 5; None without an answer
    :raise ValueError: if the kind is unknown, or the score is not one of its scale
    """
    if score is None:
        return None
    if kind not in SCALES:
        raise ValueError(f"Unknown kind of feedback: {kind}")
    least, most = SCALES[kind]
    if not least <= score <= most:
        raise ValueError(f"Not within {least} to {most}: {score}")
    return (score - least) / (most - least)


def obligations(missed: int | None, has_contract: bool) -> float | None:
    """Count our obligations that are past their day: 1 with none, 0 with three or more.

    :param missed: their number; None = 0
    :param has_contract: whether a contract is in force; None is returned if not
    """
    return 1 - min(1.0, (missed or 0) / MISSED) if has_contract else None


def notice(risk: float | None, has_contract: bool) -> float | None:
    """Turn the risk of an undecided notice deadline round: 1 - risk.

    :param risk: 0 to 1, the greatest factor ``notice`` of the risks of its contracts; None = 0
    :param has_contract: whether a contract is in force; None is returned if not
    """
    return 1 - _clamp(risk or 0.0) if has_contract else None


def _clamp(number: float) -> float:
    return min(max(number, 0.0), 1.0)
