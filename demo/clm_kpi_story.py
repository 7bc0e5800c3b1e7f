"""Two years of customers for the demo data: who came when, through which stages, and bought how often.

Drawn with a fixed seed, so that every demo looks the same, apart from the day on which it begins.
"""

from random import Random
from typing import NamedTuple

SEED = 20
DAYS = 730
CUSTOMERS = 120
#: Requests of people who never became a customer's contact.
STRANGERS = 120
FIRST = (
    "Alder", "Amber", "Beacon", "Birch", "Blue Door", "Cedar", "Clover", "Copper", "Dune", "Elm", "Falcon", "Garnet",
    "Heron", "Ivory", "Juniper", "Kestrel", "Lark", "Maple", "Nutmeg", "Opal", "Pine", "Quartz", "Rowan", "Saffron",
)  # fmt: skip
SECOND = ("Dental", "Foods", "Garage", "Interiors", "Press")
MAX_ORDERS = 12


class Story(NamedTuple):
    """One customer. Days are counted back from today; None: it did not happen."""

    name: str
    known: int
    asked: int | None
    qualified: int | None
    closed: int | None
    won: bool
    orders: tuple[int, ...]
    size: int


def stories() -> list[Story]:
    """Give all customers, those who came first first. There are more of them lately."""
    random = Random(SEED)
    names = [f"{FIRST[place % len(FIRST)]} {SECOND[place % len(SECOND) - place // 24]}" for place in range(CUSTOMERS)]
    return [_story(random, name, _came(place, CUSTOMERS)) for place, name in enumerate(names)]


def strangers() -> list[int]:
    """Give the days on which strangers asked, counted back from today."""
    return [_came(place + 0.5, STRANGERS) for place in range(STRANGERS)]


def _came(place: float, count: int) -> int:
    return round(DAYS * (1 - place / count) ** 1.3)


def _story(random: Random, name: str, known: int) -> Story:
    # always the same number of draws: the others stay as they are if one changes
    asks, qualifies, wins, loses, returns, size, waits, thinks, decides = (random.random() for _draw in range(9))
    asked = _later(known, 1 + 9 * waits) if asks < 0.85 else None
    qualified = _later(asked, 2 + 10 * thinks) if qualifies < 0.92 else None
    won = wins < 0.62
    closed = _later(qualified, 8 + 40 * decides) if won or loses < 0.85 else None
    orders = _orders(random, closed, returns) if won and closed is not None else ()
    return Story(name, known, asked, qualified, closed, won, orders, 1 + int(4 * size * size))


def _later(day: int | None, days: float) -> int | None:
    """:return: so many days after a day, if that is not in the future"""
    return None if day is None or day - days < 1 else int(day - days)


def _orders(random: Random, first: int, returns: float) -> tuple[int, ...]:
    """Half of the customers come back, one in six often; most of them stop some day."""
    pause = 24 if returns < 0.16 else 75 if returns < 0.6 else None
    days: list[int] = [first]
    while pause and len(days) < MAX_ORDERS:
        following = _later(days[-1], pause * (0.6 + 0.8 * random.random()))
        if following is None or random.random() < 0.1:
            break
        days.append(following)
    return tuple(days)
