"""Runs of days: the first and the last one of days in a row."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta

DAY = timedelta(days=1)

#: First and last day, both included.
Run = tuple[date, date]


def gaps(first: date, last: date, holes: Sequence[Run]) -> Iterator[Run]:
    """Give the days from the first to the last that are in none of the holes, which are in order and disjoint."""
    for index in range(bisect_left(holes, first, key=lambda hole: hole[1]), len(holes)):
        start, end = holes[index]
        if start > last:
            break
        if start > first:
            yield first, start - DAY
        if end >= last:
            return
        first = end + DAY
    if first <= last:
        yield first, last


def union(runs: Iterable[Run]) -> list[Run]:
    """Give the days that are in any of the runs, in order; runs that touch become one."""
    found: list[Run] = []
    for start, end in sorted(run for run in runs if run[0] <= run[1]):
        if found and (start - found[-1][1]).days <= 1:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found
