"""What ``tools.replay`` makes of given events, case by case."""

from dataclasses import replace
from datetime import date, datetime, timedelta
from random import Random

from odoo.tests import BaseCase

from ..tools import default_policy as shipped
from ..tools.kinds import KINDS
from ..tools.local_time import midnight_utc
from ..tools.replay import Condition, Event, Policy, Rule, Stage, check_policy, is_pinned, replay, sort_key

AWARENESS, ACQUISITION, CONVERSION = shipped.AWARENESS, shipped.ACQUISITION, shipped.CONVERSION
RETENTION, LOYALTY, LAPSED = shipped.RETENTION, shipped.LOYALTY, shipped.LAPSED
START = date(2023, 1, 1)
A, B, C, GONE = 1, 2, 3, 9
STAGES = (Stage(A, 10), Stage(B, 20), Stage(C, 30), Stage(GONE, 90, is_lapsed=True))


def at(day, hour=12, minute=0):
    """The UTC instant some days after 1 January 2023."""
    return datetime.combine(START, datetime.min.time()) + timedelta(days=day, hours=hour, minutes=minute)


#: Later than anything in these tests.
FOR_EVER = at(10_000)


def event(day, kind, hour=12, **values):
    instant = at(day, hour)
    return Event(**{"date": instant, "day": instant.toordinal(), "kind": kind, **values})


def by_hand(day, stage_id=None, hour=12, **values):
    return event(day, "manual", hour, **{"stage_id": stage_id, "origin": "manual", "user_id": 2, **values})


def at_least(kind, measure, threshold, **values):
    return Condition(kind, measure, "at_least", threshold, **values)


def at_most(kind, measure, threshold, **values):
    return Condition(kind, measure, "at_most", threshold, **values)


def rolling(days):
    return {"scope": "rolling", "window_days": days}


def rule(rule_id, stage_id, *conditions, sources=(), sequence=10):
    return Rule(rule_id, stage_id, frozenset(sources), conditions, sequence)


class ReplayCase(BaseCase):
    policy = shipped.default_policy()

    def visits(self, *events, now=FOR_EVER, tz="UTC", policy=None):
        return replay(policy or self.policy, sorted(events, key=sort_key), now, tz).visits

    def next_check(self, *events, now, tz="UTC", policy=None):
        return replay(policy or self.policy, sorted(events, key=sort_key), now, tz).next_check

    def path(self, *events, **kwargs):
        """Stages with the days on which they were entered, counted from the start."""
        return [(v.stage_id, (v.entered_at - at(0, 0)).days) for v in self.visits(*events, **kwargs)]

    def stages(self, *events, **kwargs):
        return [visit.stage_id for visit in self.visits(*events, **kwargs)]


