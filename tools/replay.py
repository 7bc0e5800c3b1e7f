"""The fold that decides where a customer stands: events in, visits out. Nothing else decides stages.

Before each event, the timed rules that fell due are fired at local midnight of their day. Then
the event is counted, and the rules that it touches are tried: one move per event, to the highest
target. A timed rule is due on the day on which its time conditions begin to hold together, if
that day is later than the one on which the customer entered the stage: nothing overdue fires on
entry, so rules cannot spin.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

from .compiled_rule import CompiledRule
from .kinds import KIND_ORDER, KINDS, counts_in_any
from .local_time import LAST_DAY, midnight_utc
from .meters import ENTERED
from .policy import Condition, Policy, Rule, Stage
from .policy_check import Problem, check_policy
from .program import NOWHERE, PINNED

__all__ = [
    "KINDS",
    "Condition",
    "Event",
    "Policy",
    "Problem",
    "Replay",
    "Rule",
    "Stage",
    "Visit",
    "check_policy",
    "is_pinned",
    "replay",
    "sort_key",
]

_date = itemgetter(0)
_new = tuple.__new__
#: At one instant, the days of two time zones are at most this far apart.
ZONES_APART = 2


class Event(NamedTuple):
    """Something that happened to a customer.

    ``replay`` reads by position and takes any sequence of this layout, longer ones too, such as
    the rows of a database cursor.

    :param date: naive UTC datetime, in whole seconds
    :param day: proleptic ordinal of the local day in the time zone of the event's company; one before the
        day of an earlier event (of a company in another time zone) counts as that day
    :param kind: one of ``KINDS``
    :param amount: in company currency; negative for a refund
    :param score: answer to a survey, if any
    :param model: model of the document
    :param res_id: id of the document
    :param stage_id: of a manual event: where the customer was put; None = not moved
    :param pin: of a manual event: True = rules keep off from now on, False = no longer
    :param origin: of a manual event: ``manual`` or ``import``
    :param user_id: of a manual event: who did it
    :param id: orders events of the same instant and kind
    """

    date: datetime
    day: int
    kind: str
    amount: float = 0.0
    score: float | None = None
    model: str | None = None
    res_id: int | None = None
    stage_id: int | None = None
    pin: bool | None = None
    origin: str | None = None
    user_id: int | None = None
    id: int = 0


class Visit(NamedTuple):
    """One stay in one stage.

    :param number: 1 for the customer's first visit
    :param cycle: 1, and one more each time a lapsed stage is left
    :param entered_at: naive UTC datetime
    :param exited_at: naive UTC datetime; None = still there
    :param origin: ``rule``, ``manual`` or ``import``
    :param rule_id: the rule that moved the customer
    :param user_id: the person who did
    :param model: model of the document that gave cause, if any
    :param res_id: its id
    """

    number: int
    cycle: int
    stage_id: int
    entered_at: datetime
    exited_at: datetime | None
    origin: str
    rule_id: int | None
    user_id: int | None
    model: str | None
    res_id: int | None


class Replay(NamedTuple):
    """What a replay gives.

    :param visits: in order; all but the last are closed
    :param next_check: naive UTC datetime before which, without new events, nothing changes;
        None = nothing ever will
    """

    visits: list[Visit]
    next_check: datetime | None


def sort_key(event: Sequence[Any]) -> tuple[datetime, int, int]:
    """Give the key by which ``replay`` wants a customer's events sorted: date, kind, id."""
    return event[0], KIND_ORDER.get(event[2], len(KINDS)), event[11]


def is_pinned(events: Sequence[Sequence[Any]], now: datetime) -> bool:
    """Tell whether rules keep off the customer.

    :param events: sorted
    :param now: naive UTC datetime; later events do not count
    """
    for event in reversed(events):
        if event[2] == "manual" and event[8] is not None and event[0] <= now:
            return bool(event[8])
    return False


