"""Laws of ``tools.replay`` that hold for any policy and any events, tried with Hypothesis."""

from datetime import datetime, timedelta, timezone
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.default_policy import default_policy
from ..tools.kinds import KINDS
from ..tools.policy_check import check_policy
from ..tools.replay import Condition, Event, Policy, Rule, Stage, replay, sort_key
from .replay_oracle import is_time_condition, slow_replay

START = datetime(2024, 3, 25)
LATER = datetime(2024, 7, 1)
#: Two of them skip midnight within the span of the events: Beirut on 31 March, Cairo on 26 April 2024.
ZONES = ("UTC", "America/New_York", "Asia/Beirut", "Africa/Cairo", "Pacific/Kiritimati", "Etc/GMT+12")
STAGES = st.integers(1, 5)

conditions = st.builds(
    Condition,
    kind=st.sampled_from((*["any", "purchase"] * 5, *KINDS, "enquiry")),
    measure=st.sampled_from((*["count", "days", "amount", "silence", "age"] * 2, "score", "running")),
    operator=st.sampled_from(("at_least", "at_least", "at_least", "at_most")),
    threshold=st.sampled_from((0, 1, 1, 1, 1.5, 2, 2, 3, 5, 8)),
    scope=st.sampled_from(("lifetime", "lifetime", "cycle", "rolling")),
    window_days=st.integers(1, 12),
)


@st.composite
def policies(draw):
    """Policies that ``check_policy`` accepts, with one or two lapsed stages or none."""
    lapsed = draw(st.sets(STAGES, max_size=2))
    stages = [Stage(number, number * 10, is_lapsed=number in lapsed) for number in range(1, 6)]
    rules = []
    for rule_id in range(1, draw(st.integers(4, 12)) + 1):
        target = draw(STAGES)
        rule = Rule(
            id=rule_id,
            stage_id=target,
            from_stage_ids=draw(st.just(frozenset()) | st.frozensets(STAGES, min_size=1, max_size=3)) - {target},
            conditions=tuple(draw(st.lists(conditions, min_size=1, max_size=draw(st.sampled_from((1, 2, 2, 3)))))),
            sequence=draw(st.integers(1, 3)),
        )
        if not check_policy(stages, [*rules, rule]):
            rules.append(rule)
    return Policy(tuple(stages), tuple(rules))


@st.composite
def event_lists(draw, zones=ZONES):
    """Sorted events within some weeks, several at one instant now and then, of companies in several time zones."""
    home = draw(st.sampled_from(zones))
    events, minute = [], 0
    for number in range(1, draw(st.integers(0, 16)) + 1):
        minute += draw(st.sampled_from((0, 0, 7, 120, 600, 1440, 1440, 3000, 8640, 20160)))
        events.append(draw(_events(START + timedelta(minutes=minute), number, draw(st.sampled_from((home, *zones))))))
    return sorted(events, key=sort_key)


@st.composite
def _events(draw, date, number, zone):
    kind = draw(st.sampled_from((*KINDS, *["order"] * 5, "invoice", "contract_start", "ticket")))
    values = {}
    if kind == "manual":
        values["stage_id"] = draw(st.none() | STAGES)
        values["pin"] = draw(st.sampled_from((None, None, True, False)))
        values["origin"] = draw(st.sampled_from((None, "manual", "import")))
        values["user_id"] = 7
    return Event(
        date=date,
        day=date.replace(tzinfo=timezone.utc).astimezone(ZoneInfo(zone)).toordinal(),
        kind=kind,
        amount=float(draw(st.integers(-5, 0) if kind == "refund" else st.integers(0, 6))),
        score=draw(st.none() | st.sampled_from((1.0, 5.0, 9.0))),
        model=kind,
        res_id=number,
        id=number,
        **values,
    )


instants = st.integers(0, 100 * 24 * 60).map(lambda minutes: START + timedelta(minutes=minutes))
laws = settings(database=None, deadline=None, max_examples=200, suppress_health_check=list(HealthCheck))


