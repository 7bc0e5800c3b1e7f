"""Compile stages and rules into what the fold in `replay` needs, so that it does no needless step."""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil, floor, inf
from typing import TYPE_CHECKING, Any, NamedTuple

from .compiled_rule import CompiledRule, Crossing, Range, Sum
from .kinds import counts_in
from .meters import ALWAYS, ENDLESS, ENTERED, MeterTable, Update

if TYPE_CHECKING:
    from .policy import Condition, Rule, Stage

#: Rows of the tables: one per stage after these two.
PINNED = 0
NOWHERE = 1

#: Sums of floats are compared with this tolerance, in company currency.
TOLERANCE = 1e-6

#: How a rule is tried: a meter must have reached a value; whether that is not all; the rule.
Trial = tuple[int, float, bool, CompiledRule]
#: What an event of one kind does: meters to count up, meters to keep the day in, other updates,
#: per row the rules to try (None for manual events, which have their own way), and the work of the
#: events that follow.
Work = tuple[
    tuple[int, ...],
    tuple[int, ...],
    tuple[Update, ...],
    tuple[tuple[Trial, ...], ...] | None,
    "WorkByKind",
]


class Program(NamedTuple):
    """A compiled policy. Tables have a row for pinned customers, for nowhere, and per stage.

    :param rows: row of each stage id
    :param stage_ids: stage id of each row
    :param lapsed: by row, whether the stage is lapsed
    :param rules: by row, the rules that may apply there, best first
    :param timed: by row, those of them that time alone can make hold
    :param rules_by_hand: by row, those of them that a manual event touches
    :param work: what to do by event kind, for a customer's first event
    :param timers: all timed rules
    :param patience: days from the first event on in which no timed rule falls due
    :param blank: the meters of a customer without events
    :param per_cycle: meters that start anew with each cycle, and their first value
    """

    rows: dict[int, int]
    stage_ids: tuple[int | None, ...]
    lapsed: tuple[bool, ...]
    rules: tuple[tuple[CompiledRule, ...], ...]
    timed: tuple[tuple[CompiledRule, ...], ...]
    rules_by_hand: tuple[tuple[CompiledRule, ...], ...]
    work: WorkByKind
    timers: tuple[CompiledRule, ...]
    patience: float
    blank: list[Any]
    per_cycle: tuple[tuple[int, Any], ...]


def compile_program(stages: Iterable[Stage], rules: Iterable[Rule]) -> Program:
    """Compile a policy.

    :return: the tables that `replay` works by
    """
    ordered = list(stages)
    by_id = {stage.id: stage for stage in ordered}
    rows = {stage.id: NOWHERE + 1 + position for position, stage in enumerate(ordered)}
    known = [rule for rule in rules if rule.stage_id in by_id and rule.conditions]
    known.sort(key=lambda rule: (-by_id[rule.stage_id].sequence, rule.sequence, rule.id))
    meters = MeterTable()
    compiled = [_compile_rule(rule, rows[rule.stage_id], meters) for rule in known]

    table: list[tuple[CompiledRule, ...]] = [()]
    for stage in [None, *ordered]:
        table.append(tuple(r for r in compiled if _applies(r.rule, stage, by_id)))
    timers = tuple(rule for rule in compiled if rule.is_timed)
    return Program(
        rows=rows,
        stage_ids=(None, None, *rows),
        lapsed=(False, False, *(stage.is_lapsed for stage in ordered)),
        rules=tuple(table),
        timed=tuple(tuple(rule for rule in row if rule.is_timed) for row in table),
        rules_by_hand=tuple(
            tuple(compiled for compiled in row if _is_touched(compiled, "manual")) for row in table
        ),
        work=WorkByKind(meters, table, frozenset(), {}),
        timers=timers,
        patience=min((compiled.soonest(meters.blank, 0, 0) for compiled in timers), default=inf),
        blank=meters.blank,
        per_cycle=tuple(meters.per_cycle),
    )


def _applies(rule: Rule, stage: Stage | None, stages: dict[int, Stage]) -> bool:
    """Tell whether a rule may move those who stand in a stage (None = nowhere)."""
    if stage is None:
        return not rule.from_stage_ids and not _needs_age(rule)
    if stage.id == rule.stage_id:
        return False
    if rule.from_stage_ids:
        return stage.id in rule.from_stage_ids
    return stage.is_lapsed or stages[rule.stage_id].sequence > stage.sequence


def _needs_age(rule: Rule) -> bool:
    return any(condition.measure == "age" for condition in rule.conditions)


class WorkByKind(dict[str, Work]):
    """What an event does to a customer of whom certain kinds of events are known.

    Rules that need others are not tried. Filled as kinds come up.
    """

    def __init__(
        self,
        meters: MeterTable,
        table: list[tuple[CompiledRule, ...]],
        seen: frozenset[str],
        siblings: dict[frozenset[str], WorkByKind],
    ) -> None:
        super().__init__()
        self._meters = meters
        self._table = table
        self._seen = seen
        self._siblings = siblings
        siblings[seen] = self

    def __missing__(self, kind: str) -> Work:
        if kind == "contact" and self._seen:  # tells nothing new
            work: Work = ((), (), (), ((),) * len(self._table), self)
        else:
            work = self._make_work(kind)
        self[kind] = work
        return work

    def _make_work(self, kind: str) -> Work:
        fed_by = self._meters.fed_by
        seen = self._seen | {kind}
        following = self._siblings.get(seen)
        if following is None:
            following = WorkByKind(self._meters, self._table, seen, self._siblings)
        trials = tuple(
            tuple(
                _trial(compiled, kind, self._meters)
                for compiled in row
                if _is_touched(compiled, kind) and _may_hold(compiled, seen)
            )
            for row in self._table
        )
        return (
            tuple(feed.slot for feed in fed_by(kind, "count")),
            tuple(feed.slot for feed in fed_by(kind, "mark")),
            tuple(feed.update for feed in fed_by(kind, "update") if feed.update),
            None if kind == "manual" else trials,
            following,
        )


