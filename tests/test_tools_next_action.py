"""What to do next for a customer, of ``tools.next_action``."""

from hypothesis import given, settings
from hypothesis import strategies as st

from odoo.tests import BaseCase

from ..tools.next_action import CODES, NOW, SOME_TIME, SOON, Facts, next_actions

laws = settings(database=None, deadline=None)
days = st.none() | st.integers(-400, 400)
some_facts = st.builds(
    Facts,
    overdue_amount=st.none() | st.floats(0, 1e6),
    overdue_days=days,
    low_feedback_days=st.none() | st.integers(0, 90),
    low_feedback_score=st.none() | st.integers(0, 6),
    handover_late_days=days,
    missed_obligations=st.integers(0, 5),
    notice_days=days,
    decision_days=days,
    expiring_days=days,
    quotation_days=days,
    silent_days=days,
    health=st.none() | st.integers(0, 100),
    health_band=st.sampled_from((None, "red", "yellow", "green")),
    health_change=st.none() | st.integers(-100, 100),
    lapse_days=days,
    has_lapsed=st.booleans(),
    has_salesperson=st.booleans(),
    has_consent=st.booleans(),
    promoter_score=st.none() | st.integers(9, 10),
)


class TestNextActions(BaseCase):
    def test_next_actions_when_nothing_is_the_matter_then_none(self):
        self.assertEqual(next_actions(Facts()), [])
        self.assertEqual(next_actions(Facts(health=90, health_band="green", health_change=5, overdue_days=0)), [])

    def test_next_actions_of_single_facts(self):
        for facts, expected in (
            ({"low_feedback_days": 0, "low_feedback_score": 3}, ("answer_feedback", SOON, {"days": 0, "score": 3})),
            ({"low_feedback_days": 2, "low_feedback_score": 0}, ("answer_feedback", NOW, {"days": 2, "score": 0})),
            ({"low_feedback_days": 1}, ("answer_feedback", SOON, {"days": 1})),
            ({"notice_days": 7}, ("decide_contract", NOW, {"days": 7})),
            ({"notice_days": 0, "decision_days": -30}, ("decide_contract", NOW, {"days": 0, "act_by": -30})),
            ({"notice_days": 8, "decision_days": 0}, ("decide_contract", SOON, {"days": 8, "act_by": 0})),
            ({"notice_days": 90, "decision_days": -2}, ("decide_contract", SOON, {"days": 90, "act_by": -2})),
            ({"notice_days": 30, "decision_days": 1}, ("decide_contract", SOME_TIME, {"days": 30, "act_by": 1})),
            ({"notice_days": 60, "decision_days": 9}, ("decide_contract", SOME_TIME, {"days": 60, "act_by": 9})),
            ({"notice_days": 61, "decision_days": 0}, ("decide_contract", SOON, {"days": 61, "act_by": 0})),
            ({"notice_days": 61, "decision_days": 1}, None),
            ({"notice_days": 61}, None),
            ({"notice_days": -1, "decision_days": -31}, None),
            ({"decision_days": -1}, None),
            ({"missed_obligations": 2}, ("meet_obligations", NOW, {"count": 2})),
            ({"handover_late_days": 0}, ("settle_handover", NOW, {"days": 0})),
            ({"handover_late_days": -1}, None),
            ({"overdue_days": 30, "overdue_amount": 99.5}, ("collect_payment", NOW, {"days": 30, "amount": 99.5})),
            ({"overdue_days": 29, "overdue_amount": 99.5}, ("collect_payment", SOON, {"days": 29, "amount": 99.5})),
            ({"overdue_days": 1, "overdue_amount": None}, ("collect_payment", SOON, {"days": 1})),
            ({"overdue_amount": 5.0}, None),
            ({"expiring_days": 7}, ("renew_contract", NOW, {"days": 7})),
            ({"expiring_days": 0}, ("renew_contract", NOW, {"days": 0})),
            ({"expiring_days": 8}, ("renew_contract", SOON, {"days": 8})),
            ({"expiring_days": 60}, ("renew_contract", SOON, {"days": 60})),
            ({"expiring_days": 61}, None),
            ({"expiring_days": -1}, None),
            ({"health": 40, "health_band": "red"}, ("save_customer", SOON, {"health": 40})),
            (
                {"health": 40, "health_band": "red", "health_change": -10},
                ("save_customer", NOW, {"health": 40, "change": -10}),
            ),
            (
                {"health": 80, "health_band": "green", "health_change": -12},
                ("save_customer", SOON, {"health": 80, "change": -12}),
            ),
            ({"health": 80, "health_band": "green", "health_change": -9}, None),
            ({"health": 60, "health_band": "yellow", "health_change": 0}, None),
            ({"lapse_days": 30}, ("call_before_lapse", SOON, {"days": 30})),
            ({"lapse_days": 7}, ("call_before_lapse", NOW, {"days": 7})),
            ({"lapse_days": 0}, ("call_before_lapse", NOW, {"days": 0})),
            ({"lapse_days": 31}, None),
            ({"lapse_days": -1}, None),
            ({"silent_days": 1}, ("call_silent_buyer", SOON, {"days": 1})),
            ({"silent_days": 0}, None),
            ({"quotation_days": 7}, ("follow_up_quotation", SOON, {"days": 7})),
            ({"quotation_days": 6}, None),
            ({"has_salesperson": False}, ("assign_salesperson", SOON, {})),
            ({"has_lapsed": True}, ("win_back", SOME_TIME, {})),
            ({"has_consent": False}, ("ask_consent", SOME_TIME, {})),
            ({"promoter_score": 9}, ("ask_referral", SOME_TIME, {"score": 9})),
        ):
            self.assertEqual(next_actions(Facts(**facts)), [expected] if expected else [], facts)

    def test_next_actions_when_one_call_serves_two_ends_then_told_once(self):
        for facts, expected in (
            ({"silent_days": 40, "lapse_days": 20}, ["call_before_lapse"]),
            ({"silent_days": 40, "lapse_days": 200}, ["call_silent_buyer"]),
            ({"silent_days": 400, "has_lapsed": True, "lapse_days": 3, "health_band": "red"}, ["win_back"]),
        ):
            self.assertEqual([action.code for action in next_actions(Facts(**facts))], expected, facts)

    def test_next_actions_when_it_is_no_moment_for_a_favour_then_no_referral(self):
        for facts in (
            {"low_feedback_days": 0}, {"overdue_days": 3}, {"missed_obligations": 1}, {"has_lapsed": True},
            {"health_band": "red"},
        ):
            codes = [action.code for action in next_actions(Facts(promoter_score=10, **facts))]
            self.assertNotIn("ask_referral", codes, facts)
            self.assertEqual(len(codes), 1, facts)
        codes = [action.code for action in next_actions(Facts(promoter_score=10, quotation_days=9))]
        self.assertEqual(codes, ["follow_up_quotation", "ask_referral"])

    def test_next_actions_are_told_by_urgency_then_in_the_order_of_the_codes(self):
        found = next_actions(Facts(
            low_feedback_days=0, overdue_days=45, notice_days=50, missed_obligations=1, has_consent=False,
            has_salesperson=False,
        ))
        self.assertEqual([(action.code, action.urgency) for action in found], [
            ("meet_obligations", 1), ("collect_payment", 1), ("answer_feedback", 2), ("assign_salesperson", 2),
            ("decide_contract", 3), ("ask_consent", 3),
        ])

    def test_codes_are_each_reached_and_different(self):
        everything = Facts(
            overdue_days=1, low_feedback_days=1, handover_late_days=1, missed_obligations=1, notice_days=1,
            expiring_days=1, quotation_days=9, health_band="red", lapse_days=1, has_salesperson=False,
            has_consent=False,
        )
        reached = {
            action.code
            for facts in (everything, Facts(silent_days=3), Facts(has_lapsed=True), Facts(promoter_score=9))
            for action in next_actions(facts)
        }
        self.assertEqual(reached, set(CODES))
        self.assertEqual(len(CODES), len(set(CODES)))

    @laws
    @given(some_facts)
    def test_next_actions_of_any_customer_are_in_order_and_each_once(self, facts):
        found = next_actions(facts)
        keys = [(action.urgency, CODES.index(action.code)) for action in found]
        self.assertEqual(keys, sorted(set(keys)))
        self.assertEqual(len({action.code for action in found}), len(found))
        self.assertTrue({action.urgency for action in found} <= {1, 2, 3})
        self.assertFalse([action for action in found if None in action.values.values()])

    @laws
    @given(some_facts, st.integers(0, 60))
    def test_next_actions_when_a_deadline_comes_nearer_then_never_less_urgent(self, facts, left):
        def urgency(days_left):
            nearer = facts._replace(notice_days=days_left, expiring_days=days_left)
            return {action.code: action.urgency for action in next_actions(nearer)}

        for code in ("decide_contract", "renew_contract"):
            self.assertLessEqual(urgency(max(left - 1, 0))[code], urgency(left)[code])
