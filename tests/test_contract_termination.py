from psycopg2 import IntegrityError

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .contract_days import ContractDaysCase, day

#: Terms of a contract that runs from 1 January 2026, the day of the notice, the earliest last day.
EARLIEST = [
    # a fixed term ends at its end, whatever the notice
    ({"renewal_policy": "none"}, "2026-03-10", "2026-12-31"),
    ({"renewal_policy": "manual", "notice_count": 3}, "2026-12-20", "2026-12-31"),
    # an automatic renewal is stopped in time, or binds for another term
    ({"renewal_policy": "auto", "notice_count": 3}, "2026-09-30", "2026-12-31"),
    ({"renewal_policy": "auto", "notice_count": 3}, "2026-10-01", "2027-12-31"),
    ({"renewal_policy": "auto", "notice_count": 3, "renewal_months": 3}, "2026-10-01", "2027-03-31"),
    ({"renewal_policy": "auto", "notice_count": 90, "notice_unit": "day"}, "2026-10-02", "2026-12-31"),
    ({"renewal_policy": "auto", "notice_count": 90, "notice_unit": "day"}, "2026-10-03", "2027-12-31"),
    ({"renewal_policy": "auto", "notice_count": 0}, "2026-12-31", "2026-12-31"),
    ({"renewal_policy": "auto", "minimum_months": 24}, "2026-03-10", "2027-12-31"),
    # without an end, notice and minimum term decide
    ({"term_months": 0, "notice_count": 3}, "2026-03-10", "2026-06-10"),
    ({"term_months": 0, "notice_count": 3}, "2026-11-30", "2027-02-28"),
    ({"term_months": 0, "notice_count": 14, "notice_unit": "day"}, "2026-02-20", "2026-03-06"),
    ({"term_months": 0, "notice_count": 1, "minimum_months": 12}, "2026-03-10", "2026-12-31"),
    ({"term_months": 0, "notice_count": 1, "minimum_months": 12}, "2026-12-10", "2027-01-10"),
    ({"term_months": 0, "notice_count": 0}, "2026-03-10", "2026-03-10"),
    ({"renewal_policy": "evergreen", "notice_count": 2}, "2026-03-10", "2026-05-10"),
]