class TestReplayLaws(BaseCase):
    @laws
    @given(policies(), event_lists(), instants | st.just(LATER), st.sampled_from(ZONES))
    def test_replay_equals_the_slow_oracle(self, policy, events, now, tz):
        self.assertEqual(tuple(replay(policy, events, now, tz)), slow_replay(policy, events, now, tz))

    @laws
    @given(policies(), event_lists(), st.randoms())
    def test_arrival_order_does_not_matter(self, policy, events, random):
        arrived = random.sample(events, len(events))
        self.assertEqual(replay(policy, sorted(arrived, key=sort_key), LATER), replay(policy, events, LATER))

    @laws
    @given(policies(), event_lists(), instants, instants, st.sampled_from(ZONES))
    def test_later_replay_only_appends(self, policy, events, one, other, tz):
        early, late = sorted((one, other))
        before, _check = replay(policy, events, early, tz)
        after, _check = replay(policy, events, late, tz)
        kept = after[: len(before)]
        self.assertEqual(kept[:-1], before[:-1])
        if before:
            self.assertEqual(kept[-1]._replace(exited_at=None), before[-1])
            if kept[-1].exited_at:
                self.assertGreater(kept[-1].exited_at, early)

    @laws
    @given(policies(), event_lists(), st.sampled_from(ZONES))
    def test_incremental_replay_equals_full_replay(self, policy, events, tz):
        """As the engine does it: one replay after each event, and one at each ``next_check``."""
        stored = []
        for position in range(len(events) + 1):
            known = events[:position]
            now = known[-1].date if known else START
            until = events[position].date if position < len(events) else LATER
            while True:
                visits, check = replay(policy, known, now, tz)
                self.assertEqual(visits[: len(stored[:-1])], stored[:-1])
                stored = visits
                if check is None or check >= until:
                    break
                now = check
        self.assertEqual(stored, replay(policy, events, LATER, tz).visits)

    @laws
    @given(policies(), event_lists(), instants | st.just(LATER), st.sampled_from(ZONES))
    def test_visits_tile_time_and_at_most_one_is_open(self, policy, events, now, tz):
        visits, _check = replay(policy, events, now, tz)
        self.assertEqual([visit.number for visit in visits], list(range(1, len(visits) + 1)))
        for visit, following in pairwise(visits):
            self.assertEqual(visit.exited_at, following.entered_at)
            self.assertLessEqual(visit.entered_at, visit.exited_at)
            self.assertNotEqual(visit.stage_id, following.stage_id)
            lapsed = {stage.id for stage in policy.stages if stage.is_lapsed}
            is_won_back = visit.stage_id in lapsed and following.stage_id not in lapsed
            self.assertEqual(following.cycle, visit.cycle + is_won_back)
        if visits:
            self.assertIsNone(visits[-1].exited_at)
            self.assertEqual(visits[0].cycle, 1)
            self.assertLessEqual(visits[-1].entered_at, now)

    @laws
    @given(policies(), event_lists())
    def test_manual_moves_always_appear(self, policy, events):
        visits, _check = replay(policy, events, LATER)
        by_hand = [event for event in events if event.kind == "manual" and event.stage_id]
        for event in by_hand:
            there = [v for v in visits if v.stage_id == event.stage_id and v.entered_at <= event.date]
            self.assertTrue(any(v.exited_at is None or v.exited_at >= event.date for v in there))

    @laws
    @given(policies(), event_lists(), instants, st.floats(0, 1), st.sampled_from(ZONES))
    def test_nothing_changes_before_next_check(self, policy, events, now, share, tz):
        visits, check = replay(policy, events, now, tz)
        wait = (check or LATER + timedelta(days=400)) - now
        assume(wait > timedelta(seconds=1))
        between = now + min(wait * share, wait - timedelta(seconds=1))
        self.assertEqual(replay(policy, events, between, tz), (visits, check))

    @laws
    @given(policies(), event_lists(), instants, st.sampled_from(ZONES))
    def test_next_check_is_worth_it(self, policy, events, now, tz):
        visits, check = replay(policy, events, now, tz)
        if check and check not in {event.date for event in events}:
            self.assertGreater(check, now)
            self.assertGreater(len(replay(policy, events, check, tz).visits), len(visits))

    @laws
    @given(policies(), event_lists())
    def test_accepted_policies_come_to_rest(self, policy, events):
        """However long nothing happens: rules that wait cannot keep a customer moving."""
        waits = sum(map(is_time_condition, (c for rule in policy.rules for c in rule.conditions)))
        visits, check = replay(policy, events, datetime(2400, 1, 1))
        self.assertIsNone(check)
        self.assertLessEqual(len(visits), (len(events) + 1) * (1 + waits) * (len(policy.stages) + len(events)))

    @laws
    @given(event_lists(), instants)
    def test_shipped_policy_equals_the_slow_oracle(self, events, now):
        shipped = default_policy()
        shorter = [
            rule if rule.id not in (7, 8, 12) else Rule(
                rule.id, rule.stage_id, rule.from_stage_ids,
                tuple(
                    Condition(c.kind, c.measure, c.operator, 9 if c.threshold == 365 else c.threshold, c.scope, 12)
                    for c in rule.conditions
                ),
            )
            for rule in shipped.rules
        ]
        policy = Policy(shipped.stages, tuple(shorter))
        self.assertEqual(tuple(replay(policy, events, now)), slow_replay(policy, events, now))
