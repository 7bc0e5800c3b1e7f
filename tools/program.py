"""Compile stages and rules into the tables that the fold in ``replay`` works by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from .compile_rule import compile_rule, waits_for_silence
from .compiled_rule import CompiledRule
from .kinds import counts_in
from .meters import ALWAYS, ENDLESS, MeterTable, Update

if TYPE_CHECKING:
    from .policy import Condition, Rule, Stage

#: Rows of the tables: one per stage after these two.
PINNED = 0
NOWHERE = 1

#: By row, rules with the best first: highest target, then lowest sequence, then id.
RuleTable = Sequence[tuple[CompiledRule, ...]]
#: How a rule is tried: a meter must have reached a value; whether that is all; the rule.
Trial = tuple[int, float, bool, CompiledRule]
#: What an event of one kind does: meters to count up, meters to keep the day in, other updates,
#: by row the rules to try (None for manual events, which have their own way), and the work of
#: the events that follow.
Work = tuple[
    tuple[int, ...],
    tuple[int, ...],
    tuple[Update, ...],
    tuple[tuple[Trial, ...], ...] | None,
    "WorkByKind",
]


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """A compiled policy. Tables have a row for pinned customers, for nowhere, and per stage.

    :param rows: row of each stage id
    :param stage_ids: stage id of each row
    :param lapsed: by row, whether the stage is lapsed
    :param rules: the rules that may apply in a row
    :param rules_by_hand: those of them that a manual event touches
    :param work: what to do by event kind, for a customer's first event
    :param patience: days in which no timed rule falls due as long as its needs are not met
    :param blank: the meters of a customer without events
    :param per_cycle: meters that start anew with each cycle, and their first value
    """

    rows: dict[int, int]
    stage_ids: tuple[int | None, ...]
    lapsed: tuple[bool, ...]
    rules: RuleTable
    rules_by_hand: RuleTable
    work: WorkByKind
    patience: int
    blank: list[Any]
    per_cycle: tuple[tuple[int, Any], ...]


@lru_cache(maxsize=256)
def compile_program(stages: tuple[Stage, ...], rules: tuple[Rule, ...]) -> Program:
    """Compile a policy. Equal policies share a program, which learns as it is used (see ``WorkByKind``).

    :return: the tables that ``replay`` works by
    """
    by_id = {stage.id: stage for stage in stages}
    rows = {stage_id: row for row, stage_id in enumerate(by_id, NOWHERE + 1)}
    known = [rule for rule in rules if rule.stage_id in by_id and rule.conditions]
    known.sort(key=lambda rule: (-by_id[rule.stage_id].sequence, rule.sequence, rule.id))
    meters = MeterTable()
    compiled = [compile_rule(rule, rows[rule.stage_id], meters) for rule in known]
    table: list[tuple[CompiledRule, ...]] = [()]
    for stage in (None, *by_id.values()):
        table.append(tuple(item for item in compiled if _applies(item.rule, stage, by_id)))
    return Program(
        rows=rows,
        stage_ids=(None, None, *rows),
        lapsed=(False, False, *(stage.is_lapsed for stage in by_id.values())),
        rules=table,
        rules_by_hand=[tuple(item for item in row if _is_touched(item, "manual")) for row in table],
        work=WorkByKind(meters, table),
        patience=min((rule.soonest(meters.blank, 0, 0) for rule in compiled if rule.is_timed), default=ENDLESS),
        blank=meters.blank,
        per_cycle=tuple(meters.per_cycle),
    )


def _applies(rule: Rule, stage: Stage | None, stages: dict[int, Stage]) -> bool:
    """Tell whether a rule may move those who stand in a stage (None = nowhere)."""
    if stage is None:
        return not rule.from_stage_ids
    if stage.id == rule.stage_id:
        return False
    if rule.from_stage_ids:
        return stage.id in rule.from_stage_ids
    return stage.is_lapsed or stages[rule.stage_id].sequence > stage.sequence


class WorkByKind(dict[str, Work]):
    """What an event does, by kind, to a customer of whom it is known what has happened so far.

    Made as it is needed: each kind when it first comes up, and one object for each set of
    needs of conditions that are met by some event. Rules with other needs are not tried.
    ``timers`` are the timed rules that may hold, ``timed`` those that may in each row.
    """

    def __init__(
        self,
        meters: MeterTable,
        table: RuleTable,
        met: frozenset[tuple[str, str]] | None = None,
        siblings: dict[frozenset[tuple[str, str]], WorkByKind] | None = None,
    ) -> None:
        """Prepare for customers without events (``met`` is None) or with some."""
        super().__init__()
        self._meters = meters
        self._table = table
        self._met = met
        self._siblings = {} if siblings is None else siblings
        self.timed = [tuple(rule for rule in row if rule.is_timed and self._may_hold(rule)) for row in table]
        self.timers = tuple({rule: None for row in self.timed for rule in row})

    def __missing__(self, kind: str) -> Work:
        if kind == "contact" and self._met is not None:  # tells nothing new
            work: Work = ((), (), (), ((),) * len(self._table), self)
        else:
            fed_by = self._meters.fed_by
            following = self._following(kind)
            work = (
                tuple(feed.slot for feed in fed_by(kind, "count")),
                tuple(feed.slot for feed in fed_by(kind, "mark")),
                tuple(feed.update for feed in fed_by(kind, "update") if feed.update),
                None if kind == "manual" else following._trials(kind),
                following,
            )
        self[kind] = work
        return work

    def _following(self, kind: str) -> WorkByKind:
        needs = {need for row in self._table for rule in row for need in _needs(rule)}
        met = frozenset(need for need in needs if counts_in(kind, *need)).union(self._met or ())
        if met == self._met:
            return self
        if met not in self._siblings:
            self._siblings[met] = WorkByKind(self._meters, self._table, met, self._siblings)
        return self._siblings[met]

    def _trials(self, kind: str) -> tuple[tuple[Trial, ...], ...]:
        changed = self._meters.changed_by(kind)
        return tuple(
            tuple(
                _trial(rule, changed)
                for rule in row
                if _is_touched(rule, kind) and self._may_hold(rule)
            )
            for row in self._table
        )

    def _may_hold(self, compiled: CompiledRule) -> bool:
        return all(need in (self._met or ()) for need in _needs(compiled))


def _needs(compiled: CompiledRule) -> list[tuple[str, str]]:
    """List kind and measure of the conditions that fail as long as no event counts in them."""
    return [
        (condition.kind, condition.measure)
        for condition in compiled.rule.conditions
        if condition.measure in ("score", "silence")
        or (condition.measure != "age" and _is_at_least_one(condition))
    ]


def _is_at_least_one(condition: Condition) -> bool:
    return condition.operator == "at_least" and condition.threshold >= 1


def _is_touched(compiled: CompiledRule, kind: str) -> bool:
    """Tell whether an event touches a rule and does not break the very silence it needs."""
    conditions = compiled.rule.conditions
    return any(counts_in(kind, c.kind, c.measure) for c in conditions) and not any(
        waits_for_silence(c) and c.threshold > 0 and counts_in(kind, c.kind) for c in conditions
    )


def _trial(compiled: CompiledRule, changed: set[int]) -> Trial:
    """Choose what to test first: a lower limit, best of something that the event has not changed."""
    floors = [(slot, low) for slot, low, _high in compiled.levels if low > -ENDLESS]
    is_all = not compiled.spans and not compiled.sums and len(floors) == len(compiled.levels) == 1
    # a day that must not be too long ago must first of all be known
    floors += [(slot, 1) for slot, low, _high in compiled.spans if low == -ENDLESS]
    floors.sort(key=lambda limit: limit[0] in changed)
    slot, low = floors[0] if floors else (ALWAYS, 0)
    return slot, low, is_all, compiled
