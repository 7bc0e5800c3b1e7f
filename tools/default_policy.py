"""The policy that the addon ships with, as plain values, for tests and benchmarks."""

from .policy import Condition, Policy, Rule, Stage

AWARENESS, ACQUISITION, CONVERSION, RETENTION, LOYALTY, LAPSED = range(1, 7)


def default_stages() -> tuple[Stage, ...]:
    """Give the stages; their ids are the constants above."""
    return (
        Stage(AWARENESS, 10),
        Stage(ACQUISITION, 20),
        Stage(CONVERSION, 30, is_customer=True),
        Stage(RETENTION, 40, is_customer=True),
        Stage(LOYALTY, 50, is_customer=True),
        Stage(LAPSED, 60, is_lapsed=True),
    )


def default_rules() -> tuple[Rule, ...]:
    """Give the rules, numbered from 1."""
    anywhere: frozenset[int] = frozenset()
    bought = _at_least("purchase", "count", 1)
    often = Condition("purchase", "days", "at_least", 5, "rolling", 365)
    no_contract = Condition("any", "running", "at_most", 0)
    rules = (
        (AWARENESS, anywhere, (_at_least("contact", "count", 1),)),
        (ACQUISITION, anywhere, (_at_least("enquiry", "count", 1),)),
        (CONVERSION, anywhere, (bought,)),
        (CONVERSION, anywhere, (_at_least("contract_start", "count", 1),)),
        (RETENTION, anywhere, (_at_least("purchase", "days", 2),)),
        (RETENTION, anywhere, (_at_least("contract_renewal", "count", 1),)),
        (RETENTION, anywhere, (_at_least("any", "running", 1), _at_least("contract_start", "silence", 365))),
        (LOYALTY, anywhere, (often,)),
        (LOYALTY, anywhere, (_at_least("contract_renewal", "count", 2),)),
        (LOYALTY, anywhere, (_at_least("feedback", "score", 9), bought)),
        (LOYALTY, anywhere, (_at_least("referral", "count", 1), bought)),
        (LAPSED, frozenset({CONVERSION, RETENTION, LOYALTY}), (_at_least("any", "silence", 365), no_contract)),
    )
    return tuple(Rule(rule_id, *values) for rule_id, values in enumerate(rules, 1))


def default_policy() -> Policy:
    """Give stages and rules together, compiled."""
    return Policy(default_stages(), default_rules())


def _at_least(kind: str, measure: str, threshold: float) -> Condition:
    return Condition(kind, measure, "at_least", threshold)