class TestShippedPolicy(ReplayCase):
    """The rules that the addon ships with, as they stand 300 days after the start."""

    def assert_ends_in(self, stage_id, *events):
        self.assertEqual(self.stages(*events, now=at(300))[-1:], [stage_id] if stage_id else [])

    def test_contact_when_first_known_then_awareness(self):
        self.assert_ends_in(AWARENESS, event(0, "contact"))

    def test_enquiry_of_any_kind_then_acquisition(self):
        for kind in ("lead", "opportunity", "quotation"):
            self.assert_ends_in(ACQUISITION, event(0, "contact"), event(1, kind))

    def test_first_purchase_or_contract_then_conversion(self):
        for kind in ("order", "invoice", "contract_start"):
            self.assert_ends_in(CONVERSION, event(0, "contact"), event(1, kind))

    def test_purchase_when_nothing_before_then_straight_to_conversion(self):
        self.assertEqual(self.path(event(5, "order"), now=at(300)), [(CONVERSION, 5)])

    def test_purchases_when_on_one_day_then_not_retention(self):
        self.assert_ends_in(CONVERSION, event(1, "order", 8), event(1, "order", 10), event(1, "invoice", 20))

    def test_purchases_when_on_two_days_then_retention(self):
        self.assert_ends_in(RETENTION, event(1, "order"), event(2, "invoice"))

    def test_renewal_when_first_then_retention(self):
        self.assert_ends_in(RETENTION, event(1, "contract_start"), event(200, "contract_renewal"))

    def test_renewal_when_second_then_loyalty(self):
        events = event(1, "contract_start"), event(100, "contract_renewal"), event(200, "contract_renewal")
        self.assert_ends_in(LOYALTY, *events)

    def test_purchases_when_on_five_days_within_a_year_then_loyalty(self):
        self.assert_ends_in(LOYALTY, *(event(day, "order") for day in range(5)))

    def test_purchases_when_the_fifth_day_is_one_too_late_then_not_loyalty(self):
        days = (0, 90, 180, 270)
        within, beyond = [*days, 364], [*days, 365]
        self.assertEqual(self.stages(*(event(day, "order") for day in within), now=at(365))[-1], LOYALTY)
        self.assertEqual(self.stages(*(event(day, "order") for day in beyond), now=at(366))[-1], RETENTION)

    def test_promoter_when_after_a_purchase_then_loyalty(self):
        self.assert_ends_in(LOYALTY, event(1, "order"), event(2, "feedback", score=9.0))

    def test_promoter_when_the_last_score_is_lower_then_not_loyalty(self):
        self.assert_ends_in(CONVERSION, event(1, "order"), event(2, "feedback", score=8.0), event(3, "feedback"))

    def test_promoter_when_before_the_purchase_then_loyalty_with_it(self):
        self.assertEqual(self.path(event(1, "feedback", score=10.0), event(9, "order"), now=at(10)), [(LOYALTY, 9)])

    def test_referral_when_it_has_bought_then_loyalty(self):
        self.assert_ends_in(None, event(1, "referral"))
        self.assert_ends_in(LOYALTY, event(1, "referral"), event(2, "order"))

    def test_contract_when_running_for_a_year_then_retention(self):
        self.assertEqual(self.path(event(0, "contract_start")), [(CONVERSION, 0), (RETENTION, 365)])

    def test_contract_when_ended_within_a_year_then_lapsed_after_a_silent_one(self):
        path = self.path(event(0, "contract_start"), event(300, "contract_end"))
        self.assertEqual(path, [(CONVERSION, 0), (LAPSED, 665)])

    def test_customer_when_a_contract_runs_then_never_lapsed(self):
        self.assertNotIn(LAPSED, self.stages(event(0, "order"), event(1, "contract_start")))

    def test_silence_when_365_days_then_lapsed_at_midnight(self):
        order = event(0, "order", 23, model="sale.order", res_id=5)
        visit = self.visits(order)[-1]
        self.assertEqual((visit.stage_id, visit.entered_at), (LAPSED, at(365, 0)))
        self.assertEqual((visit.origin, visit.rule_id, visit.model, visit.res_id), ("rule", 12, "sale.order", 5))
        self.assertEqual(self.stages(order, now=at(364, 23, 59)), [CONVERSION])
        self.assertEqual(self.stages(order, now=at(365, 0)), [CONVERSION, LAPSED])

    def test_silence_when_broken_on_day_364_then_counts_anew(self):
        self.assertEqual(self.path(event(0, "order"), event(364, "lead")), [(CONVERSION, 0), (LAPSED, 364 + 365)])

    def test_silence_when_broken_on_day_365_then_lapsed_before(self):
        path = self.path(event(0, "order"), event(365, "lead", 0), now=at(400))
        self.assertEqual(path, [(CONVERSION, 0), (LAPSED, 365), (ACQUISITION, 365)])

    def test_silence_when_never_a_customer_then_not_lapsed(self):
        self.assertEqual(self.stages(event(0, "contact"), event(1, "lead")), [AWARENESS, ACQUISITION])

    def test_won_back_when_by_a_purchase_then_retention_of_a_new_cycle(self):
        visits = self.visits(event(0, "order"), event(500, "order"), now=at(600))
        self.assertEqual([(v.stage_id, v.cycle) for v in visits], [(CONVERSION, 1), (LAPSED, 1), (RETENTION, 2)])

    def test_won_back_when_a_quotation_comes_first_then_acquisition(self):
        events = event(0, "order"), event(500, "quotation"), event(510, "order")
        visits = self.visits(*events, now=at(600))
        self.assertEqual(
            [(v.stage_id, v.cycle) for v in visits],
            [(CONVERSION, 1), (LAPSED, 1), (ACQUISITION, 2), (RETENTION, 2)],
        )

    def test_lapsed_when_a_refund_comes_then_still_lapsed(self):
        self.assertEqual(self.stages(event(0, "order"), event(500, "refund", amount=-5.0)), [CONVERSION, LAPSED])

    def test_every_step_when_in_turn_then_one_visit_each(self):
        days = (2, 3, 10, 20, 30, 40)
        kinds = ("quotation", "order", "order", "order", "order", "order")
        path = self.path(event(0, "contact"), *map(event, days, kinds), now=at(300))
        expected = [(AWARENESS, 0), (ACQUISITION, 2), (CONVERSION, 3), (RETENTION, 10), (LOYALTY, 40)]
        self.assertEqual(path, expected)


