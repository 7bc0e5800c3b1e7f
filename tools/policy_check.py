"""What is wrong with a policy, as data. The models say it in words and refuse to store it."""

from collections.abc import Iterable, Iterator
from math import inf, isfinite
from typing import NamedTuple

from .policy import Condition, Rule, Stage

MEASURES = ("count", "days", "amount", "score", "silence", "age", "running")
SCOPED_MEASURES = ("count", "days", "amount", "score")
OPERATORS = ("at_least", "at_most")
SCOPES = ("lifetime", "cycle", "rolling")

NO_CONDITIONS = "no_conditions"
UNKNOWN_STAGE = "unknown_stage"
UNKNOWN_CHOICE = "unknown_choice"
OWN_SOURCE = "own_source"
BAD_THRESHOLD = "negative_threshold"
BAD_WINDOW = "bad_window"
SHORT_WAIT = "short_wait"
NEVER_TRIED = "never_tried"
TIME_LOOP = "time_loop"


class Problem(NamedTuple):
    """Something that must not be stored.

    :param code: one of the constants of this module
    :param rule_ids: the rule concerned; of a loop all its rules, in order
    """

    code: str
    rule_ids: tuple[int, ...]


def check_policy(stages: Iterable[Stage], rules: Iterable[Rule]) -> list[Problem]:
    """List the problems of a policy.

    ================== ======================================================================
    no_conditions      the rule asks for nothing, so it never moves anyone
    unknown_stage      target or from-stage is not among the stages
    unknown_choice     measure, operator or scope does not exist
    own_source         the target is one of the from-stages
    negative_threshold threshold below zero, or not a number
    bad_window         a rolling window of less than a day
    short_wait         to wait for less than a day in the stage, or of silence
    never_tried        no event touches the rule and no waiting makes it hold
    time_loop          by waiting alone the rules would move a customer round for ever
    ================== ======================================================================

    :return: empty if the policy is sound; loops are looked for in otherwise sound rules
    """
    by_id = {stage.id: stage for stage in stages}
    problems, sound = [], []
    for rule in rules:
        codes = dict.fromkeys(_check_rule(rule, by_id))
        problems += [Problem(code, (rule.id,)) for code in codes]
        if not codes:
            sound.append(rule)
    return problems + [Problem(TIME_LOOP, loop) for loop in _find_loops(by_id, sound)]


def _check_rule(rule: Rule, stages: dict[int, Stage]) -> Iterator[str]:
    if not rule.conditions:
        yield NO_CONDITIONS
    elif all(c.measure == "age" and c.operator == "at_most" for c in rule.conditions):
        yield NEVER_TRIED
    if not {rule.stage_id, *rule.from_stage_ids} <= stages.keys():
        yield UNKNOWN_STAGE
    if rule.stage_id in rule.from_stage_ids:
        yield OWN_SOURCE
    for condition in rule.conditions:
        yield from _check_condition(condition)


def _check_condition(condition: Condition) -> Iterator[str]:
    is_scoped = condition.measure in SCOPED_MEASURES
    if (
        condition.measure not in MEASURES
        or condition.operator not in OPERATORS
        or (is_scoped and condition.scope not in SCOPES)
    ):
        yield UNKNOWN_CHOICE
    if not isfinite(condition.threshold) or condition.threshold < 0:
        yield BAD_THRESHOLD
    elif _is_wait(condition) and condition.threshold < 1:
        yield SHORT_WAIT
    if is_scoped and condition.scope == "rolling" and condition.window_days < 1:
        yield BAD_WINDOW


def _is_wait(condition: Condition) -> bool:
    return condition.measure in ("age", "silence") and condition.operator == "at_least"


class _Step(NamedTuple):
    """A move that can happen by waiting, again and again: its rule asks for days in the stage."""

    rule: Rule
    source: int


def _find_loops(stages: dict[int, Stage], rules: Iterable[Rule]) -> Iterator[tuple[int, ...]]:
    """Find rounds that customers would go for ever without any event.

    Silence, like a rolling limit, sets in once after an event. Only days in the stage begin
    anew with each move, so every rule of such a round asks for them. A round of rules that
    contradict one another is harmless. Gives one loop per rule that no other loop has named.
    """
    steps = [
        _Step(rule, source)
        for rule in rules
        if any(c.measure == "age" and c.operator == "at_least" for c in rule.conditions)
        for source in _sources(rule, stages)
    ]
    named: set[int] = set()
    for step in steps:
        if step.rule.id not in named and (loop := _close(step.source, [step], steps)):
            rule_ids = tuple(item.rule.id for item in loop)
            named.update(rule_ids)
            yield rule_ids


def _sources(rule: Rule, stages: dict[int, Stage]) -> list[int]:
    """List the stages from which a rule moves."""
    if rule.from_stage_ids:
        return sorted(rule.from_stage_ids)
    target = stages[rule.stage_id]
    return [
        stage.id
        for stage in stages.values()
        if stage.id != target.id and (stage.is_lapsed or stage.sequence < target.sequence)
    ]


def _close(start: int, path: list[_Step], steps: list[_Step]) -> list[_Step] | None:
    """Continue a path of steps until it comes back to its start, if it can."""
    here = path[-1].rule.stage_id
    if here == start:
        return path
    passed = {step.source for step in path}
    for step in steps:
        if step.source == here and step.rule.stage_id not in passed - {start}:
            longer = [*path, step]
            if _agree([item.rule for item in longer]) and (loop := _close(start, longer, steps)):
                return loop
    return None


def _agree(rules: Iterable[Rule]) -> bool:
    """Tell whether the conditions of several rules can hold while nothing happens."""
    low: dict[tuple[str, ...], float] = {}
    high: dict[tuple[str, ...], float] = {}
    for condition in (condition for rule in rules for condition in rule.conditions):
        if condition.measure == "age":
            continue
        key = _measured(condition)
        if condition.operator == "at_least":
            low[key] = max(low.get(key, -inf), condition.threshold)
        else:
            high[key] = min(high.get(key, inf), condition.threshold)
    return all(low[key] <= high.get(key, inf) for key in low)


def _measured(condition: Condition) -> tuple[str, ...]:
    """Name what a condition measures, so that equal names are equal values."""
    if condition.measure == "running":
        return ("running",)
    if condition.measure == "silence":
        return ("silence", condition.kind)
    window = str(condition.window_days) if condition.scope == "rolling" else ""
    return (condition.measure, condition.kind, condition.scope, window)
