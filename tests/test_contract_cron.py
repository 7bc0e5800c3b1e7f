from contextlib import contextmanager
from datetime import date, timedelta
from unittest.mock import patch

import psycopg2
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from .contract_days import ContractDaysCase, day

DUE_LOGGER = "odoo.addons.clm.models.clm_due_mixin"


class CronCase(ContractDaysCase):
    @contextmanager
    def _changes(self):
        """:return: list that collects the statements that write"""
        statements = []
        execute = type(self.env.cr).execute

        def spy(cr, query, params=None, log_exceptions=True):
            code = " ".join((query.code if isinstance(query, SQL) else query).split())
            if code.upper().startswith(("INSERT", "UPDATE", "DELETE")):
                statements.append(code)
            return execute(cr, query, params, log_exceptions)

        self.env.flush_all()
        with patch.object(type(self.env.cr), "execute", spy):
            yield statements
            self.env.flush_all()

    @contextmanager
    def _broken(self, method, *contracts, error=None):
        """Let a step fail for some contracts.

        :param error: function that fails; default: raise a UserError
        """
        original = getattr(self.env.registry["clm.contract"], method)

        def fail(contract):
            if contract in contracts:
                if error:
                    error(contract)
                raise ValueError("The printer is on fire")
            return original(contract)

        with patch.object(self.env.registry["clm.contract"], method, fail):
            yield


