"""RFM: customers in classes of 1 (worst) to 5 (best) by recency, frequency and money, and names for their mixture."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import floor
from typing import Any, Final

#: Number of classes.
CLASSES: Final = 5

#: Keys of the segments, the best first. What people read stands with the field.
SEGMENTS: Final = (
    "champions",
    "loyal",
    "potential_loyalists",
    "new",
    "promising",
    "need_attention",
    "about_to_sleep",
    "at_risk",
    "cannot_lose",
    "hibernating",
    "lost",
)

# R from 5 down to 1; in a row, the whole number of FM from 1 to 5
_ROWS: Final = {
    5: ("new", "potential_loyalists", "loyal", "champions", "champions"),
    4: ("promising", "potential_loyalists", "loyal", "champions", "champions"),
    3: ("promising", "need_attention", "need_attention", "loyal", "loyal"),
    2: ("about_to_sleep", "about_to_sleep", "at_risk", "at_risk", "at_risk"),
    1: ("lost", "hibernating", "at_risk", "cannot_lose", "cannot_lose"),
}

#: (R, whole number of FM): segment. Every pair of 1 to 5 is there.
SEGMENT_TABLE: Final[dict[tuple[int, int], str]] = {
    (r, fm): key for r, row in _ROWS.items() for fm, key in enumerate(row, 1)
}


def quintiles(values: Sequence[Any]) -> list[int]:
    """Give each value its class by its middle rank among all: ``ceil(5 * (less + equal / 2) / n)``.

    Equal values share a class, whatever their order, and a greater value never has a lower class. Values that are
    all different fill the classes evenly; fewer than five different ones give fewer classes, and one alone class 3.

    :param values: of all customers, the better the greater: the day of the last purchase (or days since, negated),
        number of purchases, revenue; anything that can be ordered
    :return: classes 1 to 5, in the order of the values
    """
    ordered = sorted(values)
    classes = {value: _quintile(ordered, value) for value in dict.fromkeys(ordered)}
    return [classes[value] for value in values]


def quintile(less: int, equal: int, total: int) -> int:
    """Give the class of a value: ``ceil(5 * (less + equal / 2) / total)``, in whole numbers.

    :param less: how many of the values are less
    :param equal: how many are equal, itself included
    :param total: how many there are
    :raise ValueError: if these cannot be counts of such values
    """
    if not (less >= 0 and equal >= 1 and less + equal <= total):
        raise ValueError(f"Not counts of values: {less} less, {equal} equal, {total} in total")
    return -(-CLASSES * (2 * less + equal) // (2 * total))


def segment(r: int, f: int, m: int) -> str:
    """Name what a customer is, by R and FM = (F + M) / 2; half of FM is rounded down.

    :param r: class of recency, 1 to 5
    :param f: class of frequency, 1 to 5
    :param m: class of money, 1 to 5
    :return: one of ``SEGMENTS``
    :raise ValueError: if one of them is not 1 to 5
    """
    for name, value in (("r", r), ("f", f), ("m", m)):
        if value not in range(1, CLASSES + 1):
            raise ValueError(f"Not a class of 1 to {CLASSES}: {name} = {value}")
    return SEGMENT_TABLE[r, floor((f + m) / 2)]


def _quintile(ordered: Sequence[Any], value: object) -> int:
    less = bisect_left(ordered, value)
    return quintile(less, bisect_right(ordered, value) - less, len(ordered))
