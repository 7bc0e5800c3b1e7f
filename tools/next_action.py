"""What to do next for a customer: from what its page knows to a short list, the most urgent first.

Only codes come from here; their texts are made where they are shown. Money is in one currency. Days count from
today: "ago" and "late" are 0 or more, "left" is below 0 once the day is over. None means that there is no such
thing, or that nobody knows.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

#: Urgencies: today, this week, when there is time.
NOW, SOON, SOME_TIME = 1, 2, 3

#: Days of debt, or after a bad answer, from which it cannot wait.
LONG_OVERDUE: Final = 30
LONG_UNANSWERED: Final = 2
#: Days left at which deadlines are shown, and at which they cannot wait.
DEADLINE_SHOWN: Final = 60
DEADLINE_NEAR: Final = 7
#: Days without an answer after which a quotation is followed up.
QUOTATION_WAITS: Final = 7
#: Days left before a customer lapses at which one can still do something about it.
LAPSE_NEAR: Final = 30
#: Points that health fell since last month at which one should ask why.
HEALTH_FELL: Final = 10


class Facts(NamedTuple):
    """What is known of a customer. The defaults are those of somebody for whom there is nothing to do.

    :param overdue_amount: open invoices past their due date; None if it may not be shown
    :param overdue_days: how late the oldest of them is; None without one
    :param low_feedback_days: how long ago the oldest bad answer without an outcome was given
    :param low_feedback_score: of that answer, in its own scale
    :param handover_late_days: how late the taker of the most overdue hand-over is
    :param missed_obligations: ours that are past their day
    :param notice_days: days left to the nearest notice deadline of a contract without a decision
    :param decision_days: days left to the day on which that decision should be made, before the notice deadline
    :param expiring_days: days left to the nearest end of a contract that nothing follows
    :param quotation_days: how long ago the oldest open quotation was sent
    :param silent_days: how late the next purchase is against the customer's own rhythm; None if it is not
    :param health: 0 to 100
    :param health_band: ``red``, ``yellow`` or ``green``
    :param health_change: points since last month
    :param lapse_days: days left until the customer lapses if nothing happens
    :param has_lapsed: whether it has
    :param has_salesperson: whether somebody is responsible
    :param has_consent: False if automatic mails need an agreement that is neither given nor refused
    :param promoter_score: of the last answer if it was a 9 or 10 (NPS) or a 5 (CSAT), and no referral was asked for
    """

    overdue_amount: float | None = None
    overdue_days: int | None = None
    low_feedback_days: int | None = None
    low_feedback_score: float | None = None
    handover_late_days: int | None = None
    missed_obligations: int = 0
    notice_days: int | None = None
    decision_days: int | None = None
    expiring_days: int | None = None
    quotation_days: int | None = None
    silent_days: int | None = None
    health: int | None = None
    health_band: str | None = None
    health_change: int | None = None
    lapse_days: int | None = None
    has_lapsed: bool = False
    has_salesperson: bool = True
    has_consent: bool = True
    promoter_score: float | None = None


class Action(NamedTuple):
    """Something to do.

    :param code: stable key, one of ``CODES``
    :param urgency: 1 today, 2 this week, 3 when there is time
    :param values: what a sentence about it needs: ``days``, ``amount``, ``score`` …, as of ``Facts``; a value that is
        not known is missing
    """

    code: str
    urgency: int
    values: dict[str, float]


#: What a rule finds: urgency and values; None if there is nothing to do.
_Found = tuple[int, dict[str, float | None]] | None


def next_actions(facts: Facts) -> list[Action]:
    """Give all that should be done, by urgency, then by the order of ``CODES``.

    While somebody is dissatisfied, owes money for long or is about to leave, it is not asked for a referral.
    """
    found = [(code, rule(facts)) for code, rule in _RULES]
    actions = [Action(code, *_known(*result)) for code, result in found if result is not None]
    return sorted(actions, key=lambda action: action.urgency)


def _known(urgency: int, values: dict[str, float | None]) -> tuple[int, dict[str, float]]:
    return urgency, {name: value for name, value in values.items() if value is not None}


# === RULES === #


def _answer_feedback(facts: Facts) -> _Found:
    if facts.low_feedback_days is None:
        return None
    urgency = NOW if facts.low_feedback_days >= LONG_UNANSWERED else SOON
    return urgency, {"days": facts.low_feedback_days, "score": facts.low_feedback_score}


def _decide_contract(facts: Facts) -> _Found:
    """A notice deadline is near, or the day before it on which to decide has come. A missed one cannot be kept."""
    left, act_by = facts.notice_days, facts.decision_days
    if left is None or left < 0:
        return None
    if left > DEADLINE_SHOWN and (act_by is None or act_by > 0):
        return None
    urgency = NOW if left <= DEADLINE_NEAR else SOON if act_by is not None and act_by <= 0 else SOME_TIME
    return urgency, {"days": left, "act_by": act_by}


def _collect_payment(facts: Facts) -> _Found:
    if facts.overdue_days is None or facts.overdue_days <= 0:
        return None
    urgency = NOW if facts.overdue_days >= LONG_OVERDUE else SOON
    return urgency, {"days": facts.overdue_days, "amount": facts.overdue_amount}


def _meet_obligations(facts: Facts) -> _Found:
    return (NOW, {"count": facts.missed_obligations}) if facts.missed_obligations > 0 else None


def _settle_handover(facts: Facts) -> _Found:
    late = facts.handover_late_days
    return None if late is None or late < 0 else (NOW, {"days": late})


def _renew_contract(facts: Facts) -> _Found:
    left = facts.expiring_days
    if left is None or not 0 <= left <= DEADLINE_SHOWN:
        return None
    return (NOW if left <= DEADLINE_NEAR else SOON), {"days": left}


def _save_customer(facts: Facts) -> _Found:
    """Health is red, or fell a lot; what has lapsed is not saved but won back."""
    fell = facts.health_change is not None and facts.health_change <= -HEALTH_FELL
    if facts.has_lapsed or not (facts.health_band == "red" or fell):
        return None
    urgency = NOW if facts.health_band == "red" and fell else SOON
    return urgency, {"health": facts.health, "change": facts.health_change}


def _follow_up_quotation(facts: Facts) -> _Found:
    if facts.quotation_days is None or facts.quotation_days < QUOTATION_WAITS:
        return None
    return SOON, {"days": facts.quotation_days}


def _call_before_lapse(facts: Facts) -> _Found:
    left = facts.lapse_days
    if facts.has_lapsed or left is None or not 0 <= left <= LAPSE_NEAR:
        return None
    return (NOW if left <= DEADLINE_NEAR else SOON), {"days": left}


def _call_silent_buyer(facts: Facts) -> _Found:
    """Once it is about to lapse, one call is enough."""
    if facts.silent_days is None or facts.silent_days <= 0 or facts.has_lapsed or _call_before_lapse(facts):
        return None
    return SOON, {"days": facts.silent_days}


def _win_back(facts: Facts) -> _Found:
    return (SOME_TIME, {}) if facts.has_lapsed else None


def _assign_salesperson(facts: Facts) -> _Found:
    return None if facts.has_salesperson else (SOON, {})


def _ask_consent(facts: Facts) -> _Found:
    return None if facts.has_consent else (SOME_TIME, {})


def _ask_referral(facts: Facts) -> _Found:
    if facts.promoter_score is None or any(rule(facts) for rule in _UNHAPPY):
        return None
    return SOME_TIME, {"score": facts.promoter_score}


#: Signs that this is no moment to ask for a favour.
_UNHAPPY: Final = (_answer_feedback, _collect_payment, _meet_obligations, _save_customer, _win_back)

#: In the order in which those of the same urgency are told: what people wait for, then money at risk, then chances.
_RULES: Final[tuple[tuple[str, Callable[[Facts], _Found]], ...]] = (
    ("answer_feedback", _answer_feedback),
    ("decide_contract", _decide_contract),
    ("meet_obligations", _meet_obligations),
    ("settle_handover", _settle_handover),
    ("collect_payment", _collect_payment),
    ("renew_contract", _renew_contract),
    ("save_customer", _save_customer),
    ("call_before_lapse", _call_before_lapse),
    ("call_silent_buyer", _call_silent_buyer),
    ("follow_up_quotation", _follow_up_quotation),
    ("assign_salesperson", _assign_salesperson),
    ("win_back", _win_back),
    ("ask_referral", _ask_referral),
    ("ask_consent", _ask_consent),
)

#: All codes.
CODES: Final = tuple(code for code, _rule in _RULES)