def replay(policy: Policy, events: Sequence[Sequence[Any]], now: datetime, tz: str = "UTC") -> Replay:
    """Give the visits that a policy makes of a customer's events.

    Pure: the same arguments give the same visits, and a later ``now`` only appends to them.

    :param policy: with rules that do not apply to the customer left out (``Policy.without``)
    :param events: ``Event``s or rows of the same layout, sorted by ``sort_key``
    :param now: naive UTC datetime; later events are not applied
    :param tz: name of the time zone of the customer's company, for the midnights of timed rules
    :return: visits and the date of the next possible change
    """
    future = None
    if events and events[-1][0] > now:
        position = bisect_right(events, now, key=_date)
        future = events[position][0]
        events = events[:position]
    fold = _Fold(policy, events, tz)
    fold.run()
    next_check = fold.fire_until(now)
    if next_check is None or (future and future < next_check):
        next_check = future
    return _new(Replay, (fold.visits(), next_check))


class _Fold:
    """The state of one customer while the events pass by."""

    __slots__ = ("events", "is_pinned", "last", "meters", "moves", "program", "row", "tz", "work")

    def __init__(self, policy: Policy, events: Sequence[Sequence[Any]], tz: str) -> None:
        self.program = policy.program
        self.events = events
        self.tz = tz
        self.meters = self.program.blank.copy()
        # date, row, event that gave cause if any, rule (None = by hand)
        self.moves: list[tuple[datetime, int, Sequence[Any] | None, CompiledRule | None]] = []
        self.work = self.program.work
        self.row = NOWHERE
        self.is_pinned = False
        self.last: Sequence[Any] | None = None

    def run(self) -> None:
        """Apply the events.

        One long loop, because calls would cost more than what they do. ``soon`` is a day before
        which no timed rule can fall due whatever happens: one comparison spares most events the
        timers. Days never go back, even if companies in different time zones sell to a customer.
        """
        program, meters, moves, row = self.program, self.meters, self.moves, self.row
        work, lapsed = program.work, program.lapsed
        today = self.events[0][1] if self.events else 0
        soon, last = today + program.patience - ZONES_APART, None
        for event in self.events:
            day = event[1]
            if day > today:
                today = day
            if today >= soon:
                self.last, self.work = last, work
                today, soon = self.catch_up(event[0], today)
                row = PINNED if self.is_pinned else self.row
            counts, marks, updates, trials, work = work[event[2]]
            for slot in counts:
                meters[slot] += 1
            for slot in marks:
                meters[slot] = today
            for update in updates:
                update(meters, today, event)
            if trials is None:
                self.apply_by_hand(event, today)
                row, soon = PINNED if self.is_pinned else self.row, 0
            else:
                for slot, low, is_all, compiled in trials[row]:
                    if meters[slot] >= low and (is_all or compiled.holds(meters, today)):
                        row = self.row = compiled.row
                        meters[ENTERED] = today
                        moves.append((event[0], row, event, compiled))
                        if lapsed[row]:
                            soon = 0
                        break
            last = event
        self.last, self.work = last, work

    def catch_up(self, date: datetime, today: int) -> tuple[int, int]:
        """Fire the timed rules that fell due between two events.

        :param date: of the event that comes next
        :param today: its day
        :return: its day, not before the last timed move, and a day before which this need not be
            done again
        """
        meters, program = self.meters, self.program
        self.fire_until(date, today + ZONES_APART)
        if meters[ENTERED] > today:
            today = meters[ENTERED]
        if program.lapsed[self.row] and program.per_cycle:
            self.start_cycle()  # each event may be the first of a new cycle
            return today, 0
        soon = today + program.patience
        for compiled in self.work.timers:
            soon = min(soon, compiled.soonest(meters, today - ZONES_APART, today))
        return today, soon - ZONES_APART

    def fire_until(self, date: datetime, last_day: int = LAST_DAY) -> datetime | None:
        """Fire the timed rules that hold when they fall due.

        :param date: naive UTC datetime
        :param last_day: due days after this one are of no interest
        :return: when the next one will fire if no event comes before
        """
        while not self.is_pinned and (timed := self.work.timed[self.row]):
            timer = self.next_timer(timed, last_day)
            if timer is None:
                return None
            day, compiled = timer
            instant = midnight_utc(day, self.tz)
            if instant > date:
                return instant
            self.move(instant, day, compiled.row, self.find_silenced(compiled, instant), compiled)
        return None

    def next_timer(self, timed: Sequence[CompiledRule], last_day: int) -> tuple[int, CompiledRule] | None:
        """Give the first day on which one of some timed rules will fire if no event comes, and the rule."""
        meters = self.meters
        if self.program.lapsed[self.row]:
            self.start_cycle()
        last_date = self.last[0] if self.last else datetime.min
        past_utc = last_date.toordinal()
        after = past_utc - ZONES_APART
        if meters[ENTERED] > after:
            after = meters[ENTERED]
        while True:
            day = last_day
            due: list[CompiledRule] = []
            for compiled in timed:
                found = compiled.due(meters, after, day)
                if found is not None:
                    if found < day:
                        day, due = found, []
                    due.append(compiled)
            if not due:
                return None
            if day > past_utc + ZONES_APART or midnight_utc(day, self.tz) > last_date:
                for compiled in due:
                    if compiled.holds(meters, day):
                        return day, compiled
            after = day

    def find_silenced(self, compiled: CompiledRule, before: datetime) -> Sequence[Any] | None:
        """Give the last event before a date of the kinds whose silence a rule waited for."""
        kinds, last = compiled.silent_kinds, self.last
        if not kinds:
            return None
        if last and last[2] != "contact" and counts_in_any(last[2], kinds):
            return last
        for position in range(bisect_left(self.events, before, key=_date) - 1, -1, -1):
            event = self.events[position]
            if counts_in_any(event[2], kinds) and (event[2] != "contact" or position == 0):
                return event
        return None

    def apply_by_hand(self, event: Sequence[Any], today: int) -> None:
        """Do what a person decided. Where they put the customer, rules wait for the next event."""
        stage_id, pin = event[7], event[8]
        if pin is not None:
            self.is_pinned = pin
        row = self.program.rows.get(stage_id)
        if row is not None:
            if row != self.row:
                self.move(event[0], today, row, event, None)
        elif not self.is_pinned:
            rules = self.program.rules if pin is False else self.program.rules_by_hand
            for compiled in rules[self.row]:
                if compiled.holds(self.meters, today):
                    self.move(event[0], today, compiled.row, event, compiled)
                    return

    def move(
        self, date: datetime, day: int, row: int, event: Sequence[Any] | None, compiled: CompiledRule | None
    ) -> None:
        """Enter a stage, because of an event, by a rule (None = by hand)."""
        self.row = row
        self.meters[ENTERED] = day
        self.moves.append((date, row, event, compiled))

    def start_cycle(self) -> None:
        """Forget what is counted per cycle."""
        for slot, value in self.program.per_cycle:
            self.meters[slot] = value

    def visits(self) -> list[Visit]:
        """Turn the moves into visits."""
        stage_ids, lapsed = self.program.stage_ids, self.program.lapsed
        exits: list[datetime | None] = [move[0] for move in self.moves[1:]]
        exits.append(None)
        number = cycle = 1
        was_lapsed = False
        visits = []
        for (date, row, event, compiled), exited_at in zip(self.moves, exits, strict=False):
            if was_lapsed and not lapsed[row]:
                cycle += 1  # won back; from one lapsed stage to the next is no return
            was_lapsed = lapsed[row]
            origin = "rule"
            rule_id = user_id = model = res_id = None
            if event:
                model, res_id = event[5], event[6]
            if compiled:
                rule_id = compiled.rule_id
            elif event:
                origin, user_id = event[9] or "manual", event[10]
            visit = (number, cycle, stage_ids[row], date, exited_at, origin, rule_id, user_id, model, res_id)
            visits.append(_new(Visit, visit))
            number += 1
        return visits
