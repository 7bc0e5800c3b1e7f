"""The scales on which customers answer, and what an answer means."""

from typing import Final, Literal

NPS: Final = "nps"
CSAT: Final = "csat"

#: Least and greatest score by kind of question.
SCALES: Final = {NPS: (0, 10), CSAT: (1, 5)}
#: By kind: from which score on an answer is neutral, and from which on it is good.
LIMITS: Final = {NPS: (7, 9), CSAT: (3, 4)}


def sentiment(kind: str, score: float) -> Literal["bad", "neutral", "good"]:
    """Tell what an answer means: promoters are good, detractors bad; 4 and 5 of 5 are satisfied.

    :param kind: ``nps`` or ``csat``
    :param score: on the scale of the kind; ratings may lie between two whole numbers
    :raise KeyError: for another kind
    """
    neutral, good = LIMITS[kind]
    return "bad" if score < neutral else "neutral" if score < good else "good"
