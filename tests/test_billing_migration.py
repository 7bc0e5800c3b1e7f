from importlib import util
from pathlib import Path

from odoo.tests import tagged
from odoo.tools import SQL

from .billing_common import BillingCase

SCRIPT = Path(__file__).parents[1] / "migrations" / "19.0.1.2.0" / "post-billing.py"


@tagged("post_install", "-at_install")
class TestBillingMigration(BillingCase):
    """Contracts of a database from before billing get a schedule from the day of the upgrade on."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        spec = util.spec_from_file_location("clm_post_billing", SCRIPT)
        cls.script = util.module_from_spec(spec)
        spec.loader.exec_module(cls.script)

    def _make_old(self, contracts):
        """Bring contracts to what they were: without schedule and revenue."""
        self.env.flush_all()
        for query in (
            SQL("DELETE FROM clm_installment"), SQL("DELETE FROM clm_mrr_movement"),
            SQL("UPDATE clm_contract SET schedule_next = NULL, billing_from = NULL"),
        ):
            self.env.cr.execute(query)
        self.env.invalidate_all()
        self.assertFalse(contracts.installment_ids)

    def _migrate(self, day):
        with self.at(day):
            self.script.migrate(self.env.cr, "19.0.1.1.0")
            self.env.invalidate_all()

    def test_contracts_in_force_are_billed_from_the_first_period_that_begins_after_the_upgrade(self):
        with self.at("2026-03-10"):
            running = self._create_billed("2025-01-31", [
                {}, {"billing": "arrears"}, {"recurrence_unit": "year", "price_unit": 1200.0},
            ])
            coming = self._create_billed("2026-05-01")
        self._make_old(running | coming)
        self._migrate("2026-03-10")
        self.assertEqual(str(running.billing_from), "2026-03-10")
        rows = {line: self._rows(line)[:2] for line in running.line_ids}
        self.assertEqual(list(rows.values()), [
            [("2026-03-31", "2026-04-29", "2026-03-31", 100.0), ("2026-04-30", "2026-05-30", "2026-04-30", 100.0)],
            [("2026-03-31", "2026-04-29", "2026-04-30", 100.0), ("2026-04-30", "2026-05-30", "2026-05-31", 100.0)],
            [("2027-01-31", "2028-01-30", "2027-01-31", 1200.0)],
        ])
        self.assertEqual(self._rows(coming)[0], ("2026-05-01", "2026-05-31", "2026-05-01", 100.0))
        with self.at("2026-03-31"):
            moves = self._run()
            self.assertEqual(moves.mapped("amount_untaxed"), [100.0])  # nothing of the past

    def test_revenue_of_the_past_is_there_from_its_beginning(self):
        with self.at("2026-03-10"):
            running = self._create_billed("2025-01-31")
            ended = self._create_billed("2024-01-01", date_end="2024-12-31", partner_id=self.other_partner.id)
            self.contracts._cron_daily()
            self.assertEqual(ended.state, "closed")
        self._make_old(running | ended)
        self._migrate("2026-03-10")
        self.assertEqual(
            [(str(row.date), row.kind, row.value) for row in (running | ended).mrr_movement_ids.sorted("date")],
            [("2024-01-01", "new", 100.0), ("2025-01-01", "churn", -100.0), ("2025-01-31", "new", 100.0)],
        )
        self.assertFalse(ended.installment_ids)
        with self.at("2026-03-10"):
            self.assertEqual(self.contracts._mrr_gaps(self.company), [])

    def test_migration_that_runs_again_changes_nothing(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
        self._make_old(contract)
        self._migrate("2026-03-10")
        rows, movements = contract.installment_ids, contract.mrr_movement_ids
        self._migrate("2026-04-20")
        self.assertEqual(str(contract.billing_from), "2026-03-10")
        self.assertLessEqual(set(rows.ids), set(contract.installment_ids.ids))
        self.assertEqual(contract.mrr_movement_ids, movements)

    def test_drafts_and_amendments_get_nothing(self):
        with self.at("2026-03-10"):
            draft = self._create_contract()
            contract = self._create_billed("2026-01-01")
            amendment = contract._amend(self.contracts._fields["date_start"].to_date("2026-04-01"), reason="Change")
            amendment.action_activate()
        self._make_old(contract)
        self._migrate("2026-03-10")
        self.assertFalse((draft | amendment).installment_ids)
        self.assertFalse(draft.billing_from or amendment.billing_from)
