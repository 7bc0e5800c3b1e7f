"""What the customers of the demo data say: who is asked when, and answers what.

Drawn with a fixed seed, so that every demo looks the same, apart from the day on which it begins.
"""

from random import Random
from typing import NamedTuple

SEED = 6
#: Days ago on which everybody was asked whether they recommend us; the last survey still runs.
SURVEYS = (374, 282, 190, 98, 6)
#: Days that a link is valid.
VALID = 30
#: Days between two questions of one kind.
PAUSE = 90
#: Who bought nothing for so many days is not asked.
SILENT = 180
FIRST_NAMES = ("Ada", "Bruno", "Clara", "Diego", "Elif", "Femke", "Goran", "Hanna", "Ines", "Jonas", "Karim", "Lena")
LAST_NAMES = ("Aalto", "Bianchi", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Horvat", "Ivanova", "Jansen")

COMMENTS = {
    "good": (
        "The machine has run for months without a single call. Everybody in the office is happy.",
        "Quick answer, friendly technician, fair price.",
        "We already told two neighbours about you.",
        "Support picked up at once and stayed on the line until it worked.",
        "Delivered a day early and set up while we watched. Thank you!",
        "Best coffee we have had here, and the refill comes by itself.",
        "Your people know our site by now, which saves us a lot of time.",
        "",
        "",
    ),
    "neutral": (
        "Good product, but the invoice is hard to read.",
        "All fine. The hotline could open earlier.",
        "It works. A spare parts list would help.",
        "Nice people, a little slow in spring.",
        "",
        "",
    ),
    "bad": (
        "Three visits for the same leak, and nobody could tell us what was wrong.",
        "We waited nine days for an answer.",
        "The price went up and we learned about it from the invoice.",
        "The replacement machine was louder than the old one.",
        "Nobody called back, although it was promised twice.",
        "The delivery came without the filters that we ordered.",
    ),
}
OUTCOMES = (
    "Called: the technician came back the next day and changed the pump. Customer is content.",
    "Sent the missing parts by express and wrote off the delivery.",
    "Met on site. We agreed on a fixed contact person and a call each month.",
    "Explained the new price and offered the old one until the end of the year. Accepted.",
    "Machine exchanged for the quieter model at no charge.",
)
RATINGS = (
    (5, "Exactly what we needed."), (4, "Good, a bit expensive."), (5, ""), (3, "Took longer than planned."),
    (5, "Clear and patient."), (2, "Had to explain our problem three times."), (4, ""), (5, "Would book again."),
)
RETURN_REASONS = ("Buys for another region: belongs to the partner team.", "No contact person is known yet.")


class Question(NamedTuple):
    """One question to one person. Days are counted back from today; ``answered`` is None where no answer came."""

    kind: str
    asked: int
    answered: int | None
    score: int | None
    comment: str
    survey: int | None


def person(place: int) -> tuple[str, str]:
    """Give first and last name of the contact of a customer."""
    return FIRST_NAMES[place % len(FIRST_NAMES)], LAST_NAMES[place * 7 % len(LAST_NAMES)]


def questions(place: int, orders: list[int]) -> list[Question]:
    """Give what one customer was asked, in the order of time.

    :param place: of the customer
    :param orders: days ago of the orders, the first one first
    """
    random = Random(SEED * 1000 + place)
    mood = random.random()
    asked: list[tuple[int, str, int | None]] = [
        (day, "nps", survey) for survey, day in enumerate(SURVEYS)
        if any(day < order <= day + SILENT for order in orders)
    ]
    last: int | None = None
    for order in orders:
        day = order - 21
        if 0 < day <= 400 and (last is None or last - day >= PAUSE):
            asked.append((day, "csat", None))
            last = day
    return [_question(random, mood, *each) for each in sorted(asked, reverse=True, key=lambda each: each[0])]


def sentiment(kind: str, score: int) -> str:
    """Give the group of comments that fits a score."""
    neutral, good = (7, 9) if kind == "nps" else (3, 4)
    return "bad" if score < neutral else "neutral" if score < good else "good"


def _question(random: Random, mood: float, day: int, kind: str, survey: int | None) -> Question:
    # always the same number of draws: the others stay as they are if one changes
    answers, waits, feels, exact, which = (random.random() for _draw in range(5))
    wait = int(6 * waits)
    if answers > 0.5 or day - wait < 0:
        return Question(kind, day, None, None, "", survey)
    feeling = 0.6 * mood + 0.4 * feels
    if kind == "nps":
        score = int(2 + 5 * exact) if feeling < 0.33 else 7 + round(exact) if feeling < 0.54 else 9 + round(exact)
    else:
        score = 1 + round(exact) if feeling < 0.3 else 3 if feeling < 0.4 else 4 + round(exact)
    pool = COMMENTS[sentiment(kind, score)]
    return Question(kind, day, day - wait, score, pool[int(which * len(pool))], survey)