@tagged("post_install", "-at_install")
class TestContractCron(CronCase):
    """Missed days are made up once."""

    def test_twelve_missed_renewals_are_made_up_in_one_run(self):
        contract = self._create_running("2026-01-31", renewal_policy="auto", term_months=1)
        self.run_on("2027-01-31")
        chain = self._chain(contract)
        self.assertEqual(len(chain), 13)
        self._assert_tiled(chain)
        self.assertEqual(chain.mapped("state"), ["closed"] * 12 + ["active"])
        self.assertEqual(set(chain[:-1].mapped("close_reason")), {"renewed"})
        self.assertEqual(chain.mapped("activated_on"), chain.mapped("date_start"))
        self.assertEqual(chain[-1].date_end, day("2027-02-27"))

    def test_second_run_of_a_day_changes_nothing(self):
        self._create_running("2026-01-31", renewal_policy="auto", term_months=1, obligation_ids=[
            Command.create({"name": "Report", "date_due": day("2026-02-15"), "recurrence_unit": "month"}),
        ])
        self._create_running("2026-01-01", notice_count=1, term_months=14)
        self._create_running("2026-01-01", line_ids=[self._line(date_end=day("2026-05-31"))], term_months=0)
        paused = self._create_running("2026-01-01", term_months=0)
        with self.at("2026-06-01"):
            paused._suspend("x", date_to=day("2026-06-10"))
        self._create_running("2026-12-01", on="2026-06-01")
        self._create_invoice(self.partner, "2026-06-01", invoice_date_due="2026-06-01")
        with self.at("2026-03-01"):
            self._send(self._create_contract())
        self.assertTrue(self.run_on("2027-01-31"))
        with self._changes() as changes:
            self.assertFalse(self.run_on("2027-01-31"))
        self.assertFalse(changes)

    def test_contract_that_began_and_ended_in_missed_days_does_both(self):
        contract = self._create_running("2026-03-01", on="2026-01-01", term_months=1)
        self.run_on("2027-01-01")
        self.assertRecordValues(contract, [{
            "state": "closed", "close_reason": "expired", "activated_on": day("2026-03-01"),
            "closed_on": day("2026-03-31"),
        }])

    def test_contract_that_began_in_missed_days_renews_in_the_same_run(self):
        contract = self._create_running("2026-03-01", on="2026-01-01", term_months=1, renewal_policy="auto")
        self.run_on("2027-03-01")
        self.assertEqual(len(self._chain(contract)), 13)

    def test_line_that_ended_counts_no_longer(self):
        contract = self._create_running("2026-01-01", line_ids=[
            self._line(), self._line(price_unit=50.0, date_end=day("2026-03-31")),
        ])
        self.assertEqual(contract.mrr, 150.0)
        self.run_on("2026-03-31")
        self.assertEqual(contract.mrr, 150.0)
        self.run_on("2026-04-02")
        self.assertEqual((contract.mrr, contract.acv), (100.0, 1200.0))
        self.assertEqual(contract.tcv, 12 * 100 + 3 * 50)

    def test_archived_contract_ends_all_the_same(self):
        contract = self._create_running("2026-01-01")
        contract._unlocked().sudo().flush_recordset()
        self.env.cr.execute(SQL("UPDATE clm_contract SET active = false WHERE id = %s", contract.id))
        contract.invalidate_recordset()
        self.run_on("2027-01-01")
        self.assertEqual(contract.state, "closed")

    def test_archived_company_s_contracts_end_all_the_same(self):
        company = self.env["res.company"].create({"name": "Closed down"})
        self.manager.company_ids += company
        contract = self._create_running("2026-01-01", company_id=company.id, user=self.manager)
        company.active = False
        self.run_on("2027-01-01")
        self.assertEqual(contract.sudo().state, "closed")

    def test_each_company_renews_its_own(self):
        company = self.env["res.company"].create({"name": "Second"})
        self.manager.company_ids += company
        theirs = self._create_running("2026-01-01", renewal_policy="auto", company_id=company.id, user=self.manager)
        ours = self._create_running("2026-01-01", renewal_policy="auto")
        self.run_on("2027-01-01")
        self.assertEqual(theirs.sudo().next_id.company_id, company)
        self.assertEqual(ours.next_id.company_id, self.company)

    def test_archived_product_does_not_stop_an_automatic_renewal(self):
        product = self.env["product.product"].create({"name": "Old coffee", "type": "service"})
        contract = self._create_running("2026-01-01", renewal_policy="auto", uplift=10.0, line_ids=[
            self._line(product_id=product.id),
        ])
        product.active = False
        self.run_on("2027-01-01")
        self.assertFalse(contract.cron_error)
        self.assertRecordValues(contract.next_id.line_ids, [{"product_id": product.id, "price_unit": 110.0}])

    def test_archived_partner_clause_and_type_do_not_stop_it_either(self):
        contract = self._create_active(
            type_id=self._create_type(name="Auto", renewal_policy="auto").id, date_start=day("2026-01-01")
        )
        contract.type_id.sudo().active = False
        contract.clause_ids.clause_id.sudo().active = False
        self.partner.sudo().active = False
        self.run_on(contract.date_end + timedelta(days=1))
        self.assertFalse(contract.cron_error)
        self.assertEqual(contract.next_id.state, "active")
        self.assertEqual(len(contract.next_id.clause_ids), 3)

    # === HYPOTHESIS === #

    @settings(
        max_examples=6, deadline=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(
        start=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
        months=st.integers(1, 13),
        policy=st.sampled_from(["auto", "auto", "manual", "evergreen"]),
        limit=st.integers(0, 2),
        runs=st.lists(st.integers(1, 150), min_size=1, max_size=4),
    )
    def test_however_the_runs_fall_the_chain_is_the_same(self, start, months, policy, limit, runs):
        vals = {"term_months": months, "renewal_policy": policy, "renewal_limit": limit}
        often = self._create_running(str(start), **vals)
        last = start
        for days in runs:
            last += timedelta(days=days)
            self.run_on(last)
        seldom = self._create_running(str(start), **vals)
        self.run_on(last)
        facts = [
            [(link.date_start, link.date_end, link.state, link.close_reason, link.closed_on, link.activated_on,
              link.renewal_number) for link in self._chain(contract)]
            for contract in (often, seldom)
        ]
        self.assertEqual(*facts)
        chain = self._chain(often)
        self._assert_tiled(chain)
        self.assertTrue(chain[-1].state == "closed" or not chain[-1].date_end or chain[-1].date_end >= last)


@tagged("post_install", "-at_install")
class TestContractReminders(CronCase):
    """The owner is asked to decide once."""

    def setUp(self):
        super().setUp()
        # notice until 30 September, act by 31 August
        self.contract = self._create_running("2026-01-01", notice_count=3)

    def _reminders(self, contract=None):
        return self._activities(contract or self.contract, "renewal")

    def test_reminder_comes_on_the_act_by_date(self):
        self.run_on("2026-08-30")
        self.assertFalse(self._reminders())
        self.run_on("2026-08-31")
        self.assertRecordValues(self._reminders(), [{
            "user_id": self.user.id, "date_deadline": day("2026-09-30"), "summary": "Decide: renew or let it end",
        }])
        note = self._reminders().note
        for text in ("2026-12-31", "2026-09-30", "renewed by hand"):
            self.assertIn(text, note)

    def test_reminder_of_a_missed_day_still_comes_once(self):
        for moment in ("2026-09-10", "2026-09-11", "2026-10-11"):
            self.run_on(moment)
            self.assertEqual(len(self._reminders()), 1)

    def test_done_reminder_does_not_come_back(self):
        self.run_on("2026-08-31")
        self._reminders().action_feedback()
        self.run_on("2026-09-01")
        self.assertFalse(self._reminders())

    def test_each_contract_of_a_chain_is_reminded_of(self):
        contract = self._create_running("2026-01-01", notice_count=3, renewal_policy="auto")
        self.run_on("2026-09-01")
        self.run_on("2027-01-01")
        self.run_on("2027-09-01")
        self.assertFalse(self._reminders(contract), "closed: nothing to decide")
        self.assertEqual(len(self._reminders(contract.next_id)), 1)

    def test_other_activities_do_not_stop_it(self):
        self.contract.activity_schedule("mail.mail_activity_data_todo", user_id=self.user.id)
        self.run_on("2026-08-31")
        self.assertEqual(len(self._reminders()), 1)

    def test_new_deadline_is_reminded_of_again(self):
        self.run_on("2026-08-31")
        self._reminders().action_feedback()
        self.contract._unlocked().date_end = day("2027-12-31")
        self.run_on("2026-12-31")
        self.assertFalse(self._reminders())
        self.run_on("2027-08-31")
        self.assertEqual(len(self._reminders()), 1)

    def test_decided_and_renewed_contracts_are_not_reminded_of(self):
        other = self._create_running("2026-01-01", notice_count=3)
        with self.at("2026-06-01"):
            self.contract.action_decide_end()
            other.action_renew()
        self.run_on("2026-09-15")
        self.assertFalse(self._reminders() | self._reminders(other))

    def test_reminder_of_an_archived_owner_goes_to_a_manager(self):
        self.user.active = False
        self.run_on("2026-08-31")
        user = self._reminders().user_id
        self.assertTrue(user.active and user.has_group("clm.group_manager"))

    def test_contract_without_owner_reminds_a_manager(self):
        self.contract.with_user(self.manager).user_id = False
        self.run_on("2026-08-31")
        self.assertTrue(self._reminders().user_id.has_group("clm.group_manager"))

    def test_signature_that_does_not_come_is_reported_once_per_request(self):
        with self.at("2026-03-01"):
            contract = self._create_contract()
            self._send(contract)
        self.assertEqual(contract.sign_by, day("2026-03-15"))
        self.run_on("2026-03-15")
        self.assertNotIn("Not signed until 2026-03-15", self._notices(contract))
        for moment in ("2026-03-20", "2026-03-21"):
            self.run_on(moment)
            self.assertEqual(self._notices(contract).count("Not signed until 2026-03-15"), 1)
        with self.at("2026-04-01"):
            contract.action_take_back()
            self._send(contract)
        self.run_on("2026-05-01")
        self.assertEqual(self._notices(contract).count("Not signed until 2026-04-15"), 1)


@tagged("post_install", "-at_install")
class TestContractCronErrors(CronCase):
    """One broken contract never stops the others."""

    def setUp(self):
        super().setUp()
        self.first, self.broken, self.last = (
            self._create_running("2026-01-01", renewal_policy="auto") for __ in range(3)
        )

    def _run_broken(self, moment="2027-01-01", **options):
        with mute_logger(DUE_LOGGER, "odoo.sql_db"), self._broken("_run_end", self.broken, **options):
            return self.run_on(moment)

    def test_others_go_on_and_the_error_stands_on_the_record(self):
        self._run_broken()
        self.assertEqual((self.first.state, self.broken.state, self.last.state), ("closed", "active", "closed"))
        self.assertEqual(self.broken.cron_error, "The printer is on fire")
        self.assertFalse(self.first.cron_error or self.last.cron_error)
        self.assertTrue(self.first.next_id and self.last.next_id)

    def test_error_of_the_database_stops_nobody_either(self):
        self._run_broken(error=lambda contract: contract.env.cr.execute("SELECT 1 / 0"))
        self.assertEqual((self.first.state, self.broken.state, self.last.state), ("closed", "active", "closed"))
        self.assertIn("division by zero", self.broken.cron_error)

    def test_half_done_work_is_undone(self):
        def fail(contract):
            contract._renew()
            contract._close("renewed", contract.date_end)

        self._run_broken(error=fail)
        self.assertEqual((self.broken.state, self.broken.next_id), ("active", self.contracts))
        self.assertEqual(len(self.broken.visit_ids.filtered(lambda visit: not visit.exited_at)), 1)

    def test_broken_constraint_found_at_the_flush_is_its_own(self):
        def fail(contract):
            contract.env["clm.obligation"].create({
                "contract_id": contract.id, "name": "x", "date_due": contract.date_end, "recurrence_interval": 0,
            })

        self._run_broken(error=fail)
        self.assertIn("check_interval", self.broken.cron_error)
        self.assertEqual((self.first.state, self.broken.state, self.last.state), ("closed", "active", "closed"))

    def test_owner_is_asked_once_however_often_it_fails(self):
        for moment in ("2027-01-01", "2027-01-02", "2027-01-10"):
            self._run_broken(moment)
            self.assertEqual(self._notices(self.broken), ["The daily run failed"])
        self.assertIn("The printer is on fire", self._activities(self.broken, "contract").note)

    def test_another_step_that_works_leaves_the_error(self):
        self.broken.obligation_ids = [Command.create({"name": "Report", "date_due": day("2026-06-01")})]
        with mute_logger(DUE_LOGGER), self._broken("_run_reminder", self.broken):
            self.run_on("2026-12-10")
            self.assertTrue(self.broken.obligation_ids.overdue_flagged, "a step after the broken one")
            self.assertTrue(self.broken.cron_error)
            self.run_on("2026-12-11")
        self.assertEqual(self._notices(self.broken), ["The daily run failed"])

    def test_two_errors_stand_both(self):
        with (
            mute_logger(DUE_LOGGER), self._broken("_run_reminder", self.broken),
            self._broken("_risk_changed", self.broken),
        ):
            self.broken._unlocked().risk_next = day("2026-12-01")
            self.run_on("2026-12-10")
            self.assertEqual(set(self.broken.cron_errors), {"_run_reminder", "_risk_changed"})
        with mute_logger(DUE_LOGGER), self._broken("_risk_changed", self.broken):
            self.run_on("2026-12-10")
        self.assertEqual(set(self.broken.cron_errors), {"_risk_changed"})

    def test_success_removes_the_error(self):
        self._run_broken()
        self.run_on("2027-01-02")
        self.assertEqual(self.broken.state, "closed")
        self.assertFalse(self.broken.cron_error or self.broken.cron_errors)

    def test_error_of_what_is_no_longer_due_is_removed(self):
        self._run_broken()
        with self.at("2027-01-02"):
            self.broken._close("expired", self.broken.date_end)
        self.run_on("2027-01-02")
        self.assertFalse(self.broken.cron_error)

    def test_error_of_an_obligation_stands_on_its_contract_until_it_works(self):
        good, bad = self.env["clm.obligation"].create([
            {"contract_id": self.broken.id, "name": name, "date_due": day("2026-06-01")} for name in ("Good", "Bad")
        ])
        original = self.env.registry["clm.obligation"]._flag_overdue

        def fail(obligation):
            if obligation == bad:
                raise ValueError("No overdue today")
            return original(obligation)

        with mute_logger(DUE_LOGGER), patch.object(self.env.registry["clm.obligation"], "_flag_overdue", fail):
            self.run_on("2026-06-02")
            self.assertEqual((good.overdue_flagged, bad.overdue_flagged), (True, False))
            self.assertEqual(self.broken.cron_error, "No overdue today")
        self.run_on("2026-06-02")
        self.assertTrue(bad.overdue_flagged)
        self.assertFalse(self.broken.cron_error)

    def test_unprinted_pdf_is_printed_by_a_later_run(self):
        with self.at("2026-03-01"):
            contract = self._create_contract()

            def fail(*args, **kwargs):
                raise ValueError("No printer")

            with (
                mute_logger("odoo.addons.clm.models.clm_contract_signature", DUE_LOGGER),
                patch.object(self.env.registry["ir.actions.report"], "_render_qweb_pdf", fail),
            ):
                self._activate(contract)
                self.assertEqual(contract.state, "active", "the signature is not lost")
                error = contract.cron_error
                self.assertIn("No printer", error)
                self.run_on("2026-03-02")
                self.run_on("2026-03-03")
                self.assertEqual(contract.cron_error, error)
                self.assertEqual(self._notices(contract).count("The daily run failed"), 1)
        self.assertFalse(contract.signed_attachment_id)
        self.run_on("2026-03-04")
        self.assertTrue(contract.signed_attachment_id)
        self.assertFalse(contract.cron_error)

    # === SOMEBODY ELSE === #

    def test_contract_that_somebody_works_on_waits_for_the_next_run(self):
        lock = self.env.registry["clm.contract"].try_lock_for_update
        with patch.object(
            self.env.registry["clm.contract"], "try_lock_for_update",
            lambda records, **options: lock(records - self.broken, **options),
        ):
            self.run_on("2027-01-01")
        self.assertEqual((self.first.state, self.broken.state, self.last.state), ("closed", "active", "closed"))
        self.assertFalse(self.broken.cron_error)
        self.run_on("2027-01-01")
        self.assertEqual(self.broken.state, "closed")

    def test_contract_that_somebody_just_changed_waits_for_the_next_run(self):
        def fail(contract):
            raise psycopg2.errors.SerializationFailure("could not serialize access")

        self._run_broken(error=fail)
        self.assertEqual((self.first.state, self.broken.state, self.last.state), ("closed", "active", "closed"))
        self.assertFalse(self.broken.cron_error)
        self.assertFalse(self._notices(self.broken))

    # === TIME === #

    def test_run_stops_when_its_time_is_over_and_says_what_is_left(self):
        progress = []

        def commit(records, processed, remaining):
            progress.append((processed, remaining))
            return len(progress) < 2

        with (
            patch("odoo.addons.clm.models.clm_due_mixin.BATCH_SIZE", 1),
            patch.object(self.env.registry["clm.due.mixin"], "_clm_commit", commit),
            patch.object(self.env.registry["clm.contract"], "_clm_commit", commit),
        ):
            self.run_on("2027-01-01")
        self.assertEqual(progress, [(1, 3), (1, 2)])
        self.assertEqual((self.first.state, self.broken.state, self.last.state), ("closed", "closed", "active"))
        self.run_on("2027-01-01")
        self.assertEqual(self.last.state, "closed")

    def test_cron_runs_and_is_done(self):
        cron = self.env.ref("clm.ir_cron_contract_daily")
        with self.at("2027-01-01"), self.enter_registry_test_mode():
            cron.method_direct_trigger()
        self.env.invalidate_all()
        self.assertEqual(self.first.state, "closed")
