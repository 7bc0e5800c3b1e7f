import psycopg2

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from .billing_common import BillingCase

KEPT = ("kind", "period_start", "period_end", "date_planned", "share", "amount", "state", "move_line_id", "reason")


@tagged("post_install", "-at_install")
class TestBillingSchedule(BillingCase):
    """Which rows there are, and what they never do."""

    # === ROWS THAT STAY === #

    def test_schedule_that_is_made_anew_changes_no_row_that_is_billed_or_skipped(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-15", [{}, {"billing": "arrears", "price_unit": 33.33}])
            self._run(contract).action_post()
            contract.installment_ids.filtered(lambda row: row.state == "planned")[0].action_skip("Free")
            locked = contract.installment_ids.filtered(lambda row: row.state not in ("planned", "due"))
            before = locked.read(KEPT)
            self.assertGreater(len(locked), 3)
            for name, value in (
                ("clm_billing_proration", "none"), ("clm_billing_horizon", 3), ("clm_billing_proration", "days30"),
            ):
                self.company[name] = value
                contract._sync_schedule()
                contract.billing_mode = "none"
                contract.billing_mode = "auto"
            self.assertEqual(locked.read(KEPT), before)

    def test_schedule_that_is_made_twice_is_the_same(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-31", [{}, {"recurrence_unit": "once"}], date_end="2026-12-15")
            self._run(contract)
            rows = contract.installment_ids
            before = rows.read(KEPT)
            contract._sync_schedule()
            self.assertEqual(contract.installment_ids, rows)
            self.assertEqual(rows.read(KEPT), before)

    def test_same_period_twice_is_refused_by_the_database(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01")
        row = contract.installment_ids.sorted("period_start")[0]
        values = {"contract_id": contract.id, "line_id": row.line_id.id, "date_planned": row.date_planned}
        self.env.flush_all()
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.errors.UniqueViolation), self.cr.savepoint():
            self.env["clm.installment"].create({
                **values, "period_start": row.period_start, "period_end": row.period_end,
            })
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.errors.UniqueViolation), self.cr.savepoint():
            self.env.cr.execute(SQL(
                """
                INSERT INTO clm_installment (contract_id, line_id, company_id, kind, state, period_start, period_end,
                                             date_planned, revision)
                SELECT contract_id, line_id, company_id, kind, state, period_start, period_end, date_planned, revision
                FROM clm_installment WHERE id = %s
                """, row.id,
            ))
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.errors.CheckViolation), self.cr.savepoint():
            self.env["clm.installment"].create({**values, "period_start": "2030-02-01", "period_end": "2030-01-01"})

    def test_two_rows_on_one_invoice_line_are_refused_by_the_database(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01")
            move = self._run(contract)
        with mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.errors.UniqueViolation), self.cr.savepoint():
            contract.installment_ids.filtered(lambda row: row.state == "planned")[0].move_line_id = (
                move.invoice_line_ids.id
            )
            self.env.flush_all()

    # === HORIZON === #

    def test_horizon_is_a_setting_that_the_next_daily_run_follows(self):
        with self.at("2026-01-01"):
            contract = self._create_billed("2026-01-01")
            self.assertEqual(len(contract.installment_ids), 14)  # 12 months and some days
            self.company.clm_billing_horizon = 24
            self.assertEqual(len(contract.installment_ids), 14)
        self.run_on("2026-01-01")
        self.assertEqual(len(contract.installment_ids), 26)
        with self.at("2026-01-01"):
            self.company.clm_billing_horizon = 1
        self.run_on("2026-01-01")
        self.assertEqual(len(contract.installment_ids), 3)

    def test_horizon_out_of_bounds_is_refused(self):
        for months in (0, -1, 121):
            with (
                self.subTest(months), mute_logger("odoo.sql_db"), self.assertRaises(psycopg2.errors.CheckViolation),
                self.cr.savepoint(),
            ):
                self.company.clm_billing_horizon = months
                self.env.flush_all()

    def test_endless_contract_rolls_on_with_the_daily_run(self):
        with self.at("2026-01-01"):
            contract = self._create_billed("2026-01-01")
        last = max(contract.installment_ids.mapped("period_end"))
        self.run_on("2026-01-20")
        self.assertEqual(max(contract.installment_ids.mapped("period_end")), last)
        self.run_on("2026-02-10")
        self.assertGreater(max(contract.installment_ids.mapped("period_end")), last)
        self.run_on("2026-02-10")
        self.assertEqual(str(contract.schedule_next), "2026-03-13")

    def test_contract_with_an_end_within_the_horizon_is_not_extended(self):
        with self.at("2026-01-01"):
            contract = self._create_billed("2026-01-01", date_end="2026-06-30")
        self.assertEqual((len(contract.installment_ids), contract.schedule_next), (6, False))

    # === WHAT IS PLANNED === #

    def test_once_lines_are_planned_on_their_day_or_after_their_work(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01", [
                {"recurrence_unit": "once"},
                {"recurrence_unit": "once", "date_start": "2026-03-10"},
                {"recurrence_unit": "once", "date_start": "2026-04-01", "date_end": "2026-04-20", "billing": "arrears"},
                {"recurrence_unit": "once", "billing": "arrears"},
            ])
        self.assertEqual([self._rows(line)[0] for line in contract.line_ids], [
            ("2026-03-01", "2026-03-01", "2026-03-01", 100.0), ("2026-03-10", "2026-03-10", "2026-03-10", 100.0),
            ("2026-04-01", "2026-04-20", "2026-04-21", 100.0), ("2026-03-01", "2026-03-01", "2026-03-02", 100.0),
        ])
        self.assertEqual(len(contract.installment_ids), 4)

    def test_periods_before_the_bill_from_date_are_left_to_whoever_billed_them(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2025-01-01", billing_from="2026-03-01")
            self.assertEqual([str(move.invoice_date) for move in self._run(contract)], ["2026-03-01"])
            contract.billing_from = "2026-02-01"
            self.assertEqual([str(move.invoice_date) for move in self._run(contract)], ["2026-02-01"])
            contract.billing_from = "2026-06-01"
            self.assertEqual(self._rows(contract, "planned")[0][0], "2026-06-01")
            self.assertEqual(len(self._rows(contract, "invoiced")), 2)

    def test_due_rows_are_marked_and_the_next_invoice_is_told(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-02-15", billing_mode="manual")
            self.assertEqual(str(contract.next_billing_date), "2026-02-15")
            self.product.property_account_income_id = False
            self._run(contract)
            self.assertEqual(str(contract.next_billing_date), "2026-03-15")

    def test_amount_of_a_row_is_what_the_draft_was_changed_to_only_on_the_invoice(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-03-01")
            move = self._run(contract)
            move.invoice_line_ids.price_unit = 80.0
            self.assertEqual(self._rows(contract, "invoiced"), [("2026-03-01", "2026-03-31", "2026-03-01", 100.0)])

    # === ORDERS AND THE TIMELINE === #

    def _create_order_with_contract(self):
        kind = self._create_type(clauses=self.env["clm.clause"], name="Order", signature_required="none", term_months=0,
                                 notice_count=0)
        self.product.clm_contract_type_id = kind
        self.product.invoice_policy = "order"
        extra = self.env["product.product"].create({"name": "Extra", "type": "service", "invoice_policy": "order"})
        order = self.env["sale.order"].create({
            "partner_id": self.partner.id, "user_id": self.user.id, "order_line": [
                Command.create({"product_id": self.product.id, "price_unit": 100.0, "tax_ids": [Command.clear()]}),
                Command.create({"product_id": extra.id, "price_unit": 7.0, "tax_ids": [Command.clear()]}),
            ],
        })
        order.action_confirm()
        return order, order.clm_contract_ids

    def test_what_a_contract_bills_is_not_billed_by_its_order_as_well(self):
        with self.at("2026-03-01"):
            order, contract = self._create_order_with_contract()
            self.assertEqual(order.order_line.mapped("qty_to_invoice"), [0.0, 1.0])
            self.assertEqual(order.order_line[0].invoice_status, "no")
            contract.action_activate()
            self.assertEqual(self._run(contract).amount_untaxed, 100.0)
            self.assertEqual(order._create_invoices().amount_untaxed, 7.0)

    def test_order_of_a_line_that_was_amended_before_it_was_billed_has_nothing_to_invoice(self):
        with self.at("2026-03-01"):
            order, contract = self._create_order_with_contract()
            contract.action_activate()
            amendment = self._amend(contract, "2026-03-01")
            amendment.line_ids.price_unit = 90.0
            amendment.action_activate()
            self.assertEqual(contract.line_ids.mapped("price_unit"), [90.0])
            self.assertEqual(order.order_line.mapped("qty_to_invoice"), [0.0, 1.0])

    def test_order_is_billed_itself_when_its_contract_is_cancelled_or_does_not_bill(self):
        with self.at("2026-03-01"):
            order, contract = self._create_order_with_contract()
            contract.billing_mode = "none"
            self.assertEqual(order.order_line.mapped("qty_to_invoice"), [1.0, 1.0])
            contract.billing_mode = "auto"
            self.assertEqual(order.order_line.mapped("qty_to_invoice"), [0.0, 1.0])
            contract.action_cancel()
            self.assertEqual(order.order_line.mapped("qty_to_invoice"), [1.0, 1.0])

    def test_invoices_and_credit_notes_of_a_contract_are_no_purchases_nor_refunds(self):
        def kinds():
            self.env.flush_all()
            events = self.env["clm.event"].search([
                ("partner_id", "=", self.partner.id), ("model", "=", "account.move"),
            ])
            return sorted(events.mapped("kind"))

        with self.at("2026-03-01"):
            move = self._run(self._create_billed("2026-03-01"))
            move.action_post()
            self._credit(move)
            self.assertEqual(kinds(), [])
            self._credit(self._create_invoice(self.partner, "2026-03-01"))  # any other invoice is one
            self.assertEqual(kinds(), ["invoice", "refund"])
