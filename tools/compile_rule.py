"""Turn the conditions of a rule into ranges over meters."""

from __future__ import annotations

from math import ceil, floor, inf
from typing import TYPE_CHECKING

from .compiled_rule import CompiledRule, Crossing, Range, Sum
from .meters import ALWAYS, ENDLESS, ENTERED, NEVER, MeterTable

if TYPE_CHECKING:
    from .policy import Condition, Rule

#: Sums of floats are compared with this tolerance, in company currency.
TOLERANCE = 1e-6


def compile_rule(rule: Rule, row: int, meters: MeterTable) -> CompiledRule:
    """Compile a rule.

    :param row: of the target stage
    :param meters: gets the meters that the rule needs
    """
    ranges = _Ranges(meters)
    for condition in rule.conditions:
        ranges.add(condition)
    return CompiledRule(
        rule=rule,
        rule_id=rule.id,
        row=row,
        levels=tuple(ranges.levels),
        spans=tuple(ranges.spans),
        sums=tuple(ranges.sums),
        crossings=tuple(ranges.crossings),
        sinking=tuple(item for item in ranges.sums if item.low == -inf),
        silent_kinds=tuple(c.kind for c in rule.conditions if waits_for_silence(c)),
    )


def waits_for_silence(condition: Condition) -> bool:
    """Tell whether an event of the kind makes the condition fail."""
    return condition.measure == "silence" and condition.operator == "at_least"


class _Ranges:
    """Collects the ranges of one rule's conditions."""

    def __init__(self, meters: MeterTable) -> None:
        self.meters = meters
        self.levels: list[Range] = []
        self.spans: list[Range] = []
        self.sums: list[Sum] = []
        self.crossings: list[Crossing] = []

    def add(self, condition: Condition) -> None:
        """Add what one condition demands."""
        kind, scope = condition.kind, condition.scope
        match condition.measure:
            case "age":
                self._add_wait(condition, ENTERED)
            case "silence":
                self._add_wait(condition, self.meters.last_day(kind))
            case "running":
                self._add_level(condition, self.meters.running())
            case "score":
                self._add_score(condition)
            case "amount" if scope == "rolling":
                limits = _limits(condition, TOLERANCE)
                self.sums.append(Sum(self.meters.history(kind), _window(condition), *limits))
            case "amount":
                slot = self.meters.amount(kind, scope)
                self.levels.append((slot, *_limits(condition, TOLERANCE)))
            case "count" if scope != "rolling":
                self._add_level(condition, self.meters.count(kind, scope))
            case "days" if scope == "cycle":
                self._add_level(condition, self.meters.days_in_cycle(kind))
            case "count" | "days":
                self._add_nth_day(condition)
            case _:
                raise ValueError(f"Unknown measure: {condition.measure}")

    def _add_level(self, condition: Condition, slot: int) -> None:
        self.levels.append((slot, *_whole_limits(condition)))

    def _add_wait(self, condition: Condition, slot: int) -> None:
        """Limit the days since the day in a meter; waiting makes ``at_least`` true."""
        low, high = _whole_limits(condition)
        self.spans.append((slot, low, high))
        if condition.operator == "at_least":
            self.crossings.append((slot, low, None))

    def _add_score(self, condition: Condition) -> None:
        rolling = condition.scope == "rolling"
        scope = "lifetime" if rolling else condition.scope
        slot, mark = self.meters.score(condition.kind, scope)
        self.levels.append((slot, *_limits(condition, 0.0)))
        if rolling:
            self.spans.append((mark, -ENDLESS, _window(condition) - 1))

    def _add_nth_day(self, condition: Condition) -> None:
        """``at_least`` n: the nth last day is known, or in the window; ``at_most``: the one before is not."""
        low, high = _whole_limits(condition)
        at_most = condition.operator == "at_most"
        number = high + 1 if at_most else low
        if number < 1:
            self.levels.append((ALWAYS, 1, 1) if at_most else (ALWAYS, 0, 0))
            return
        slot, days_slot = self.meters.nth_day(condition.kind, condition.measure, number)
        if condition.scope != "rolling":
            self.levels.append((slot, NEVER, 0) if at_most else (slot, 1, ENDLESS))
        elif at_most:
            self.spans.append((slot, _window(condition), 2 * ENDLESS))
            self.crossings.append((slot, _window(condition), days_slot))
        else:
            self.spans.append((slot, -ENDLESS, _window(condition) - 1))


def _window(condition: Condition) -> int:
    return min(condition.window_days, ENDLESS)


def _limits(condition: Condition, tolerance: float) -> tuple[float, float]:
    if condition.operator == "at_least":
        return condition.threshold - tolerance, inf
    return -inf, condition.threshold + tolerance


def _whole_limits(condition: Condition) -> tuple[int, int]:
    """Give limits for whole numbers: at least 1.5 is at least 2, at most 1.5 is at most 1."""
    limit = min(max(condition.threshold, -ENDLESS), ENDLESS)
    if condition.operator == "at_least":
        return ceil(limit), ENDLESS
    return -ENDLESS, floor(limit)
