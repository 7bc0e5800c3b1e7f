"""The billing run with OCA ``queue_job``. The suite of scripts/test-jobs; elsewhere most of it is skipped."""

import sys
from importlib import import_module
from unittest.mock import patch

from psycopg2.errors import SerializationFailure

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .billing_common import BillingCase


class CronCase(BillingCase):
    def setUp(self):
        super().setUp()
        for name in ("clm_billing_engine", "clm_billing_job"):
            self.patch(sys.modules[f"odoo.addons.clm.models.{name}"], "BATCH_SIZE", 2)
        self.enterContext(self.at("2026-03-10"))
        self.cron = self.env["clm.billing.engine"]

    def _create_many(self):
        """:return: five contracts of two customers, with two invoices each to make"""
        partners = [self.partner, self.other_partner]
        return self.env["clm.contract"].union(*[
            self._create_billed("2026-02-01", [{"price_unit": 100.0 + number}], partner_id=partners[number % 2].id)
            for number in range(5)
        ])

    def _billed(self, contracts):
        """:return: sorted list of (contract, day, amount) of their invoices"""
        lines = self.env["account.move.line"].search([("clm_contract_id", "in", contracts.ids)])
        return sorted(
            (contracts.ids.index(line.clm_contract_id.id), str(line.move_id.invoice_date), line.price_subtotal)
            for line in lines
        )

    def _expected(self):
        return sorted(
            (number, day, 100.0 + number) for number in range(5) for day in ("2026-02-01", "2026-03-01")
        )


@tagged("post_install", "-at_install")
class TestBillingCron(CronCase):
    """Without ``queue_job`` the cron bills by itself."""

    def test_cron_without_job_queue_bills_everything_at_once(self):
        with patch.dict(self.env.registry.models):
            self.env.registry.models.pop("queue.job", None)
            contracts = self._create_many()
            self.cron._cron_bill()
            self.assertEqual(self._billed(contracts), self._expected())
            run = self.env["clm.billing.run"].search([], limit=1)
            self.assertEqual((run.state, run.key_count, run.done_count, run.move_count), ("done", 5, 5, 10))
            self.cron._cron_bill()
            self.assertEqual(self._billed(contracts), self._expected())


