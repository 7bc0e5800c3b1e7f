from datetime import date, timedelta
from itertools import pairwise

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from ..tools import recurrence
from .contract_days import ContractDaysCase, day


class ObligationCase(ContractDaysCase):
    def _duty(self, due, **vals):
        return Command.create({"name": "Report", "date_due": day(due), **vals})

    def _create_with_duty(self, due, start="2026-01-01", recurrence_unit="none", duty=None, **vals):
        contract = self._create_running(start, obligation_ids=[
            self._duty(due, recurrence_unit=recurrence_unit, **(duty or {})),
        ], **vals)
        return contract.obligation_ids.sorted("date_due")[0]

    def _dues(self, contract, state=None):
        duties = contract.obligation_ids.filtered(lambda duty: not state or duty.state == state)
        return [str(due) for due in duties.sorted("date_due").mapped("date_due")]


@tagged("post_install", "-at_install")
class TestObligation(ObligationCase):
    """What one side owes until a day."""

    # === FROM THE TYPE === #

    def test_type_brings_the_obligations_of_both_sides(self):
        kind = self._create_type(name="With duties", signature_required="none", obligation_ids=[
            Command.create({"name": "Pay the deposit", "side": "them", "offset_count": 14}),
            Command.create({"name": "Deliver", "side": "us", "offset_count": 1, "offset_unit": "month"}),
        ])
        contract = self._create_contract(type_id=kind.id, date_start=day("2026-01-31"))
        self.assertRecordValues(contract.obligation_ids, [
            {"name": "Pay the deposit", "side": "them", "date_due": day("2026-02-14"), "state": "open",
             "user_id": self.user.id},
            {"name": "Deliver", "side": "us", "date_due": day("2026-02-28"), "state": "open",
             "user_id": self.user.id},
        ])

    def test_another_start_moves_what_is_due(self):
        contract = self._create_contract(
            type_id=self.calendar_type.id, date_start=day("2026-01-01"), obligation_ids=[self._duty("2026-01-15")],
        )
        contract.date_start = day("2026-03-01")
        self.assertEqual(contract.obligation_ids.date_due, day("2026-03-15"))
        contract.date_start = day("2026-02-01")
        self.assertEqual(contract.obligation_ids.date_due, day("2026-02-15"))

    def test_nothing_is_due_before_the_contract_starts(self):
        with self._refuse("due before its contract starts"):
            self._create_contract(date_start=day("2026-01-02"), obligation_ids=[self._duty("2026-01-01")])

    # === DONE, WAIVED, REOPENED === #

    def test_done_on_the_last_day_is_on_time_and_later_is_late(self):
        for on, result in (("2026-06-01", "ontime"), ("2026-05-01", "ontime"), ("2026-06-02", "late")):
            duty = self._create_with_duty("2026-06-01")
            with self.at(on):
                duty.action_done()
            self.assertRecordValues(duty, [{
                "state": "done", "done_on": day(on), "done_by": self.user.name, "result": result,
            }])

    def test_open_duty_is_missed_from_the_day_after(self):
        duty = self._create_with_duty("2026-06-01")
        for on, overdue, result in (("2026-06-01", False, "open"), ("2026-06-02", True, "missed")):
            with self.at(on):
                duty.invalidate_recordset(["is_overdue", "result"])
                self.assertEqual((duty.is_overdue, duty.result), (overdue, result))
                self.assertEqual(duty in duty.search([("is_overdue", "=", True)]), overdue)
                self.assertEqual(duty in duty.search([("is_overdue", "=", False)]), not overdue)

    def test_draft_and_cancelled_contracts_miss_nothing(self):
        with self.at("2026-01-01"):
            contract = self._create_contract(obligation_ids=[self._duty("2026-01-15")])
        duty = contract.obligation_ids
        with self.at("2026-06-01"):
            self.assertFalse(duty.is_overdue or duty in duty.search([("is_overdue", "=", True)]))
            self.assertEqual(contract.overdue_obligation_count, 0)
            self.assertEqual(contract.open_obligation_count, 1)
            contract.action_cancel()
            duty.invalidate_recordset()
            self.assertEqual(duty.result, "open")

    def test_proof_is_kept(self):
        duty = self._create_with_duty("2026-06-01")
        proof = self.env["ir.attachment"].with_user(self.user).create({"name": "proof.txt", "raw": b"Here"})
        duty.proof_ids = proof
        duty.action_done()
        self.assertEqual(duty.proof_ids, proof)

    def test_waived_duty_is_no_miss_and_says_why(self):
        duty = self._create_with_duty("2026-06-01")
        duty.action_waive("Agreed by phone")
        self.assertRecordValues(duty, [{"state": "waived", "result": "waived", "waive_reason": "Agreed by phone"}])
        with self.at("2026-07-01"):
            duty.invalidate_recordset()
            self.assertFalse(duty.is_overdue)

    def test_settled_duty_cannot_be_settled_again_or_changed(self):
        duty = self._create_with_duty("2026-06-01")
        with self.at("2026-06-01"):
            duty.action_done()
        for act in (duty.action_done, lambda: duty.action_waive("x")):
            with self._refuse("is settled already"):
                act()
        for vals in ({"date_due": day("2027-01-01")}, {"name": "Other"}, {"side": "them"}):
            with self._refuse("Reopen it before you change it"):
                duty.write(vals)

    def test_reopened_duty_is_as_before(self):
        duty = self._create_with_duty("2026-06-01")
        with self.at("2026-06-01"):
            duty.action_done()
        duty.action_reopen()
        self.assertRecordValues(duty, [{"state": "open", "done_on": False, "done_by": False, "waive_reason": False}])
        duty.action_waive("x")
        duty.action_reopen()
        self.assertFalse(duty.waive_reason)

    def test_duty_of_a_closed_contract_is_not_reopened(self):
        duty = self._create_with_duty("2026-06-01")
        with self.at("2026-06-01"):
            duty.action_done()
        duty.contract_id._close("expired", day("2026-12-31"))
        with self._refuse("its obligations are settled"):
            duty.action_reopen()

    def test_duty_of_a_draft_is_not_done(self):
        contract = self._create_contract(obligation_ids=[self._duty(str(self.today))])
        with self._refuse("not in force"):
            contract.obligation_ids.action_done()

    def test_state_cannot_be_set_by_hand(self):
        duty = self._create_with_duty("2026-06-01")
        for vals in ({"state": "done"}, {"done_on": day("2026-01-01")}, {"waive_reason": "x"}, {"number": 3}):
            with self._refuse("by its buttons, not by hand"):
                duty.write(vals)
        with self._refuse("by its buttons, not by hand"):
            duty.create({
                "contract_id": duty.contract_id.id, "name": "x", "date_due": day("2026-06-01"), "state": "done",
            })

    def test_duty_in_force_is_waived_not_deleted(self):
        duty = self._create_with_duty("2026-06-01")
        with self._refuse("Waive it instead of deleting it"):
            duty.unlink()
        draft = self._create_contract(obligation_ids=[self._duty(str(self.today))])
        draft.obligation_ids.unlink()
        self.assertFalse(draft.obligation_ids)

    def test_stranger_can_do_nothing_the_duty_s_owner_can(self):
        duty = self._create_with_duty("2026-06-01")
        for act in ("action_done", "action_reopen"):
            with self.assertRaises(AccessError):
                getattr(duty.with_user(self.stranger), act)()
        duty.user_id = self.stranger
        duty.with_user(self.stranger).action_done()
        self.assertEqual(duty.state, "done")

    # === OVERDUE === #

    def test_owner_is_told_once_of_a_miss_even_after_missed_days(self):
        duty = self._create_with_duty("2026-06-01")
        self.run_on("2026-06-01")
        self.assertFalse(self._activities(duty))
        for moment in ("2026-06-20", "2026-06-21"):
            self.run_on(moment)
            self.assertRecordValues(self._activities(duty), [{
                "summary": "Overdue: Report", "user_id": self.user.id, "date_deadline": day("2026-06-20"),
            }])
        duty.action_done()
        self.assertFalse(self._activities(duty))

    def test_another_due_date_is_told_of_again(self):
        duty = self._create_with_duty("2026-06-01")
        self.run_on("2026-06-02")
        duty.date_due = day("2026-08-01")
        self.assertFalse(duty.overdue_flagged)
        self.run_on("2026-08-02")
        self.assertEqual(len(self._activities(duty)), 2)

    def test_archived_owner_s_miss_goes_to_the_contract_s_owner_or_a_manager(self):
        duty = self._create_with_duty("2026-06-01")
        duty.user_id = self.mate
        self.mate.active = False
        self.run_on("2026-06-02")
        self.assertEqual(self._activities(duty).user_id, self.user)
        self.user.active = False
        other = self._create_with_duty("2026-06-01", user=self.manager)
        other.contract_id._unlocked().user_id = self.user
        other._unlocked().user_id = self.user
        self.run_on("2026-06-03")
        self.assertTrue(self._activities(other).user_id.has_group("clm.group_manager"))

    def test_what_was_owed_at_the_end_is_still_missed(self):
        duty = self._create_with_duty("2027-01-15")
        self.run_on("2027-01-01")
        self.assertEqual((duty.contract_id.state, duty.state), ("closed", "open"))
        self.run_on("2027-01-16")
        self.assertTrue(self._activities(duty))
        with self.at("2027-01-16"):
            self.assertEqual(duty.contract_id.overdue_obligation_count, 1)

    # === THE OTHER SIDE === #

    def test_other_side_confirms_its_own_duty(self):
        duty = self._create_with_duty("2026-06-01", duty={"side": "them"})
        with self.at("2026-05-20"):
            duty.with_user(self.portal).sudo()._confirm("Theo", ip="192.0.2.1", user_agent="Browser")
        self.assertRecordValues(duty, [{"state": "done", "done_by": "Theo", "done_on": day("2026-05-20")}])
        trail = duty.contract_id.sudo().audit_ids.filtered(lambda entry: entry.act == "confirmed")
        self.assertRecordValues(trail, [{"name": "Theo", "ip": "192.0.2.1", "note": "Report"}])
        self.assertIn("Theo confirmed: Report", self._notices(duty.contract_id))

    def test_other_side_cannot_confirm_ours_or_twice(self):
        ours = self._create_with_duty("2026-06-01")
        with self._refuse("ours to confirm"):
            ours.with_user(self.portal).sudo()._confirm("Theo")
        theirs = self._create_with_duty("2026-06-01", duty={"side": "them"})
        theirs.with_user(self.portal).sudo()._confirm("Theo")
        with self._refuse("settled already"):
            theirs.with_user(self.portal).sudo()._confirm("Theo")


