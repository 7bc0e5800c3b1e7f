"""The meaning of a policy, spelled out as slowly and plainly as possible, to judge ``tools.replay`` by.

Nothing is kept between decisions but the moves made so far: every measure is taken anew from the
list of all events applied, and time passes day by day.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, timezone
from zoneinfo import ZoneInfo

from ..tools.replay import Condition, Event, Rule, Stage, Visit

KINDS_OF = {
    "enquiry": ("lead", "opportunity", "quotation"),
    "purchase": ("order", "invoice"),
}
#: Longer than any threshold or window in the tests: what has not happened by then never will.
PATIENCE = 100


def local_midnight(day: int, tz: str) -> datetime:
    local = datetime.combine(date.fromordinal(day), time(), ZoneInfo(tz))
    return local.astimezone(timezone.utc).replace(tzinfo=None)


def counted(condition: Condition, kind: str) -> bool:
    if condition.measure == "age":
        return False
    if condition.measure == "running":
        return kind in ("contract_start", "contract_end")
    if condition.kind == "any":
        return kind != "contact"
    if condition.kind == "purchase" and condition.measure == "amount" and kind == "refund":
        return True
    return kind in KINDS_OF.get(condition.kind, (condition.kind,))


@dataclass
class Oracle:
    stages: dict[int, Stage]
    rules: list[Rule]
    tz: str
    applied: list[tuple[int, Event]] = field(default_factory=list)
    cycle_start: int = 0
    clock: int = 0
    here: int | None = None
    entry_day: int = 0
    is_pinned: bool = False
    visits: list[Visit] = field(default_factory=list)

    # What conditions measure

    def value(self, condition: Condition, day: int) -> float | None:
        start = self.cycle_start if condition.scope == "cycle" else 0
        if condition.measure in ("silence", "running"):
            start = 0
        hits = [(d, e) for d, e in self.applied[start:] if counted(condition, e.kind)]
        if condition.scope == "rolling" and condition.measure in ("count", "days", "amount"):
            hits = [(d, e) for d, e in hits if day - d < condition.window_days]
        match condition.measure:
            case "count":
                return len(hits)
            case "days":
                return len({d for d, _e in hits})
            case "amount":
                return sum(e.amount for _d, e in hits)
            case "running":
                return sum(1 if e.kind == "contract_start" else -1 for _d, e in hits)
            case "silence":
                return day - hits[-1][0] if hits else None
            case "age":
                return day - self.entry_day if self.here else None
        scores = [(d, e.score) for d, e in hits if e.score is not None]
        if not scores or (
            condition.scope == "rolling" and day - scores[-1][0] >= condition.window_days
        ):
            return None
        return scores[-1][1]

    def holds(self, condition: Condition, day: int) -> bool:
        value = self.value(condition, day)
        if value is None:
            return False
        if condition.operator == "at_least":
            return value >= condition.threshold
        return value <= condition.threshold

    # Which rules are tried

    def ranked(self) -> list[Rule]:
        def rank(rule):
            return -self.stages[rule.stage_id].sequence, rule.sequence, rule.id

        return sorted((rule for rule in self.rules if self.applies(rule)), key=rank)

    def applies(self, rule: Rule) -> bool:
        if self.here is None:
            return not rule.from_stage_ids
        if rule.stage_id == self.here:
            return False
        if rule.from_stage_ids:
            return self.here in rule.from_stage_ids
        stage = self.stages[self.here]
        return stage.is_lapsed or self.stages[rule.stage_id].sequence > stage.sequence

    def try_rules(self, rules: list[Rule], day: int) -> Rule | None:
        for rule in rules:
            if all(self.holds(condition, day) for condition in rule.conditions):
                return rule
        return None

    # Time

    def becomes_due(self, rule: Rule, day: int) -> bool:
        waits = [c for c in rule.conditions if is_time_condition(c)]
        return bool(waits) and (
            all(self.holds(condition, day) for condition in waits)
            and not all(self.holds(condition, day - 1) for condition in waits)
        )

    def next_timer(self, since: datetime) -> tuple[int, Rule] | None:
        """The next timed move if no event comes: not before ``since``, nor on the day of entry."""
        if self.is_pinned or not self.applied:
            return None
        if self.here and self.stages[self.here].is_lapsed:
            self.cycle_start = len(self.applied)
        first = max(self.entry_day, since.toordinal() - 3) + 1
        last = max([self.clock, self.entry_day]) + PATIENCE
        for day in range(first, last):
            if local_midnight(day, self.tz) > since:
                due = [rule for rule in self.ranked() if self.becomes_due(rule, day)]
                if rule := self.try_rules(due, day):
                    return day, rule
        return None

    def pass_time(self, since: datetime, until: datetime) -> datetime | None:
        while timer := self.next_timer(since):
            day, rule = timer
            instant = local_midnight(day, self.tz)
            if instant > until:
                return instant
            self.move(instant, day, rule.stage_id, self.silenced(rule), rule)
        return None

    def silenced(self, rule: Rule) -> Event | None:
        waits = [c for c in rule.conditions if (c.measure, c.operator) == ("silence", "at_least")]
        hits = [e for _d, e in self.applied if any(counted(c, e.kind) for c in waits)]
        return hits[-1] if hits else None

    # Events

    def apply(self, event: Event) -> None:
        self.clock = max(self.clock, event.day, self.entry_day)
        if event.kind == "contact" and self.applied:
            return
        if self.here and self.stages[self.here].is_lapsed:
            self.cycle_start = len(self.applied)
        self.applied.append((self.clock, event))
        if event.kind == "manual":
            if event.pin is not None:
                self.is_pinned = event.pin
            if event.stage_id in self.stages:
                if event.stage_id != self.here:
                    self.move(event.date, self.clock, event.stage_id, event, None)
                return
        if self.is_pinned:
            return
        rules = self.ranked()
        if event.kind != "manual" or event.pin is None:
            rules = [r for r in rules if any(counted(c, event.kind) for c in r.conditions)]
        if rule := self.try_rules(rules, self.clock):
            self.move(event.date, self.clock, rule.stage_id, event, rule)

    def move(self, instant, day, stage_id, event, rule) -> None:
        number, cycle = 1, 1
        if self.visits:
            last = self.visits[-1]
            number = last.number + 1
            is_won_back = self.stages[last.stage_id].is_lapsed and not self.stages[stage_id].is_lapsed
            cycle = last.cycle + is_won_back
            self.visits[-1] = last._replace(exited_at=instant)
        self.visits.append(
            Visit(
                number,
                cycle,
                stage_id,
                instant,
                None,
                "rule" if rule else event.origin or "manual",
                rule.id if rule else None,
                None if rule else event.user_id,
                event.model if event else None,
                event.res_id if event else None,
            )
        )
        self.here, self.entry_day = stage_id, day


def is_time_condition(condition: Condition) -> bool:
    if condition.operator == "at_least":
        return condition.measure in ("silence", "age")
    return condition.scope == "rolling" and condition.measure in ("count", "days", "amount")


def slow_replay(policy, events, now: datetime, tz: str = "UTC"):
    """Do what ``tools.replay.replay`` does."""
    oracle = Oracle({stage.id: stage for stage in policy.stages}, list(policy.rules), tz)
    since = datetime.min + timedelta(days=10)
    future = [event.date for event in events if event.date > now]
    for event in events:
        if event.date <= now:
            oracle.pass_time(since, event.date)
            oracle.apply(event)
            since = event.date
    timer = oracle.pass_time(since, now)
    expected = [date for date in (timer, *future) if date]
    return oracle.visits, min(expected, default=None)