@tagged("post_install", "-at_install")
class TestContractTermination(ContractDaysCase):
    def _terminate(self, contract, on, date=None, **vals):
        with self.at(on):
            contract.action_terminate(self.reason.id, date and day(date), **vals)

    # === WHEN === #

    def test_earliest_end(self):
        for vals, today, end in EARLIEST:
            with self.subTest(today=today, **vals):
                contract = self._create_running("2026-01-01", **vals)
                with self.at(today):
                    self.assertEqual(contract._earliest_end(), day(end))

    def test_earliest_end_of_a_chain_keeps_the_31st(self):
        contract = self._create_running("2026-01-31", renewal_policy="auto", term_months=1, notice_count=5,
                                        notice_unit="day")
        self.run_on("2026-03-01")
        second = contract.next_id
        self.assertEqual((second.date_start, second.date_end), (day("2026-02-28"), day("2026-03-30")))
        with self.at("2026-03-28"):
            self.assertEqual(second._earliest_end(), day("2026-04-29"))
        self.run_on("2026-03-31")
        self.assertEqual(second.next_id.date_end, day("2026-04-29"), "the renewal ends on that day indeed")

    def test_last_automatic_renewal_needs_no_notice(self):
        contract = self._create_running("2026-01-01", renewal_policy="auto", renewal_limit=1, notice_count=3)
        self.run_on("2027-01-01")
        with self.at("2027-11-01"):
            self.assertEqual(contract.next_id._earliest_end(), day("2027-12-31"))

    def test_earlier_day_is_refused_with_the_earliest(self):
        contract = self._create_running("2026-01-01", term_months=0, notice_count=3)
        with self._refuse("bind both sides until 2026-06-10"):
            self._terminate(contract, "2026-03-10", "2026-06-09")
        self._terminate(contract, "2026-03-10", "2026-06-10")
        self.assertEqual(contract.date_end, day("2026-06-10"))

    def test_minimum_term_binds(self):
        contract = self._create_running("2026-01-01", term_months=0, notice_count=1, minimum_months=12)
        with self._refuse("bind both sides until 2026-12-31"):
            self._terminate(contract, "2026-03-10", "2026-12-30")

    def test_agreed_end_needs_neither_notice_nor_minimum_term(self):
        contract = self._create_running("2026-01-01", notice_count=3, minimum_months=12)
        self._terminate(contract, "2026-03-10", "2026-03-31", agreed=True)
        self.assertEqual((contract.state, contract.date_end), ("active", day("2026-03-31")))

    def test_fixed_term_cannot_be_terminated_to_a_later_day(self):
        contract = self._create_running("2026-01-01")
        for agreed in (False, True):
            with self._refuse("ends on 2026-12-31 anyway"):
                self._terminate(contract, "2026-03-10", "2027-01-01", agreed=agreed)

    def test_open_ended_contract_can_end_on_any_later_day(self):
        contract = self._create_running("2026-01-01", term_months=0, notice_count=1)
        self._terminate(contract, "2026-03-10", "2028-02-29")
        self.assertEqual(contract.date_end, day("2028-02-29"))

    # === WHAT HAPPENS === #

    def test_default_is_the_earliest_day(self):
        contract = self._create_running("2026-01-01", term_months=0, notice_count=3)
        self._terminate(contract, "2026-03-10", note="Return the machine.")
        self.assertRecordValues(contract, [{
            "state": "active", "date_end": day("2026-06-10"), "date_end_agreed": False,
            "terminated_on": day("2026-03-10"), "close_reason_id": self.reason.id, "close_reason": False,
            "settlement_note": "Return the machine.", "decision": "end", "decision_user_id": self.user.id,
        }])

    def test_terminated_contract_closes_after_its_last_day(self):
        contract = self._create_running("2026-01-01", renewal_policy="auto", notice_count=1)
        self._terminate(contract, "2026-03-10")
        self.run_on("2026-12-31")
        self.assertEqual(contract.state, "active")
        self.run_on("2027-01-01")
        self.assertRecordValues(contract, [{
            "state": "closed", "close_reason": "terminated", "closed_on": day("2026-12-31"), "next_id": False,
        }])

    def test_end_today_or_earlier_closes_at_once(self):
        for date in ("2026-03-10", "2026-02-28"):
            contract = self._create_running("2026-01-01")
            self._terminate(contract, "2026-03-10", date, agreed=True)
            self.assertRecordValues(contract, [{
                "state": "closed", "close_reason": "terminated", "closed_on": day(date), "date_end": day(date),
            }])
            self.assertEqual(str(contract.closed_at), "2026-03-10 12:00:00")

    def test_contract_terminated_before_its_start_never_begins(self):
        contract = self._create_running("2026-06-01", on="2026-03-01", renewal_policy="manual")
        self._terminate(contract, "2026-03-10", "2026-05-31", agreed=True)
        self.assertRecordValues(contract, [{
            "state": "closed", "close_reason": "terminated", "closed_on": day("2026-05-31"), "activated_on": False,
        }])
        self.run_on("2026-06-01")
        self.assertEqual(contract.state, "closed")

    def test_open_ended_contract_is_left_before_its_start_by_notice(self):
        contract = self._create_running("2026-06-01", on="2026-03-01", term_months=0, notice_count=1)
        self._terminate(contract, "2026-03-10")
        self.assertRecordValues(contract, [{"state": "closed", "closed_on": day("2026-05-31"), "activated_on": False}])

    def test_contract_terminated_before_its_start_to_a_later_day_runs_until_then(self):
        contract = self._create_running("2026-06-01", on="2026-03-01", minimum_months=6, term_months=0)
        self._terminate(contract, "2026-03-10")
        self.assertEqual((contract.state, contract.date_end), ("signed", day("2026-11-30")))
        self.run_on("2026-06-01")
        self.assertEqual(contract.state, "active")
        self.run_on("2026-12-01")
        self.assertRecordValues(contract, [{
            "state": "closed", "close_reason": "terminated", "closed_on": day("2026-11-30"),
        }])

    def test_contract_that_began_unseen_by_the_daily_run_is_terminated_as_one_in_force(self):
        contract = self._create_running("2026-06-01", on="2026-03-01")
        self._terminate(contract, "2026-06-02", "2026-06-02", agreed=True)
        self.assertRecordValues(contract, [{
            "state": "closed", "closed_on": day("2026-06-02"), "activated_on": day("2026-06-01"),
        }])

    def test_day_before_the_start_is_the_first_possible(self):
        contract = self._create_running("2026-01-01")
        with self._refuse("cannot end before it starts"):
            self._terminate(contract, "2026-03-10", "2025-12-30", agreed=True)
        self._terminate(contract, "2026-03-10", "2025-12-31", agreed=True)
        self.assertEqual(contract.closed_on, day("2025-12-31"))

    def test_reminder_is_gone_and_none_follows(self):
        contract = self._create_running("2026-01-01", notice_count=3)
        self.run_on("2026-09-15")
        self.assertTrue(self._activities(contract, "renewal"))
        self._terminate(contract, "2026-09-20")
        self.run_on("2026-10-15")
        self.assertFalse(self._activities(contract, "renewal"))

    # === REFUSED === #

    def test_only_what_binds_can_be_terminated(self):
        draft = self._create_contract()
        with self._refuse("is in “Draft” and cannot go to “Closed”"):
            draft.action_terminate(self.reason.id)
        closed = self._create_running("2026-01-01")
        closed._close("expired", day("2026-12-31"))
        with self._refuse("is closed"):
            closed.action_terminate(self.reason.id)

    def test_reason_is_asked_for_and_must_exist(self):
        contract = self._create_running("2026-01-01")
        gone = self.reason.copy()
        gone_id = gone.id
        gone.unlink()
        with self._refuse("Choose why the contract ends"):
            contract.action_terminate(gone_id)

    def test_second_termination_is_refused_until_the_first_is_withdrawn(self):
        contract = self._create_running("2026-01-01")
        self._terminate(contract, "2026-03-10", "2026-06-30", agreed=True)
        with self._refuse("is terminated as of 2026-06-30. Withdraw"):
            self._terminate(contract, "2026-03-11", "2026-07-31", agreed=True)

    def test_renewed_contract_is_not_terminated_over_its_renewal(self):
        contract = self._create_running("2026-01-01")
        with self.at("2026-06-01"):
            contract.action_renew()
        with self._refuse("is renewed by"):
            self._terminate(contract, "2026-06-02")
        contract.next_id.action_cancel()
        self._terminate(contract, "2026-06-02")
        self.assertTrue(contract.terminated_on)

    def test_amendment_cannot_be_terminated(self):
        contract = self._create_running("2026-01-01")
        amendment = self._amend(contract, "2026-07-01")
        with self.at("2026-03-01"):
            amendment.action_activate()
        with self._refuse("not its amendment"):
            self._terminate(amendment, "2026-03-10")

    def test_stranger_cannot_terminate(self):
        contract = self._create_running("2026-01-01")
        with self.assertRaises(AccessError):
            contract.with_user(self.stranger).action_terminate(self.reason.id)

    # === WITHDRAWN === #

    def test_withdrawal_brings_back_the_end_and_the_decision(self):
        contract = self._create_running("2026-01-01", notice_count=3)
        self._terminate(contract, "2026-03-10", "2026-06-30", note="x", agreed=True)
        contract.action_withdraw_termination()
        self.assertRecordValues(contract, [{
            "state": "active", "date_end": day("2026-12-31"), "date_notice": day("2026-09-30"), "terminated_on": False,
            "date_end_agreed": False, "close_reason_id": False, "settlement_note": False, "decision": False,
            "days_to_decide": 0,
        }])
        self.run_on("2026-09-15")
        self.assertTrue(self._activities(contract, "renewal"), "the decision is asked for again")

    def test_withdrawal_of_an_open_ended_contract(self):
        contract = self._create_running("2026-01-01", term_months=0, notice_count=3)
        self._terminate(contract, "2026-03-10")
        contract.action_withdraw_termination()
        self.assertFalse(contract.date_end or contract.date_notice)

    def test_withdrawal_before_the_start(self):
        contract = self._create_running("2026-06-01", on="2026-03-01")
        self._terminate(contract, "2026-03-10")
        contract.action_withdraw_termination()
        self.assertEqual((contract.state, contract.terminated_on), ("signed", False))

    def test_nothing_to_withdraw(self):
        contract = self._create_running("2026-01-01")
        with self._refuse("is not terminated"):
            contract.action_withdraw_termination()
        self._terminate(contract, "2026-03-10", "2026-03-10", agreed=True)
        with self._refuse("is not terminated"):
            contract.action_withdraw_termination()

    # === REASONS === #

    def test_used_reason_can_be_archived_only(self):
        contract = self._create_running("2026-01-01")
        self._terminate(contract, "2026-03-10")
        self.env.flush_all()
        with self.assertRaises(IntegrityError), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            self.reason.unlink()
            self.env.flush_all()
        self.reason.active = False
        self.assertEqual(contract.close_reason_id, self.reason)
