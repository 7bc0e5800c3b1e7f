from odoo.exceptions import AccessError
from odoo.tests import tagged

from .contract_days import ContractDaysCase, day


@tagged("post_install", "-at_install")
class TestContractSuspension(ContractDaysCase):
    def setUp(self):
        super().setUp()
        self.contract = self._create_running("2026-01-01", notice_count=1)

    def _suspend(self, on, date_from=None, date_to=None, contract=None, **vals):
        with self.at(on):
            (contract or self.contract)._suspend(
                "Renovation", date_from=date_from and day(date_from), date_to=date_to and day(date_to), **vals
            )

    def _suspended_on(self, *days):
        result = []
        for moment in days:
            with self.at(moment):
                self.contract.invalidate_recordset(["is_suspended"])
                found = self.contract.search([("is_suspended", "=", True)])
                others = self.contract.search([("is_suspended", "=", False)])
                self.assertEqual(self.contract in found, self.contract.is_suspended)
                self.assertEqual(self.contract in others, not self.contract.is_suspended)
                result.append(self.contract.is_suspended)
        return result

    # === DAYS === #

    def test_pause_holds_from_its_first_to_its_last_day(self):
        self._suspend("2026-02-01", "2026-02-10", "2026-02-20")
        self.assertEqual(
            self._suspended_on("2026-02-09", "2026-02-10", "2026-02-20", "2026-02-21"), [False, True, True, False]
        )
        self.assertRecordValues(self.contract.suspension_ids, [{
            "reason": "Renovation", "user_id": self.user.id, "finished": False, "extend_end": False,
        }])

    def test_pause_without_an_end_lasts_until_resumed(self):
        self._suspend("2026-02-01")
        self.assertEqual(self._suspended_on("2026-02-01", "2026-11-01"), [True, True])
        with self.at("2026-03-01"):
            self.contract.action_resume()
        self.assertRecordValues(self.contract.suspension_ids, [{
            "date_from": day("2026-02-01"), "date_to": day("2026-02-28"), "finished": True, "extended_days": 0,
        }])
        self.assertEqual(self._suspended_on("2026-03-01"), [False])
        self.assertEqual(self.contract.date_end, day("2026-12-31"))

    def test_pause_ends_by_itself_after_missed_days_too(self):
        self._suspend("2026-02-01", date_to="2026-02-20")
        self.run_on("2026-02-20")
        self.assertFalse(self.contract.suspension_ids.finished)
        self.run_on("2026-06-01")
        self.assertRecordValues(self.contract.suspension_ids, [{"finished": True, "date_to": day("2026-02-20")}])

    def test_resumed_early(self):
        self._suspend("2026-02-01", date_to="2026-02-20", extend_end=True)
        with self.at("2026-02-11"):
            self.contract.action_resume()
        self.assertRecordValues(self.contract.suspension_ids, [{"date_to": day("2026-02-10"), "extended_days": 10}])

    def test_resumed_after_its_last_day_counts_until_that_day(self):
        self._suspend("2026-02-01", date_to="2026-02-20", extend_end=True)
        with self.at("2026-03-01"):
            self.contract.action_resume()
        self.assertRecordValues(self.contract.suspension_ids, [{"date_to": day("2026-02-20"), "extended_days": 20}])

    def test_pause_called_off_before_or_on_its_first_day_never_was(self):
        for on in ("2026-02-05", "2026-02-10"):
            self._suspend("2026-02-01", "2026-02-10", extend_end=True)
            with self.at(on):
                self.contract.action_resume()
            self.assertFalse(self.contract.suspension_ids)
            self.assertEqual(self.contract.date_end, day("2026-12-31"))

    # === THE END MOVES === #

    def test_agreed_extension_moves_end_and_deadline_by_the_length(self):
        self._suspend("2026-02-01", date_to="2026-02-28", extend_end=True)
        self.run_on("2026-03-01")
        self.assertRecordValues(self.contract, [{
            "date_end": day("2027-01-28"), "date_notice": day("2026-12-28"), "term_months": 12,
        }])
        self.assertEqual(self.contract.suspension_ids.extended_days, 28)

    def test_several_pauses_add_up(self):
        self._suspend("2026-02-01", date_to="2026-02-10", extend_end=True)
        self.run_on("2026-02-11")
        self._suspend("2026-03-01", date_to="2026-03-05", extend_end=True)
        self.run_on("2026-03-06")
        self.assertEqual(self.contract.date_end, day("2027-01-15"))

    def test_open_ended_contract_has_no_end_to_move(self):
        contract = self._create_running("2026-01-01", term_months=0)
        self._suspend("2026-02-01", date_to="2026-02-10", contract=contract, extend_end=True)
        self.run_on("2026-02-11")
        self.assertRecordValues(contract.suspension_ids, [{"finished": True, "extended_days": 0}])
        self.assertFalse(contract.date_end)

    def test_draft_of_the_renewal_moves_along(self):
        with self.at("2026-02-01"):
            self.contract.action_renew()
        self._suspend("2026-02-01", date_to="2026-02-28", extend_end=True)
        self.run_on("2026-03-01")
        self.assertEqual(self.contract.next_id.date_start, day("2027-01-29"))

    def test_signed_renewal_keeps_the_end_where_it_is(self):
        with self.at("2026-02-01"):
            self.contract.action_renew()
            self.contract.next_id.action_activate()
        self._suspend("2026-02-01", date_to="2026-02-28", extend_end=True)
        self.run_on("2026-03-01")
        self.assertEqual(self.contract.date_end, day("2026-12-31"))
        self.assertIn("could not move", self._notices(self.contract)[0])

    def test_contract_that_is_to_be_lengthened_does_not_end_while_paused(self):
        self._suspend("2026-12-01", extend_end=True)
        self.run_on("2027-01-10")
        self.assertEqual(self.contract.state, "active")
        with self.at("2027-01-11"):
            self.contract.action_resume()
        self.assertEqual(self.contract.date_end, day("2027-02-10"))
        self.run_on("2027-02-11")
        self.assertEqual((self.contract.state, self.contract.closed_on), ("closed", day("2027-02-10")))

    def test_terminated_contract_ends_on_its_day_though_paused(self):
        self._suspend("2026-12-01", extend_end=True)
        with self.at("2026-12-02"):
            self.contract.action_terminate(self.reason.id)
        self.run_on("2027-01-01")
        self.assertEqual((self.contract.state, self.contract.closed_on), ("closed", day("2026-12-31")))
        self.assertRecordValues(self.contract.suspension_ids, [{
            "finished": True, "date_to": day("2026-12-31"), "extended_days": 0,
        }])

    # === THE CONTRACT ENDS === #

    def test_pause_ends_with_its_contract(self):
        self._suspend("2026-12-01", date_to="2027-03-31")
        self.run_on("2027-01-01")
        self.assertEqual(self.contract.state, "closed")
        self.assertRecordValues(self.contract.suspension_ids, [{"finished": True, "date_to": day("2026-12-31")}])

    def test_automatic_renewal_stays_paused(self):
        contract = self._create_running("2026-01-01", renewal_policy="auto")
        self._suspend("2026-12-01", date_to="2027-03-31", contract=contract)
        self.run_on("2027-01-01")
        successor = contract.next_id
        self.assertRecordValues(contract.suspension_ids | successor.suspension_ids, [
            {"date_from": day("2026-12-01"), "date_to": day("2026-12-31"), "finished": True},
            {"date_from": day("2027-01-01"), "date_to": day("2027-03-31"), "finished": False},
        ])
        self.run_on("2027-04-01")
        self.assertTrue(successor.suspension_ids.finished)

    def test_pause_through_missed_renewals_is_followed_through(self):
        contract = self._create_running("2026-01-01", renewal_policy="auto", term_months=1)
        self._suspend("2026-01-20", date_to="2026-03-10", contract=contract)
        self.run_on("2026-06-01")
        pauses = self._chain(contract).suspension_ids.sorted("date_from")
        self.assertEqual(pauses.mapped(lambda pause: (str(pause.date_from), str(pause.date_to))), [
            ("2026-01-20", "2026-01-31"), ("2026-02-01", "2026-02-28"), ("2026-03-01", "2026-03-10"),
        ])
        self.assertTrue(all(pauses.mapped("finished")))

    # === REFUSED === #

    def test_only_a_contract_in_force_can_be_paused(self):
        with self._refuse("is not in force"):
            self._create_contract()._suspend("x")
        with self._refuse("is not in force"):
            self._create_running("2026-06-01", on="2026-03-01")._suspend("x")

    def test_second_pause_is_refused(self):
        self._suspend("2026-02-01", "2026-03-01", "2026-03-10")
        with self._refuse("is paused already"):
            self._suspend("2026-02-02")

    def test_pause_over_days_of_an_earlier_one_is_refused(self):
        self._suspend("2026-02-01", date_to="2026-02-10")
        self.run_on("2026-02-11")
        with self._refuse("was paused in these days"):
            self._suspend("2026-02-11", "2026-02-10")
        self._suspend("2026-02-11")

    def test_pause_that_ends_before_it_begins_is_refused(self):
        with self._refuse("ends before it begins"):
            self._suspend("2026-02-01", "2026-02-10", "2026-02-09")

    def test_pause_outside_of_the_term_is_refused(self):
        for first in ("2025-12-31", "2027-01-01"):
            with self._refuse("outside the term"):
                self._suspend("2026-02-01", first)

    def test_nothing_to_resume(self):
        with self._refuse("is not paused"):
            self.contract.action_resume()

    def test_stranger_cannot_pause_or_resume(self):
        with self.assertRaises(AccessError):
            self._suspend("2026-02-01", contract=self.contract.with_user(self.stranger))
        self._suspend("2026-02-01")
        with self.assertRaises(AccessError):
            self.contract.with_user(self.stranger).action_resume()

    def test_pause_cannot_be_written_by_hand(self):
        self._suspend("2026-02-01")
        with self.assertRaises(AccessError):
            self.contract.suspension_ids.write({"date_to": day("2026-02-02")})
        with self.assertRaises(AccessError):
            self.env["clm.contract.suspension"].with_user(self.manager).create({
                "contract_id": self.contract.id, "date_from": day("2026-02-02"), "reason": "x",
            })