@tagged("post_install", "-at_install")
class TestBillingJobs(CronCase):
    """With ``queue_job`` the cron makes jobs, which its workers share."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if "queue.job" not in cls.env:
            cls.skipTest(cls, "OCA queue_job is not installed here: run scripts/test-jobs")
        cls.env["queue.job"].search([]).unlink()

    def _jobs(self):
        return self.env["queue.job"].search([("model_name", "=", "clm.billing.engine")], order="date_created, id")

    def _keys(self, jobs):
        return sorted(key for job in jobs for key in job.args[2])

    def _perform(self, jobs):
        """Do what a worker does with these jobs."""
        for job in jobs:
            loaded = import_module("odoo.addons.queue_job.job").Job.load(self.env, job.uuid)
            loaded.perform()
            loaded.set_done()
            loaded.store()

    def test_cron_makes_a_job_per_batch_and_bills_nothing_itself(self):
        contracts = self._create_many()
        self.cron._cron_bill()
        jobs = self._jobs()
        self.assertEqual([len(job.args[2]) for job in jobs], [2, 2, 1])
        self.assertEqual(self._keys(jobs), contracts.ids)
        self.assertEqual(len({job.identity_key for job in jobs}), 3)
        self.assertEqual(self._billed(contracts), [])
        self.assertEqual(set(contracts.installment_ids.filtered(lambda row: str(row.date_planned) < "2026-03-10")
                             .mapped("state")), {"due"})

    def test_jobs_bill_everything_once(self):
        contracts = self._create_many()
        self.cron._cron_bill()
        jobs = self._jobs()
        self._perform(jobs)
        self.assertEqual(self._billed(contracts), self._expected())
        self.assertEqual(set(jobs.mapped("state")), {"done"})
        self.assertEqual(jobs[0].result, "4 invoices")
        self._perform(jobs)  # a job that is done again by mistake
        self.cron._cron_bill()
        self.assertEqual(self._jobs(), jobs)
        self.assertEqual(self._billed(contracts), self._expected())

    def test_jobs_of_any_order_bill_everything_once(self):
        contracts = self._create_many()
        self.cron._cron_bill()
        self._perform(self._jobs().sorted(reverse=True))
        self.assertEqual(self._billed(contracts), self._expected())

    def test_cron_that_runs_twice_makes_no_second_job(self):
        self._create_many()
        self.cron._cron_bill()
        jobs = self._jobs()
        self.cron._cron_bill()
        self.assertEqual(self._jobs(), jobs)

    def test_batches_that_overlap_bill_once(self):
        contracts = self._create_many()
        self.cron._cron_bill()
        waiting = self._jobs()
        self._run(contracts[0])  # a user was faster, so the batches are others
        self.cron._cron_bill()
        self.assertGreater(len(self._jobs()), len(waiting))
        self._perform(self._jobs())
        self.assertEqual(self._billed(contracts), self._expected())

    def test_jobs_of_yesterday_and_of_today_bill_once(self):
        contracts = self._create_many()
        self.cron._cron_bill()
        waiting = self._jobs()
        with self.at("2026-03-11"):
            self.cron._cron_bill()
            self.assertGreater(len(self._jobs()), len(waiting))
            self._perform(self._jobs())
        self.assertEqual(self._billed(contracts), self._expected())

    def test_contract_that_fails_does_not_fail_its_job(self):
        contracts = self._create_many()
        broken = self._create_billed("2026-02-01")
        prepare = self.env.registry["clm.installment"]._prepare_move_vals

        def fail(rows, *args):
            if broken in rows.contract_id:
                raise UserError("There is no account")  # pylint: disable=translation-required
            return prepare(rows, *args)

        self.patch(self.env.registry["clm.installment"], "_prepare_move_vals", fail)
        self.cron._cron_bill()
        jobs = self._jobs()
        with mute_logger("odoo.addons.clm.models.clm_billing_engine"):
            self._perform(jobs)
        self.assertEqual(set(jobs.mapped("state")), {"done"})
        self.assertEqual(self._billed(contracts), self._expected())
        self.assertIn("There is no account", broken.cron_error)
        run = self.env["clm.billing.run"].search([("failed_contract_ids", "!=", False)])
        self.assertEqual((run.state, run.failed_contract_ids), ("failed", broken))

    def test_conflict_with_somebody_else_is_left_to_the_queue(self):
        """``queue_job`` performs a job again after a conflict, in a new transaction; within this one it is no use."""
        contracts = self._create_many()
        self.cron._cron_bill()
        with patch.object(self.env.registry["clm.billing.engine"], "_claim", side_effect=SerializationFailure), \
                self.assertRaises(SerializationFailure), self.env.cr.savepoint():
            self._perform(self._jobs())
        self.assertEqual(self._billed(contracts), [])
        self._perform(self._jobs())
        self.assertEqual(self._billed(contracts), self._expected())

    def test_customers_with_one_invoice_are_kept_in_one_job(self):
        self.company.clm_billing_grouping = "customer"
        contracts = self._create_many()
        self.cron._cron_bill()
        jobs = self._jobs()
        self.assertEqual(self._keys(jobs), sorted((self.partner | self.other_partner).ids))
        self._perform(jobs)
        self.assertEqual(self._billed(contracts), self._expected())
        self.assertEqual(len(contracts.installment_ids.move_id), 4)  # two customers, two days

    def test_each_company_has_jobs_of_its_own(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        contracts = self._create_many()
        line = self._prepare_line(product_id=False, name="Tea")
        there = self.env["clm.contract"].with_company(other).create({
            "type_id": self.contract_type.id, "partner_id": self.partner.id, "company_id": other.id,
            "signature_required": "none", "date_start": "2026-03-01", "term_months": 0,
            "line_ids": [Command.create(line)],
        })
        there.action_activate()
        self.cron._cron_bill()
        self.assertEqual([job.args[0] for job in self._jobs()], [self.company.id] * 3 + [other.id])
        self._perform(self._jobs().filtered(lambda job: job.args[0] == self.company.id))
        self.assertEqual(self._billed(contracts), self._expected())
        self.assertFalse(there.installment_ids.move_id)