@tagged("post_install", "-at_install")
class TestObligationSeries(ObligationCase):
    """Recurring obligations are opened ahead, once each, from their first date."""

    def test_monthly_duty_of_the_31st_keeps_the_31st(self):
        duty = self._create_with_duty("2026-01-31", recurrence_unit="month")
        self.run_on("2026-12-15")
        self.assertEqual(self._dues(duty.contract_id), [
            "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30", "2026-07-31",
            "2026-08-31", "2026-09-30", "2026-10-31", "2026-11-30", "2026-12-31",
        ])

    def test_yearly_duty_of_29_february_finds_it_again(self):
        duty = self._create_with_duty("2024-02-29", start="2024-01-01", recurrence_unit="year", term_months=0)
        self.run_on("2028-01-01")
        self.assertEqual(
            self._dues(duty.contract_id), ["2024-02-29", "2025-02-28", "2026-02-28", "2027-02-28", "2028-02-29"]
        )

    def test_next_ones_are_opened_sixty_days_ahead(self):
        duty = self._create_with_duty("2026-01-15", recurrence_unit="month")
        self.assertEqual(self._dues(duty.contract_id), ["2026-01-15", "2026-02-15"], "on 1 January")
        self.assertEqual(duty.next_open_on, day("2026-01-14"))
        self.run_on("2026-01-13")
        self.assertEqual(len(duty.contract_id.obligation_ids), 2)
        self.run_on("2026-01-14")
        self.assertEqual(self._dues(duty.contract_id)[-1], "2026-03-15")

    def test_missed_days_open_each_once(self):
        duty = self._create_with_duty("2026-01-15", recurrence_unit="week")
        self.run_on("2026-06-01")
        dues = self._dues(duty.contract_id)
        self.assertEqual(len(set(dues)), len(dues))
        self.assertEqual(dues[0], "2026-01-15")
        self.assertTrue(all(
            date.fromisoformat(after) - date.fromisoformat(before) == timedelta(days=7)
            for before, after in pairwise(dues)
        ))
        self.assertEqual(self._activities(duty.contract_id.obligation_ids).mapped("res_id"), [
            missed.id for missed in duty.contract_id.obligation_ids.sorted("id") if missed.date_due < day("2026-06-01")
        ])
        self.run_on("2026-06-01")
        self.assertEqual(self._dues(duty.contract_id), dues)

    def test_nothing_is_opened_after_the_end(self):
        duty = self._create_with_duty("2026-01-15", recurrence_unit="month", term_months=3)
        self.run_on("2026-03-20")
        self.assertEqual(self._dues(duty.contract_id), ["2026-01-15", "2026-02-15", "2026-03-15"])
        self.assertFalse(duty.next_open_on)

    def test_longer_contract_opens_more(self):
        duty = self._create_with_duty("2026-01-15", recurrence_unit="month", term_months=3)
        contract = duty.contract_id
        amendment = self._amend(contract, "2026-03-01", end="2026-06-30")
        with self.at("2026-03-20"):
            amendment.action_activate()
        self.run_on("2026-05-01")
        self.assertEqual(self._dues(contract)[-2:], ["2026-05-15", "2026-06-15"])

    def test_settled_early_opens_none_twice(self):
        duty = self._create_with_duty("2026-01-15", recurrence_unit="month")
        with self.at("2026-01-10"):
            duty.action_done()
            duty.action_reopen()
            duty.action_done()
        self.assertEqual(self._dues(duty.contract_id), ["2026-01-15", "2026-02-15"])

    def test_waived_one_is_followed_by_the_next(self):
        duty = self._create_with_duty("2026-01-15", recurrence_unit="month")
        with self.at("2026-01-10"):
            duty.action_waive("Holidays")
        self.run_on("2026-03-01")
        self.assertEqual(self._dues(duty.contract_id, "open"), ["2026-02-15", "2026-03-15", "2026-04-15"])

    def test_copies_have_the_same_side_owner_and_words(self):
        duty = self._create_with_duty(
            "2026-01-15", recurrence_unit="month",
            duty={"side": "them", "user_id": self.mate.id, "description": "<p>Pay.</p>"},
        )
        self.assertRecordValues(duty.contract_id.obligation_ids[1], [{
            "name": "Report", "side": "them", "user_id": self.mate.id, "description": "<p>Pay.</p>",
            "series_id": duty.id, "number": 1, "state": "open",
        }])

    def test_recurrence_given_later_begins_a_series(self):
        duty = self._create_with_duty("2026-01-15")
        with self.at("2026-01-02"):
            duty.recurrence_unit = "month"
        self.assertEqual(self._dues(duty.contract_id), ["2026-01-15", "2026-02-15"])

    def test_recurrence_taken_away_ends_the_series(self):
        duty = self._create_with_duty("2026-01-15", recurrence_unit="month")
        duty.recurrence_unit = "none"
        self.assertFalse(duty.next_open_on)
        self.run_on("2026-06-01")
        self.assertEqual(self._dues(duty.contract_id), ["2026-01-15", "2026-02-15"])

    def test_backdated_contract_is_asked_for_nothing_before_it_was_in_force(self):
        contract = self._create_running("2024-01-01", on="2026-03-10", term_months=0, obligation_ids=[
            self._duty("2024-01-31", recurrence_unit="month"),
        ])
        self.assertEqual(self._dues(contract), ["2024-01-31", "2026-03-31", "2026-04-30"])

    def test_end_cancels_what_recurs_after_it(self):
        duty = self._create_with_duty("2026-01-15", recurrence_unit="month")
        contract = duty.contract_id
        self.run_on("2026-03-01")
        with self.at("2026-03-20"):
            contract.action_terminate(self.reason.id, day("2026-03-20"), agreed=True)
        self.assertEqual(self._dues(contract, "open"), ["2026-01-15", "2026-02-15", "2026-03-15"])
        self.assertEqual(self._dues(contract, "cancelled"), ["2026-04-15"])
        self.assertFalse(duty.next_open_on)
        self.run_on("2026-12-01")
        self.assertEqual(len(contract.obligation_ids), 4)

    def test_withdrawn_termination_opens_them_again(self):
        duty = self._create_with_duty("2026-01-15", recurrence_unit="month")
        with self.at("2026-01-20"):
            duty.contract_id.action_terminate(self.reason.id, day("2026-03-01"), agreed=True)
            self.run_on("2026-02-20")
            self.assertEqual(self._dues(duty.contract_id)[-1], "2026-02-15")
        with self.at("2026-02-20"):
            duty.contract_id.action_withdraw_termination()
        self.assertEqual(self._dues(duty.contract_id)[-1], "2026-04-15")

    def test_renewal_goes_on_with_the_series_and_its_31st(self):
        duty = self._create_with_duty(
            "2026-01-31", recurrence_unit="month", term_months=2, renewal_policy="auto",
        )
        self.run_on("2026-09-01")
        chain = self._chain(duty.contract_id)
        self.assertEqual(len(chain), 5)
        self.assertEqual(self._dues(chain, "open"), [
            "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30", "2026-07-31",
            "2026-08-31", "2026-09-30", "2026-10-31",
        ])

    def test_moved_renewal_takes_the_series_up_at_its_new_start(self):
        duty = self._create_with_duty("2026-01-31", recurrence_unit="month", term_months=2)
        successor = duty.contract_id._renew()
        self.assertEqual(self._dues(successor), ["2026-03-31"])
        successor.date_start = day("2026-04-10")
        self.assertEqual(self._dues(successor), ["2026-04-30"])
        successor.date_start = day("2026-03-01")
        self.assertEqual(self._dues(successor), ["2026-03-31"])
        successor.obligation_ids.date_due = day("2026-03-15")
        successor.date_start = day("2026-03-02")
        self.assertEqual(self._dues(successor), ["2026-03-16"], "a date of one's own is a beginning of its own")

    def test_series_keeps_an_owner_of_its_own_in_the_renewal(self):
        duty = self._create_with_duty("2026-01-31", recurrence_unit="month", duty={"user_id": self.mate.id})
        self.assertEqual(duty.contract_id._renew().obligation_ids.user_id, self.mate)
        other = self._create_with_duty("2026-01-31", recurrence_unit="month", duty={"user_id": self.mate.id})
        self.mate.active = False
        self.assertEqual(other.contract_id._renew().obligation_ids.user_id, self.user)

    def test_one_off_duty_is_not_renewed(self):
        duty = self._create_with_duty("2026-01-31")
        self.assertFalse(duty.contract_id._renew().obligation_ids)

    def test_what_fell_due_in_missed_days_before_the_end_is_owed(self):
        contract = self._create_running("2026-01-01", term_months=6, renewal_policy="none", obligation_ids=[
            self._duty("2026-01-31", recurrence_unit="month"),
        ])
        self.run_on("2026-12-01")
        self.assertEqual(contract.close_reason, "expired")
        self.assertEqual(self._dues(contract, "open"), [
            "2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31", "2026-06-30",
        ])

    @settings(
        max_examples=10, deadline=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        start=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
        offset=st.integers(0, 40),
        unit=st.sampled_from(["week", "month", "year"]),
        interval=st.integers(1, 3),
        term=st.integers(1, 9),
        runs=st.lists(st.integers(1, 120), min_size=1, max_size=3),
    )
    def test_each_date_of_a_series_is_opened_once_through_renewals(self, start, offset, unit, interval, term, runs):
        contract = self._create_running(str(start), term_months=term, renewal_policy="auto", obligation_ids=[
            self._duty(str(start + timedelta(days=offset)), recurrence_unit=unit, recurrence_interval=interval),
        ])
        first = contract.obligation_ids.sorted("date_due")[0]
        last = start
        for days in runs:
            last += timedelta(days=days)
            self.run_on(last)
        chain = self._chain(contract)
        dues = [due for due in self._dues(chain, "open") if due <= str(last)]
        expected, number = [], 0
        while (due := recurrence.step(first.date_due, unit, interval * number)) <= last:
            expected.append(str(due))
            number += 1
        self.assertEqual(dues, expected)
        for duty in chain.obligation_ids.filtered(lambda duty: duty.state == "open"):
            self.assertLessEqual(duty.contract_id.date_start, duty.date_due)