class TestEvents(ReplayCase):
    def test_replay_when_nothing_happened_then_nothing(self):
        self.assertEqual(self.visits(), [])
        self.assertIsNone(self.next_check(now=at(0)))

    def test_replay_unpacks_into_visits_and_next_check(self):
        visits, next_check = replay(self.policy, [event(0, "order")], at(1))
        self.assertEqual([v.stage_id for v in visits], [CONVERSION])
        self.assertEqual(next_check, at(365, 0))

    def test_rows_when_longer_than_events_then_taken_as_they_are(self):
        rows = [(*event(0, "order", model="sale.order", res_id=4), "partner", 7)]
        self.assertEqual(replay(self.policy, rows, at(1)).visits[0].res_id, 4)

    def test_visit_tells_its_cause(self):
        visit = self.visits(event(3, "order", model="sale.order", res_id=8), now=at(4))[0]
        self.assertEqual(
            visit, (1, 1, CONVERSION, at(3), None, "rule", 3, None, "sale.order", 8),
        )

    def test_same_instant_when_of_different_kinds_then_in_the_order_of_kinds(self):
        events = [event(0, kind, id=1) for kind in ("order", "lead", "contact")]
        visits = self.visits(*events, now=at(1))
        self.assertEqual([v.stage_id for v in visits], [AWARENESS, ACQUISITION, CONVERSION])
        self.assertEqual({v.entered_at for v in visits}, {at(0)})

    def test_same_instant_when_of_one_kind_then_in_the_order_of_ids(self):
        events = [event(0, "order", id=2, res_id=2), event(0, "order", id=1, res_id=1)]
        self.assertEqual(self.visits(*events, now=at(1))[0].res_id, 1)

    def test_contact_when_made_after_the_first_document_then_ignored(self):
        for kind in ("order", "feedback"):
            alone = self.visits(event(0, kind), now=at(9))
            self.assertEqual(self.visits(event(0, kind), event(5, "contact"), now=at(9)), alone)

    def test_orders_when_back_dated_before_the_contact_then_history_begins_with_them(self):
        self.assertEqual(self.stages(event(50, "contact"), event(-400, "order"), now=at(-100)), [CONVERSION])
        self.assertEqual(self.stages(event(50, "contact"), event(-400, "order")), [CONVERSION, LAPSED])

    def test_event_when_in_the_future_then_not_applied_but_checked_for(self):
        events = event(0, "contact"), event(20, "order"), event(30, "order")
        self.assertEqual(self.stages(*events, now=at(10)), [AWARENESS])
        self.assertEqual(self.next_check(*events, now=at(10)), at(20))
        self.assertEqual(self.next_check(*events, now=at(20)), at(30))
        self.assertEqual(self.stages(*events, now=at(20)), [AWARENESS, CONVERSION])

    def test_event_when_later_than_a_timer_then_the_timer_is_checked_for(self):
        self.assertEqual(self.next_check(event(0, "order"), event(800, "order"), now=at(10)), at(365, 0))

    def test_kind_when_unknown_then_a_sign_of_life_and_nothing_else(self):
        path = self.path(event(0, "order"), event(300, "ticket"))
        self.assertEqual(path, [(CONVERSION, 0), (LAPSED, 665)])
        policy = Policy(STAGES, (rule(1, A, at_least("ticket", "count", 1)),))
        self.assertEqual(self.path(event(3, "ticket"), policy=policy), [(A, 3)])

    def test_refund_lowers_the_amount_of_purchases_and_is_none(self):
        policy = Policy(STAGES, (
            rule(1, A, at_least("purchase", "count", 2)),
            rule(2, B, at_least("purchase", "amount", 100)),
            rule(3, C, at_most("refund", "amount", -30), at_least("refund", "count", 1)),
        ))
        order = event(0, "order", amount=90.0)
        self.assertEqual(self.path(order, event(1, "refund", amount=-20.0), policy=policy), [])
        events = order, event(1, "refund", amount=-20.0), event(2, "invoice", amount=29.99)
        self.assertEqual(self.path(*events, policy=policy), [(A, 2)])
        self.assertEqual(self.path(*events, event(3, "order", amount=0.01), policy=policy), [(A, 2), (B, 3)])
        self.assertEqual(self.path(event(0, "refund", amount=-30.0), policy=policy), [(C, 0)])

    def test_amount_when_floats_add_up_to_the_threshold_then_it_is_reached(self):
        events = event(0, "order", amount=0.1), event(1, "order", amount=0.2)
        reached, kept = at_least("order", "amount", 0.3), at_most("order", "amount", 0.3)
        self.assertEqual(self.path(*events, policy=Policy(STAGES, (rule(1, A, reached),))), [(A, 1)])
        policy = Policy(STAGES, (rule(1, A, kept, at_least("order", "count", 2)),))
        self.assertEqual(self.path(*events, policy=policy), [(A, 1)])

    def test_customer_when_with_10000_events_then_still_right(self):
        random = Random(4)
        kinds = [kind for kind in KINDS if kind not in ("manual", "contact")]
        events = [event(number // 4, random.choice(kinds), number % 24, score=1.0) for number in range(10_000)]
        policy = Policy(STAGES, (
            rule(1, A, at_least("any", "count", 1)),
            rule(2, B, at_least("order", "amount", 0, **rolling(30)), at_least("any", "age", 3)),
            rule(3, C, at_least("purchase", "days", 2500)),
            rule(4, A, at_most("order", "count", 500, **rolling(900)), sources=[B]),
            rule(5, GONE, at_most("purchase", "amount", 0, **rolling(60)), at_least("any", "age", 2), sources=[C]),
        ))
        self.assertLess(len(self.visits(*events, policy=policy)), 10_000)
        self.assertEqual(self.stages(*events, now=at(2501))[-1], LOYALTY)


class TestRules(ReplayCase):
    def test_targets_when_several_hold_then_the_highest(self):
        policy = Policy(STAGES, (
            rule(1, B, at_least("order", "count", 1)),
            rule(2, C, at_least("order", "count", 1)),
            rule(3, A, at_least("order", "count", 1)),
        ))
        self.assertEqual(self.stages(event(0, "order"), event(1, "order"), policy=policy), [C])

    def test_rules_when_of_one_target_then_lowest_sequence_then_lowest_id(self):
        order = at_least("order", "count", 1)
        policy = Policy(STAGES, (rule(3, A, order, sequence=5), rule(2, A, order, sequence=5), rule(1, A, order)))
        self.assertEqual(self.visits(event(0, "order"), policy=policy)[0].rule_id, 2)

    def test_move_when_two_rules_could_follow_one_another_then_one_per_event(self):
        policy = Policy(STAGES, (
            rule(1, A, at_least("order", "count", 1)),
            rule(2, B, at_least("order", "count", 1), sources=[A]),
        ))
        self.assertEqual(self.path(event(0, "order"), event(2, "order"), policy=policy), [(A, 0), (B, 2)])

    def test_rules_when_they_fight_then_one_move_per_event(self):
        policy = Policy(STAGES, (
            rule(1, A, at_least("order", "count", 1)),
            rule(2, B, at_least("any", "count", 1), sources=[A]),
            rule(3, A, at_least("any", "count", 1), sources=[B]),
        ))
        events = [event(0, "order", id=number) for number in range(5)]
        self.assertEqual(self.stages(*events, policy=policy), [A, B, A, B, A])
        self.assertIsNone(self.next_check(*events, policy=policy, now=at(1)))

    def test_rule_when_not_touched_then_not_tried(self):
        policy = Policy(STAGES, (rule(1, A, at_least("order", "count", 1), at_most("lead", "count", 0)),))
        self.assertEqual(self.path(event(0, "lead"), event(1, "order"), policy=policy), [])
        policy = Policy(STAGES, (
            rule(1, A, at_least("order", "count", 1)),
            rule(2, B, at_least("any", "age", 5), at_least("lead", "count", 1)),
        ))
        events = event(0, "order"), event(9, "order")
        self.assertEqual(self.path(*events, policy=policy), [(A, 0)])
        self.assertEqual(self.path(*events, event(11, "lead"), policy=policy), [(A, 0), (B, 11)])

    def test_rule_when_from_stages_are_set_then_also_backwards(self):
        policy = Policy(STAGES, (
            rule(1, C, at_least("order", "count", 1)),
            rule(2, A, at_least("refund", "count", 1), sources=[C]),
        ))
        self.assertEqual(self.stages(event(0, "refund"), event(1, "order"), event(2, "refund"), policy=policy), [C, A])

    def test_rule_when_without_conditions_then_moves_nobody(self):
        policy = Policy(STAGES, (rule(1, A), rule(2, 77, at_least("order", "count", 1))))
        self.assertEqual(self.stages(event(0, "order"), by_hand(1, pin=False), policy=policy), [])

    def test_policy_without_some_rules_then_as_if_they_were_not_there(self):
        policy = self.policy.without({5})
        self.assertEqual(self.stages(event(0, "order"), event(1, "order"), now=at(2), policy=policy), [CONVERSION])
        self.assertIs(self.policy.without([5]), policy)
        self.assertIs(self.policy.without([5, 99]).without([5]), self.policy.without([5, 99]))
        self.assertEqual(self.policy.without(()), self.policy)

    def test_policy_when_equal_then_equal_and_hashable(self):
        other = shipped.default_policy()
        self.assertEqual((other, hash(other)), (self.policy, hash(self.policy)))
        self.assertNotEqual(self.policy.without([1]), self.policy)

    def test_cycle_meters_when_won_back_then_hold_only_what_came_since(self):
        policy = Policy(STAGES, (
            rule(1, A, at_least("lead", "count", 1, scope="cycle")),
            rule(2, B, at_least("order", "days", 2, scope="cycle")),
            rule(3, C, at_least("order", "amount", 10, scope="cycle")),
            rule(4, GONE, at_least("any", "silence", 30), sources=[A, B, C]),
        ))
        before = event(0, "order", amount=4.0), event(1, "order", amount=4.0)
        self.assertEqual(self.path(*before, policy=policy), [(B, 1), (GONE, 31)])
        back = *before, event(50, "order", amount=4.0), event(60, "lead"), event(70, "order", amount=4.0)
        self.assertEqual(self.path(*back, policy=policy), [(B, 1), (GONE, 31), (A, 60), (GONE, 100)])
        more = *back, event(71, "order", amount=5.0), event(72, "order", amount=1.0)
        path = self.path(*more, policy=policy)
        self.assertEqual(path, [(B, 1), (GONE, 31), (A, 60), (B, 71), (C, 72), (GONE, 102)])

    def test_score_when_of_the_cycle_or_of_a_window_then_older_ones_do_not_count(self):
        policy = Policy(STAGES, (
            rule(1, A, at_least("lead", "count", 1)),
            rule(2, B, at_least("feedback", "score", 9, **rolling(10)), at_least("order", "count", 1)),
        ))
        praise = event(1, "feedback", score=9.0)
        self.assertEqual(self.path(praise, event(10, "order"), policy=policy), [(B, 10)])
        self.assertEqual(self.path(praise, event(11, "order"), policy=policy), [])

    def test_counts_when_fractions_are_asked_for_then_the_next_whole_number(self):
        policy = Policy(STAGES, (rule(1, A, at_least("order", "days", 1.5)), rule(2, B, at_least("any", "age", 1.5))))
        self.assertEqual(self.path(event(0, "order"), event(1, "order"), policy=policy), [(A, 1), (B, 3)])


class TestByHand(ReplayCase):
    def test_move_when_by_hand_then_in_any_direction(self):
        visits = self.visits(event(0, "order"), by_hand(1, AWARENESS), now=at(2))
        self.assertEqual(
            [(v.stage_id, v.origin, v.user_id, v.rule_id) for v in visits],
            [(CONVERSION, "rule", None, 3), (AWARENESS, "manual", 2, None)],
        )

    def test_move_when_imported_then_origin_import(self):
        self.assertEqual(self.visits(by_hand(0, LOYALTY, origin="import"), now=at(1))[0].origin, "import")

    def test_move_when_already_there_then_no_new_visit(self):
        self.assertEqual(self.path(event(0, "order"), by_hand(1, CONVERSION), now=at(2)), [(CONVERSION, 0)])

    def test_move_when_to_an_unknown_stage_then_only_a_sign_of_life(self):
        self.assertEqual(self.path(event(0, "order"), by_hand(1, 77)), [(CONVERSION, 0), (LAPSED, 366)])

    def test_move_when_not_pinned_then_rules_go_on_from_there(self):
        path = self.path(event(0, "order"), by_hand(1, AWARENESS), event(2, "order"), now=at(3))
        self.assertEqual(path, [(CONVERSION, 0), (AWARENESS, 1), (RETENTION, 2)])

    def test_move_when_at_the_instant_of_an_order_then_after_it(self):
        visits = self.visits(event(0, "order"), by_hand(0, LOYALTY), now=at(1))
        self.assertEqual([(v.stage_id, v.entered_at, v.exited_at) for v in visits],
                         [(CONVERSION, at(0), at(0)), (LOYALTY, at(0), None)])

    def test_move_when_out_of_lapsed_then_a_new_cycle(self):
        visits = self.visits(event(0, "order"), by_hand(400, CONVERSION), now=at(500))
        self.assertEqual([(v.stage_id, v.cycle) for v in visits], [(CONVERSION, 1), (LAPSED, 1), (CONVERSION, 2)])

    def test_move_when_by_hand_then_counts_as_a_sign_of_life(self):
        self.assertEqual(self.path(event(0, "order"), by_hand(300, RETENTION))[-1], (LAPSED, 665))

    def test_pinned_when_things_happen_or_time_passes_then_no_rule_moves(self):
        events = event(0, "order"), by_hand(1, pin=True), event(2, "order"), event(3, "feedback", score=10.0)
        self.assertEqual(self.path(*events), [(CONVERSION, 0)])
        self.assertIsNone(self.next_check(*events, now=at(4)))

    def test_pinned_when_moved_by_hand_then_moves(self):
        moves = by_hand(1, RETENTION, pin=True), by_hand(500, AWARENESS)
        path = self.path(event(0, "order"), *moves, event(501, "order"))
        self.assertEqual(path, [(CONVERSION, 0), (RETENTION, 1), (AWARENESS, 500)])

    def test_unpinned_then_what_was_counted_meanwhile_has_its_effect_at_once(self):
        events = event(0, "order"), by_hand(1, pin=True), event(2, "order"), by_hand(9, pin=False, res_id=3)
        self.assertEqual(self.path(*events, now=at(10)), [(CONVERSION, 0), (RETENTION, 9)])
        visit = self.visits(*events, now=at(10))[-1]
        self.assertEqual((visit.origin, visit.rule_id, visit.user_id, visit.res_id), ("rule", 5, None, 3))

    def test_unpinned_when_a_wait_is_over_then_its_rule_fires_at_once(self):
        policy = Policy(STAGES, (
            rule(1, A, at_least("order", "count", 1)),
            rule(2, B, at_least("order", "silence", 10)),
        ))
        events = event(0, "order"), by_hand(1, pin=True), by_hand(50, pin=False)
        self.assertEqual(self.path(*events, policy=policy), [(A, 0), (B, 50)])

    def test_unpinned_and_moved_at_once_then_the_hand_decides_until_the_next_event(self):
        events = event(0, "order"), event(1, "order"), by_hand(2, AWARENESS, pin=False)
        self.assertEqual(self.path(*events, now=at(3))[-1], (AWARENESS, 2))
        self.assertEqual(self.path(*events, event(4, "order"), now=at(5))[-1], (RETENTION, 4))

    def test_is_pinned_tells_the_last_word_until_now(self):
        events = [event(0, "order"), by_hand(1, pin=True), by_hand(2, AWARENESS), by_hand(5, pin=False)]
        self.assertEqual([is_pinned(events, at(day)) for day in (0, 1, 4, 5)], [False, True, True, False])


class TestTimedRules(ReplayCase):
    """A customer comes to A with an order; what happens then is a matter of time."""

    to_a = rule(1, A, at_least("order", "count", 1))

    def timed(self, *conditions, **kwargs):
        return Policy(STAGES, (self.to_a, rule(2, B, *conditions, **kwargs)))

    def test_age_then_fires_so_many_days_after_entry(self):
        policy = self.timed(at_least("any", "age", 30))
        self.assertEqual(self.path(event(0, "order"), event(20, "order"), policy=policy), [(A, 0), (B, 30)])
        self.assertEqual(self.next_check(event(0, "order"), now=at(0), policy=policy), at(30, 0))

    def test_timers_when_several_are_due_then_in_the_order_of_their_days(self):
        late = rule(3, C, at_least("any", "age", 40), sources=[A, B])
        policy = Policy(STAGES, (*self.timed(at_least("any", "age", 30)).rules, late))
        self.assertEqual(self.path(event(0, "order"), policy=policy), [(A, 0), (B, 30), (C, 70)])

    def test_timers_when_due_on_one_day_then_the_highest_target(self):
        other = rule(3, C, at_least("order", "silence", 30))
        policy = Policy(STAGES, (*self.timed(at_least("any", "age", 30)).rules, other))
        self.assertEqual(self.path(event(0, "order"), policy=policy), [(A, 0), (C, 30)])

    def test_conditions_when_two_wait_then_due_with_the_later(self):
        policy = self.timed(at_least("any", "age", 10), at_least("lead", "silence", 5))
        self.assertEqual(self.path(event(0, "order"), event(2, "lead"), policy=policy), [(A, 0), (B, 10)])
        self.assertEqual(self.path(event(0, "order"), event(8, "lead"), policy=policy), [(A, 0), (B, 13)])
        self.assertEqual(self.path(event(0, "order"), policy=policy), [(A, 0)])

    def test_wait_when_over_before_entry_then_fires_only_after_the_next_one(self):
        policy = self.timed(at_least("lead", "silence", 5))
        policy = Policy(STAGES, (self.to_a, replace(policy.rules[1], from_stage_ids=frozenset({A}))))
        events = event(0, "lead"), event(9, "order")
        self.assertEqual(self.path(*events, policy=policy), [(A, 9)])
        self.assertEqual(self.path(*events, event(20, "lead"), policy=policy), [(A, 9), (B, 25)])

    def test_wait_when_the_rest_fails_on_the_day_then_until_an_event_touches_the_rule(self):
        policy = self.timed(at_least("order", "silence", 10), at_most("any", "running", 0))
        events = event(0, "order"), event(5, "contract_start"), event(40, "lead"), event(50, "contract_end")
        self.assertEqual(self.path(*events, policy=policy), [(A, 0), (B, 50)])
        self.assertIsNone(self.next_check(*events[:2], now=at(6), policy=policy))

    def test_silence_when_at_most_then_only_shortly_after(self):
        policy = self.timed(at_most("lead", "silence", 3), at_least("invoice", "count", 1))
        events = event(0, "order"), event(1, "lead")
        self.assertEqual(self.path(events[0], event(4, "invoice"), policy=policy), [(A, 0)])
        self.assertEqual(self.path(*events, event(4, "invoice"), policy=policy), [(A, 0), (B, 4)])
        self.assertEqual(self.path(*events, event(5, "invoice"), policy=policy), [(A, 0)])

    def test_rolling_count_when_at_most_then_fires_on_the_day_the_window_moves_on(self):
        policy = self.timed(at_most("order", "count", 1, **rolling(10)), sources=[A])
        events = event(0, "order"), event(3, "order"), event(3, "order", 13), event(5, "order")
        self.assertEqual(self.path(event(0, "order"), policy=policy), [(A, 0)])
        self.assertEqual(self.path(*events, policy=policy), [(A, 0), (B, 13)])
        self.assertEqual(self.next_check(*events, now=at(5), policy=policy), at(13, 0))

    def test_rolling_count_when_met_all_along_then_armed_anew_by_events(self):
        """The day that matters was known long before the event that makes it matter."""
        policy = Policy(STAGES, (
            rule(1, A, at_least("order", "count", 2)),
            rule(2, B, at_most("order", "count", 1, **rolling(10)), sources=[A]),
        ))
        orders = [event(day, "order") for day in (0, 20, 26, 31)]
        events = *orders[:2], by_hand(24), event(25, "lead"), *orders[2:]  # a note by hand has timers looked at
        self.assertEqual(self.path(*events, policy=policy), [(A, 20), (B, 30)])

    def test_rolling_days_when_at_most_then_days_count_once(self):
        policy = self.timed(at_most("order", "days", 1, **rolling(10)), sources=[A])
        events = event(0, "order"), event(3, "order"), event(3, "order", 13), event(5, "order")
        self.assertEqual(self.path(*events, policy=policy), [(A, 0), (B, 13)])
        self.assertEqual(self.path(event(0, "order"), event(0, "order", 13), policy=policy), [(A, 0), (B, 0)])

    def test_rolling_amount_when_at_most_then_fires_on_the_day_it_sinks(self):
        policy = self.timed(at_most("purchase", "amount", 50, **rolling(10)), sources=[A])
        events = event(0, "order", amount=60.0), event(2, "order", amount=40.0)
        self.assertEqual(self.path(*events, policy=policy), [(A, 0), (B, 10)])
        self.assertEqual(self.path(*events, event(3, "refund", amount=-55.0), policy=policy), [(A, 0), (B, 3)])

    def test_rolling_amount_when_a_refund_leaves_the_window_then_holds_no_more(self):
        policy = self.timed(at_most("purchase", "amount", 50, **rolling(10)), at_least("any", "age", 11), sources=[A])
        events = event(0, "refund", amount=-100.0), event(1, "order", amount=90.0)
        self.assertEqual(self.path(*events, policy=policy), [(A, 1), (B, 12)])
        later = event(5, "order", amount=60.0)
        self.assertEqual(self.path(*events, later, policy=policy), [(A, 1), (B, 15)])

    def test_evidence_when_a_rule_waits_for_silence_then_the_last_event(self):
        policy = self.timed(at_least("lead", "silence", 5))
        events = event(0, "order", res_id=1), event(1, "lead", res_id=2), event(2, "invoice", res_id=3)
        self.assertEqual(self.visits(*events, policy=policy)[-1].res_id, 2)
        policy = self.timed(at_least("any", "age", 5))
        self.assertIsNone(self.visits(events[0], policy=policy)[-1].res_id)

    def test_evidence_when_the_rule_waits_after_the_contact_then_the_contact(self):
        policy = Policy(STAGES, (rule(1, A, at_least("contact", "silence", 30)),))
        events = event(0, "contact", res_id=6), event(9, "lead"), event(10, "contact", res_id=7)
        visits = self.visits(*events, policy=policy)
        self.assertEqual([(v.entered_at, v.res_id) for v in visits], [(at(30, 0), 6)])

    def test_timer_when_standing_nowhere_then_fires_too(self):
        policy = Policy(STAGES, (rule(1, GONE, at_least("lead", "silence", 30)),))
        self.assertEqual(self.path(event(0, "lead"), policy=policy), [(GONE, 30)])

    def test_timer_when_out_of_lapsed_then_a_new_cycle(self):
        policy = Policy(STAGES, (rule(1, GONE, at_least("order", "count", 1)), rule(2, A, at_least("any", "age", 9))))
        visits = self.visits(event(0, "order"), policy=policy)
        self.assertEqual([(v.stage_id, v.cycle) for v in visits], [(GONE, 1), (A, 2)])

    def test_timer_when_beyond_the_calendar_then_never(self):
        for days in (3_000_000, 10**9, 1e300):
            policy = self.timed(at_least("any", "age", days))
            self.assertIsNone(self.next_check(event(0, "order"), now=at(1), policy=policy))


class TestTimeZones(ReplayCase):
    def order(self, instant, tz_hours, **values):
        local = instant + timedelta(hours=tz_hours)
        return Event(instant, local.toordinal(), "order", **values)

    def test_days_when_local_then_two_orders_around_midnight_are_two_days(self):
        evening, night = datetime(2024, 1, 10, 21, 30), datetime(2024, 1, 10, 23, 30)
        self.assertEqual(self.stages(self.order(evening, 0), self.order(night, 0), now=night), [CONVERSION])
        self.assertEqual(self.stages(self.order(evening, 1), self.order(night, 1), now=night), [CONVERSION, RETENTION])

    def test_lapse_when_in_a_time_zone_then_at_its_midnight(self):
        order = self.order(datetime(2023, 1, 10, 12), 1)
        for tz, expected in (
            ("Europe/Brussels", datetime(2024, 1, 9, 23)),
            ("America/New_York", datetime(2024, 1, 10, 5)),
            ("Pacific/Auckland", datetime(2024, 1, 9, 11)),
        ):
            self.assertEqual(self.visits(order, tz=tz, now=expected)[-1].entered_at, expected)
            self.assertEqual(self.next_check(order, tz=tz, now=expected - timedelta(seconds=1)), expected)

    def test_midnight_when_clocks_change_then_the_first_instant_of_the_day(self):
        for tz, day, expected in (
            ("Europe/Brussels", date(2024, 3, 31), datetime(2024, 3, 30, 23)),
            ("Europe/Brussels", date(2024, 4, 1), datetime(2024, 3, 31, 22)),
            ("Asia/Beirut", date(2024, 3, 31), datetime(2024, 3, 30, 22)),  # no midnight: 0:00 is 1:00
            ("America/Havana", date(2024, 11, 3), datetime(2024, 11, 3, 4)),  # 1:00 is 0:00 again
            ("Africa/Cairo", date(2024, 11, 1), datetime(2024, 10, 31, 22)),  # 24:00 is 23:00 again
        ):
            self.assertEqual(midnight_utc(day.toordinal(), tz), expected, (tz, day))

    def test_days_when_companies_are_far_apart_then_they_never_go_back(self):
        """Sold in Auckland on Tuesday, then in Honolulu where it is still Monday."""
        instant = datetime(2024, 1, 15, 20)
        orders = self.order(instant, 13), self.order(instant + timedelta(hours=1), -10)
        self.assertEqual(self.stages(*orders, now=instant + timedelta(hours=2)), [CONVERSION])

    def test_timer_when_due_on_the_day_of_another_companys_event_then_still_fires(self):
        to_b = rule(2, B, at_least("order", "silence", 5))
        policy = Policy(STAGES, (rule(1, A, at_least("order", "count", 1)), to_b))
        lead = Event(datetime(2024, 1, 15, 20), date(2024, 1, 16).toordinal(), "lead")
        visits = self.visits(self.order(datetime(2024, 1, 11, 20), -10), lead, tz="Pacific/Honolulu", policy=policy)
        self.assertEqual(visits[-1].entered_at, datetime(2024, 1, 16, 10))


class TestCheckPolicy(BaseCase):
    def check(self, *rules):
        return [tuple(problem) for problem in check_policy(STAGES, rules)]

    def test_shipped_policy_is_sound(self):
        self.assertEqual(check_policy(shipped.default_stages(), shipped.default_rules()), [])

    def test_rule_when_senseless_then_refused(self):
        order = at_least("order", "count", 1)
        for code, problematic in (
            ("no_conditions", rule(1, A)),
            ("unknown_stage", rule(1, 77, order)),
            ("unknown_stage", rule(1, A, order, sources=[77])),
            ("own_source", rule(1, A, order, sources=[A, B])),
            ("negative_threshold", rule(1, A, at_least("order", "amount", -1))),
            ("negative_threshold", rule(1, A, at_least("order", "amount", float("nan")))),
            ("bad_window", rule(1, A, at_least("order", "count", 1, scope="rolling"))),
            ("bad_window", rule(1, A, at_least("order", "count", 1, **rolling(-3)))),
            ("short_wait", rule(1, A, at_least("any", "silence", 0))),
            ("short_wait", rule(1, A, at_least("any", "age", 0.5))),
            ("never_tried", rule(1, A, at_most("any", "age", 5))),
            ("unknown_choice", rule(1, A, Condition("order", "median", "at_least", 1))),
            ("unknown_choice", rule(1, A, Condition("order", "count", "exactly", 1))),
            ("unknown_choice", rule(1, A, at_least("order", "count", 1, scope="year"))),
        ):
            self.assertEqual(self.check(problematic), [(code, (1,))])

    def test_rules_when_they_wait_in_a_round_then_refused(self):
        back = rule(2, A, at_least("any", "age", 60), sources=[B])
        self.assertEqual(
            self.check(rule(1, B, at_least("any", "age", 30), sources=[A]), back), [("time_loop", (1, 2))]
        )
        self.assertEqual(self.check(rule(1, B, at_least("any", "age", 30)), back), [("time_loop", (1, 2))])
        always = at_most("any", "running", 0)
        self.assertEqual(self.check(rule(1, B, at_least("any", "age", 30), always), back), [("time_loop", (1, 2))])

    def test_rules_when_the_round_leads_over_three_stages_then_refused(self):
        waits = [at_least("any", "age", days) for days in (1, 2, 3)]
        rules = rule(1, B, waits[0], sources=[A]), rule(2, C, waits[1], sources=[B]), rule(3, A, waits[2], sources=[C])
        self.assertEqual(self.check(*rules), [("time_loop", (1, 2, 3))])
        self.assertEqual(self.check(*rules[:2]), [])

    def test_rules_when_one_of_the_round_needs_an_event_then_accepted(self):
        back = rule(2, A, at_least("any", "age", 60), sources=[B])
        self.assertEqual(self.check(rule(1, B, at_least("order", "count", 1), sources=[A]), back), [])
        self.assertEqual(self.check(rule(1, B, at_least("order", "silence", 9), sources=[A]), back), [])

    def test_rules_when_they_contradict_one_another_then_no_round(self):
        there = rule(1, B, at_least("any", "age", 30), at_most("any", "running", 0), sources=[A])
        back = rule(2, A, at_least("any", "age", 30), at_least("any", "running", 1), sources=[B])
        self.assertEqual(self.check(there, back), [])

    def test_measure_when_unknown_then_not_compiled(self):
        with self.assertRaises(ValueError):
            Policy(STAGES, (rule(1, A, Condition("order", "median", "at_least", 1)),))
