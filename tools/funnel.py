"""Funnels over visits, and the two statistics that go with them. The yardstick of the SQL reports."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from math import floor
from typing import NamedTuple

from .replay import Visit

STRICT = "strict"
ANY = "any"


class FunnelStep(NamedTuple):
    """One stage of a funnel.

    :param customers: how many count in this stage
    :param conversion: those of the next stage to those of this one, ratio; None at the end or if nobody
        counts here
    :param cumulative: those of this stage to those of the first one, ratio; None if nobody counts there
    """

    stage_id: int
    customers: int
    conversion: float | None
    cumulative: float | None


def funnel(
    visits_by_customer: Mapping[int, Sequence[Visit]] | Iterable[Sequence[Visit]],
    stage_ids: Sequence[int],
    start: datetime,
    end: datetime,
    mode: str = STRICT,
) -> list[FunnelStep]:
    """Count the customers in each stage, and how many of them went on.

    ``strict``: who, in some cycle, entered the first stage for the first time within the period. Such a
    customer counts in a stage after entering all stages up to it one after the other in that cycle,
    however much later; of several cycles, the one that led furthest counts. ``any``: who stood in a stage
    at some time within the period, if only for an instant; a ratio may exceed 1 then.

    Definition of both: HubSpot's "all stages" and "any stage" funnel reports.

    :param visits_by_customer: visits of each customer, in order; or only those lists, read one at a time
    :param stage_ids: the stages in order, without lapsed ones
    :param start: naive UTC datetime
    :param end: naive UTC datetime, no longer part of the period
    :param mode: ``strict`` or ``any``
    :return: a step for each stage
    """
    lists = visits_by_customer.values() if isinstance(visits_by_customer, Mapping) else visits_by_customer
    counts = dict.fromkeys(stage_ids, 0)
    for visits in lists:
        for stage_id in _stages_reached(visits, stage_ids, start, end, mode):
            counts[stage_id] += 1
    numbers = list(counts.values())
    following = [*numbers[1:], None]
    return [
        FunnelStep(stage_id, number, _ratio(following[position], number), _ratio(number, numbers[0]))
        for position, (stage_id, number) in enumerate(counts.items())
    ]


def _stages_reached(
    visits: Sequence[Visit], stage_ids: Sequence[int], start: datetime, end: datetime, mode: str
) -> Iterable[int]:
    if mode == ANY:
        there = {visit.stage_id for visit in visits if _overlaps(visit, start, end)}
        return [stage_id for stage_id in stage_ids if stage_id in there]
    if mode == STRICT:
        cycles: dict[int, list[Visit]] = {}
        for visit in visits:
            cycles.setdefault(visit.cycle, []).append(visit)
        depths = [_depth(cycle, stage_ids, start, end) for cycle in cycles.values()]
        return stage_ids[: max(depths, default=0)]
    raise ValueError(f"Unknown mode: {mode}")


def _overlaps(visit: Visit, start: datetime, end: datetime) -> bool:
    """Tell whether a visit, its exit excluded, and a period share an instant; a visit has at least its entry."""
    if visit.entered_at >= start:
        return visit.entered_at < end
    return visit.exited_at is None or visit.exited_at > start


def _depth(visits: Sequence[Visit], stage_ids: Sequence[int], start: datetime, end: datetime) -> int:
    """Count the stages entered in order, if the first one was entered within the period."""
    depth = 0
    for visit in visits:
        if depth < len(stage_ids) and visit.stage_id == stage_ids[depth]:
            if not depth and not start <= visit.entered_at < end:
                return 0
            depth += 1
    return depth


def _ratio(part: int | None, whole: int) -> float | None:
    return part / whole if whole and part is not None else None


def median(values: Iterable[float]) -> float | None:
    """Give the middle value, the mean of the two middle ones if their number is even; None of nothing."""
    return percentile(values, 0.5)


def percentile(values: Iterable[float], fraction: float) -> float | None:
    """Give the value below which a share of the values lies, with linear interpolation.

    Equal to PostgreSQL's ``percentile_cont``.

    :param values: in any order
    :param fraction: 0 to 1
    :return: None of nothing
    :raise ValueError: if the fraction is out of range
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"Not a fraction: {fraction}")
    ordered = sorted(values)
    if not ordered:
        return None
    rank = fraction * (len(ordered) - 1)
    below = floor(rank)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (rank - below)