def _is_touched(compiled: CompiledRule, kind: str) -> bool:
    """Tell whether an event touches a rule and does not break the very silence it needs."""
    conditions = compiled.rule.conditions
    return any(counts_in(kind, c.kind, c.measure) for c in conditions) and not any(
        _is_silence(c) and c.threshold > 0 and counts_in(kind, c.kind) for c in conditions
    )


def _may_hold(compiled: CompiledRule, seen: frozenset[str]) -> bool:
    """Tell whether a rule can hold for customers with events of these kinds only."""
    return not any(
        (c.measure in ("score", "silence") or (c.operator == "at_least" and c.threshold >= 1))
        and c.measure != "age"
        and not any(counts_in(kind, c.kind, c.measure) for kind in seen)
        for c in compiled.rule.conditions
    )


def _trial(compiled: CompiledRule, kind: str, meters: MeterTable) -> Trial:
    """Choose what to test first: a lower limit, best of something that this event has not changed."""
    changed = {feed.slot for way in ("count", "update") for feed in meters.fed_by(kind, way)}
    floors = [(slot, low) for slot, low, _high in compiled.levels if low > -ENDLESS]
    floors.sort(key=lambda limit: limit[0] in changed)
    is_whole = len(compiled.levels) == len(floors) == 1 and not (compiled.spans or compiled.sums)
    # a day that is at most so long ago must first of all be there
    floors += [(slot, 1) for slot, low, _high in compiled.spans if low == -ENDLESS]
    slot, low = floors[0] if floors else (ALWAYS, 0)
    return slot, low, not is_whole, compiled


def _is_silence(condition: Condition) -> bool:
    return condition.measure == "silence" and condition.operator == "at_least"


def _compile_rule(rule: Rule, row: int, meters: MeterTable) -> CompiledRule:
    ranges = _Ranges(meters)
    for condition in rule.conditions:
        ranges.add(condition)
    return CompiledRule(
        rule=rule,
        row=row,
        levels=tuple(ranges.levels),
        spans=tuple(ranges.spans),
        sums=tuple(ranges.sums),
        crossings=tuple(ranges.crossings),
        sinking=tuple(item for item in ranges.sums if item.low == -inf),
        silent_kinds=tuple(c.kind for c in rule.conditions if _is_silence(c)),
    )


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
        rolling, window = condition.scope == "rolling", _window(condition)
        match condition.measure:
            case "age":
                self._add_wait(condition, ENTERED)
            case "silence":
                self._add_wait(condition, self.meters.last_day(condition.kind))
            case "running":
                self._add_level(condition, self.meters.running())
            case "score":
                self._add_score(condition)
            case "amount" if rolling:
                slot = self.meters.history(condition.kind)
                self.sums.append(Sum(slot, window, *_limits(condition, TOLERANCE)))
            case "amount":
                slot = self.meters.amount(condition.kind, condition.scope)
                self.levels.append((slot, *_limits(condition, TOLERANCE)))
            case "count" | "days" if rolling:
                self._add_rolling(condition)
            case "count":
                self._add_level(condition, self.meters.count(condition.kind, condition.scope))
            case "days":
                self._add_level(condition, self.meters.days(condition.kind, condition.scope))
            case _:
                raise ValueError(f"Unknown measure: {condition.measure}")

    def _add_level(self, condition: Condition, slot: int) -> None:
        self.levels.append((slot, *_whole_limits(condition)))

    def _add_wait(self, condition: Condition, slot: int) -> None:
        """Days since the day in a meter; waiting makes `at_least` true."""
        low, high = _whole_limits(condition)
        self.spans.append((slot, low, high))
        if condition.operator == "at_least":
            self.crossings.append(Crossing(slot, low, None))

    def _add_score(self, condition: Condition) -> None:
        rolling = condition.scope == "rolling"
        scope = "lifetime" if rolling else condition.scope
        slot, mark = self.meters.score(condition.kind, scope)
        self.levels.append((slot, *_limits(condition, 0.0)))
        if rolling:
            self.spans.append((mark, -ENDLESS, _window(condition) - 1))

    def _add_rolling(self, condition: Condition) -> None:
        """`n` within a window: the nth last day lies in it; at most `n`: the one before does not."""
        low, high = _whole_limits(condition)
        window = _window(condition)
        if high < 0:
            self.levels.append((ENTERED, inf, inf))
        elif condition.operator == "at_most":
            slot, ring = self.meters.nth_day(condition.kind, condition.measure, high + 1)
            self.spans.append((slot, window, 2 * ENDLESS))
            self.crossings.append(Crossing(slot, window, ring))
        elif low > 0:
            slot, _ring = self.meters.nth_day(condition.kind, condition.measure, low)
            self.spans.append((slot, -ENDLESS, window - 1))


def _window(condition: Condition) -> int:
    return min(condition.window_days, ENDLESS)


def _limits(condition: Condition, tolerance: float) -> tuple[float, float]:
    if condition.operator == "at_least":
        return condition.threshold - tolerance, inf
    return -inf, condition.threshold + tolerance


def _whole_limits(condition: Condition) -> tuple[int, int]:
    """Limits for what is counted in whole numbers: 1.5 is met by 2, not exceeded by 1."""
    limit = min(max(condition.threshold, -ENDLESS), ENDLESS)
    if condition.operator == "at_least":
        return ceil(limit), ENDLESS
    return -ENDLESS, floor(limit)
