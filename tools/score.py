"""Scores of 0 to 100 that can be explained: weighted means of factors, some of which may be unknown."""

from collections.abc import Iterable
from math import floor, fsum, isfinite
from typing import Literal, NamedTuple


class Part(NamedTuple):
    """What one factor says.

    :param factor: name of the factor
    :param value: 0 to 1; None = unknown
    :param weight: 0 or more, in any unit
    """

    factor: str
    value: float | None
    weight: float


class Explained(NamedTuple):
    """What one known factor does to the score.

    :param factor: name of the factor
    :param value: 0 to 1
    :param weight: share of the weight of all known factors, 0 to 1
    :param points: its share of the score, 0 to 100, not rounded; those of all factors add up to the score
    """

    factor: str
    value: float
    weight: float
    points: float


class Score(NamedTuple):
    """A score and how it came about.

    :param points: 0 to 100, halves rounded up; None if nothing is known
    :param coverage: share of the whole weight that is known, 0 to 1
    :param explained: the known factors, in the order of the parts
    """

    points: int | None
    coverage: float
    explained: tuple[Explained, ...]


def score(parts: Iterable[Part]) -> Score:
    """Give the weighted mean of the known parts: ``sum(weight * value) / sum(weight)``.

    An unknown part is left out, and the others share its weight: it never counts as 0. Factors without
    weight say nothing, so if there are only such, nothing is known.

    :raise ValueError: if a value is not within 0 to 1, or a weight is negative or not finite
    """
    parts = list(parts)
    for part in parts:
        if part.value is not None and not 0 <= part.value <= 1:
            raise ValueError(f"Not within 0 to 1: {part.factor} = {part.value}")
        if not (isfinite(part.weight) and part.weight >= 0):
            raise ValueError(f"Not a weight: {part.factor} = {part.weight}")
    known = [(part.factor, part.value, part.weight) for part in parts if part.value is not None]
    weight = fsum(part_weight for _factor, _value, part_weight in known)
    if not weight:
        return Score(None, 0.0, ())
    explained = tuple(
        Explained(factor, value, part_weight / weight, 100 * value * part_weight / weight)
        for factor, value, part_weight in known
    )
    mean = fsum(value * part_weight for _factor, value, part_weight in known) / weight
    return Score(_round_half_up(100 * mean), weight / fsum(part.weight for part in parts), explained)


def band(points: int, low: int = 50, high: int = 75) -> Literal["low", "middle", "high"]:
    """Tell in which band a score lies; a limit itself still belongs to the lower band.

    :param points: 0 to 100
    :param low: the most that is low
    :param high: the most that is in the middle
    :raise ValueError: if ``low`` is above ``high``
    """
    if low > high:
        raise ValueError(f"Limits out of order: {low} > {high}")
    if points <= low:
        return "low"
    return "middle" if points <= high else "high"


def _round_half_up(number: float) -> int:
    # What is a half in decimals may be a hair less in binary.
    return floor(round(number, 9) + 0.5)
