"""Coordinates of a small line chart: values and goals of a row of periods, some of which may be missing."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

#: Room for the ends of lines and for dots, in the unit of width and height.
MARGIN = 3.0


class Trend(NamedTuple):
    """What is to be drawn. A line is a text of points, "x,y x,y", as in SVG; y grows downwards.

    :param lines: the values; periods without one leave a gap
    :param dots: values between two gaps, pairs of x and y
    :param goals: the goals, as lines; a single one is a short stroke
    :param last: the value of the last period; None if there is none
    """

    lines: list[str]
    dots: list[tuple[float, float]]
    goals: list[str]
    last: tuple[float, float] | None


def draw_trend(values: Sequence[float | None], goals: Sequence[float | None], width: float, height: float) -> Trend:
    """Lay values and goals out in a box, the oldest on the left; both have the same scale.

    :param values: one per period, None where it is not known
    :param goals: as many
    :raise ValueError: if there are more goals than values, or fewer
    """
    if len(values) != len(goals):
        raise ValueError(f"{len(values)} values, {len(goals)} goals")
    known = [number for number in (*values, *goals) if number is not None]
    low, high = (min(known), max(known)) if known else (0.0, 0.0)
    step = (width - 2 * MARGIN) / max(len(values) - 1, 1)

    def place(number: int, value: float) -> tuple[float, float]:
        share = (value - low) / (high - low) if high > low else 0.5
        return round(MARGIN + number * step, 1), round(height - MARGIN - share * (height - 2 * MARGIN), 1)

    runs = [[place(*one) for one in run] for run in _runs(values)]
    aims = [[place(*one) for one in run] for run in _runs(goals)]
    last = values[-1] if values else None
    return Trend(
        lines=[_points(run) for run in runs if len(run) > 1],
        dots=[run[0] for run in runs if len(run) == 1],
        goals=[_points(run if len(run) > 1 else _stroke(run[0])) for run in aims],
        last=place(len(values) - 1, last) if last is not None else None,
    )


def _runs(numbers: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    """Give the stretches without gaps, as pairs of place and number."""
    run: list[tuple[int, float]] = []
    for place, number in enumerate(numbers):
        if number is not None:
            run.append((place, number))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _stroke(point: tuple[float, float]) -> list[tuple[float, float]]:
    x, y = point
    return [(x - MARGIN, y), (x + MARGIN, y)]


def _points(run: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in run)
