import random
from collections import defaultdict
from datetime import date
from decimal import Decimal

from dateutil.relativedelta import relativedelta

from odoo.tests import tagged
from odoo.tools import SQL

from ..tools import mrr, mrr_rates
from .test_billing_reports import BillingReportCase


@tagged("post_install", "-at_install")
class TestDeferredRevenue(BillingReportCase):
    def _earned(self, contract, day, currency=False):
        """:return: (invoiced, recognised, deferred) as of a day"""
        suffix = "_currency:sum" if currency else ":sum"
        names = [f"{name}{suffix}" for name in ("invoiced", "recognised", "deferred")]
        values = self._report("deferred", clm_as_of=day)._read_group([("contract_id", "=", contract.id)], [], names)[0]
        return tuple(round(value or 0.0, 2) for value in values)

    def _months(self, contract, day, measure="invoiced"):
        groups = self._report("deferred", clm_as_of=day)._read_group(
            [("contract_id", "=", contract.id)], ["month:month"], [f"{measure}:sum"], order="month:month")
        return {month.strftime("%Y-%m"): round(amount, 2) for month, amount in groups}

    def test_yearly_invoice_is_earned_day_by_day(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-01-15", [{"price_unit": 1000.0, "recurrence_unit": "year"}])
            self._bill(contract)
            self.assertEqual(self._earned(contract, "2026-01-14"), (0.0, 0.0, 0.0))  # not invoiced yet
            self.assertEqual(self._earned(contract, "2026-01-15"), (1000.0, 2.74, 997.26))
            self.assertEqual(self._earned(contract, "2026-02-28"), (1000.0, 123.29, 876.71))  # 45 of 365 days
            self.assertEqual(self._earned(contract, "2027-01-14"), (1000.0, 1000.0, 0.0))
            self.assertEqual(self._earned(contract, "2030-01-01"), (1000.0, 1000.0, 0.0))

    def test_months_of_service_add_up_to_the_invoice_to_the_cent(self):
        with self.at("2026-03-01"):
            contract = self._create_billed("2026-01-15", [{"price_unit": 100.01, "recurrence_unit": "year"}])
            self._bill(contract)
            months = self._months(contract, "2026-06-10")
            self.assertEqual(len(months), 13)
            self.assertEqual(round(sum(months.values()), 2), 100.01)
            # cumulative: 17 days, then 45 of 365
            self.assertEqual((months["2026-01"], months["2026-02"]), (4.66, 7.67))
            recognised = self._months(contract, "2026-06-10", "recognised")
            self.assertEqual(recognised["2026-05"], months["2026-05"])
            self.assertEqual(recognised["2026-07"], 0.0)
            self.assertEqual(round(sum(recognised.values()), 2), self._earned(contract, "2026-06-10")[1])

    def test_arrears_are_earned_before_they_are_invoiced(self):
        with self.at("2026-03-02"):
            contract = self._create_billed("2026-01-01", [{"billing": "arrears"}])
            self._bill(contract)
            self.assertEqual(self._earned(contract, "2026-02-15"), (100.0, 100.0, 0.0))
            timing = self._report("deferred")._read_group(
                [("contract_id", "=", contract.id)], ["timing"], ["invoiced:sum"])
            self.assertEqual(timing, [("after", 200.0)])

    def test_credit_note_is_earned_back_over_the_days_it_takes_back(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-03-01")
            self._bill(contract)
            contract.action_terminate(self.reason, "2026-03-09", agreed=True)
            contract.installment_ids.filtered("to_confirm").with_user(self.accountant).action_confirm_credit()
            self._bill(contract)
            self.assertEqual(self._earned(contract, "2026-03-09"), (100.0, 29.03, 70.97))  # not credited yet
            self.assertEqual(self._earned(contract, "2026-03-10"), (29.03, 29.03, 0.0))
            self.assertEqual(self._earned(contract, "2026-03-31"), (29.03, 29.03, 0.0))

    def test_fully_credited_invoice_leaves_nothing(self):
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01", [{"price_unit": 99.97, "recurrence_unit": "year"}])
            self._credit(self._bill(contract))
            self.assertEqual(self._earned(contract, "2026-05-05"), (0.0, 0.0, 0.0))

    def test_foreign_invoice_is_earned_in_both_currencies(self):
        currency = self.env["res.currency"].create({"name": "ZZC", "symbol": "Z", "rounding": 1})
        currency.rate_ids.create({"currency_id": currency.id, "name": "2025-01-01", "rate": 8.0,
                                  "company_id": self.company.id})
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01", currency_id=currency.id)
            self._bill(contract)
            self.assertEqual(self._earned(contract, "2026-01-10", currency=True), (100.0, 32.0, 68.0))
            self.assertEqual(self._earned(contract, "2026-01-10"), (12.5, 4.03, 8.47))

    def test_drafts_and_cancelled_invoices_are_not_revenue(self):
        with self.at("2026-02-10"):
            contract = self._create_billed("2026-01-01")
            moves = self._bill(contract, post=False)
            moves[0].button_cancel()
            self.assertEqual(self._earned(contract, "2026-02-10"), (0.0, 0.0, 0.0))


@tagged("post_install", "-at_install")
class TestContractMargin(BillingReportCase):
    def _row(self, contract):
        self.env.invalidate_all()
        row = self._report("margin").search([("contract_id", "=", contract.id)])
        return row.source, row.revenue, row.cost, row.margin

    def test_margin_without_analytic_items_takes_the_cost_of_the_product(self):
        self.product.standard_price = 30.0
        with self.at("2026-02-10"):
            contract = self._create_billed("2026-01-16", [{
                "product_id": self.product.id, "quantity": 2, "price_unit": 50.0, "anchor_date": "2026-01-01",
            }])
            self.assertEqual(self._row(contract), ("none", 0.0, 0.0, 0.0))
            self._bill(contract)
            # 16 of 31 days of January, and February
            self.assertEqual(self._row(contract), ("product", 151.61, 90.97, 60.64))
            mine = contract.with_user(self.accountant)
            self.assertEqual((mine.margin, mine.margin_source), (60.64, "product"))
            self.assertAlmostEqual(mine.margin_percent, 60.64 / 151.61)

    def test_margin_of_analytic_items_counts_revenue_bills_and_time(self):
        account = self._create_account()
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01", analytic_account_id=account.id)
            self._bill(contract)
            self._create_item(account, -25.0)
            self.assertEqual(self._row(contract), ("analytic", 100.0, 25.0, 75.0))

    def test_shared_analytic_account_is_split_but_for_what_names_a_contract(self):
        account = self._create_account()
        with self.at("2026-01-10"):
            contracts = self._create_billed("2026-01-01", analytic_account_id=account.id)
            contracts += self._create_billed("2026-01-01", [{"price_unit": 300.0}], analytic_account_id=account.id)
            self._bill(contracts)
            self._create_item(account, -50.0)
            self.assertEqual([self._row(contract)[1:3] for contract in contracts], [(100.0, 25.0), (300.0, 25.0)])

    def test_margin_of_a_supplier_contract_is_its_bills(self):
        with self.at("2026-01-10"):
            kind = self._create_type(
                clauses=self.env["clm.clause"], name="Purchase", direction="supplier", signature_required="none")
            contract = self._create_billed("2026-01-01", type_id=kind.id)
            move = self._bill(contract, post=False)
            move.invoice_date = "2026-01-05"
            move.action_post()
            self.assertEqual(self._row(contract), ("bill", 0.0, 100.0, -100.0))

    def test_margin_percent_of_several_contracts_is_weighted(self):
        self.product.standard_price = 50.0
        with self.at("2026-01-10"):
            contracts = self._create_billed("2026-01-01", [{"product_id": self.product.id, "price_unit": 100.0}])
            contracts += self._create_billed("2026-01-01", [{"product_id": self.product.id, "price_unit": 300.0}])
            self._bill(contracts)
            value = self._report("margin")._read_group(
                [("contract_id", "in", contracts.ids)], [], ["margin_percent:avg"])[0][0]
            self.assertAlmostEqual(value, 0.75)

    def _create_account(self):
        plan = self.env["account.analytic.plan"].create({"name": "Clm contracts"})
        return self.env["account.analytic.account"].create({"name": "Clm", "plan_id": plan.id})

    def _create_item(self, account, amount):
        return self.env["account.analytic.line"].create({
            "name": "Hours", account.plan_id._column_name(): account.id, "amount": amount,
            "company_id": self.company.id,
        })


@tagged("post_install", "-at_install")
class TestRecurringRevenueReport(BillingReportCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env.cr.execute(SQL("DELETE FROM clm_mrr_movement"))
        cls.env.invalidate_all()

    def test_report_of_random_histories_agrees_with_the_formulas(self):
        for seed in range(4):
            with self.subTest(seed=seed), self.at("2026-06-15"):
                self.env.cr.execute(SQL("DELETE FROM clm_mrr_movement"))
                self.env.invalidate_all()
                histories = self._create_histories(random.Random(seed))
                rows = self._report("mrr", clm_mrr_months=60).search(
                    [("company_id", "=", self.company.id)], order="month")
                self.assertGreater(len(rows), 12)
                for row in rows:
                    self._check_month(row, histories)

    def _create_histories(self, rng):
        """Movements of 12 customers, as the engine makes them.

        :return: dict of customer -> list of ``mrr.Movement``
        """
        contracts = self.env["clm.contract"].create([
            {"type_id": self.contract_type.id, "partner_id": self.env["res.partner"].create({"name": f"R{n}"}).id,
             "user_id": self.user.id, "date_start": "2024-01-01"}
            for n in range(12) for _twice in range(2)
        ])
        histories = {}
        for partner, own in contracts.grouped("commercial_partner_id").items():
            segments = [
                mrr.Segment(
                    rng.choice(own.ids), 1, start, start + relativedelta(days=rng.randrange(400)),
                    Decimal(rng.randrange(-1, 4) * 50),
                )
                for start in (date(2024, 1, 1) + relativedelta(days=rng.randrange(800)) for _n in range(5))
            ]
            histories[partner] = mrr.movements(segments, lambda _currency, amount, _day: amount)
        self.env["clm.mrr.movement"].create([
            {"contract_id": movement.contract, "date": movement.date, "kind": movement.kind,
             "amount": float(movement.amount), "value": float(movement.value)}
            for found in histories.values() for movement in found
        ])
        return histories

    def _check_month(self, row, histories):
        first, last = row.month, min(row.month + relativedelta(months=1, days=-1), date(2026, 6, 15))
        every = [movement for found in histories.values() for movement in found]
        fall = mrr.waterfall(every, first, last)
        self.assertEqual(
            (row.start, row.new, row.reactivation, row.expansion, row.contraction, row.churn, row.transfer, row.end),
            tuple(float(getattr(fall, name)) for name in (
                "opening", "new", "reactivation", "expansion", "contraction", "churn", "transfer", "closing")),
        )
        before, after = self._balances(histories, first - relativedelta(days=1)), self._balances(histories, last)
        self.assertEqual(row.customers_start, sum(value > 0 for value in before.values()))
        self.assertEqual(row.customers_end, sum(value > 0 for value in after.values()))
        for name, expected in (
            ("nrr", mrr_rates.nrr(before, after)), ("grr", mrr_rates.grr(before, after)),
            ("logo_churn", mrr_rates.logo_churn(before, after)),
            ("quick_ratio", mrr_rates.quick_ratio(fall.new, fall.expansion, fall.contraction, fall.churn)),
        ):
            value = self._report("mrr", clm_mrr_months=60)._read_group(
                [("id", "=", row.id)], [], [f"{name}:avg"])[0][0]
            if expected is None:
                self.assertIs(value, False, name)
            else:
                self.assertAlmostEqual(value, expected, 9, name)
                self.assertAlmostEqual(row[name], expected, 9, name)

    def _balances(self, histories, day):
        balances = defaultdict(Decimal)
        for partner, found in histories.items():
            balances[partner] = sum((movement.value for movement in found if movement.date <= day), Decimal(0))
        return balances

    def test_groups_of_months_show_first_start_and_last_end(self):
        with self.at("2026-04-10"):
            self._create_billed("2026-01-01", [{"price_unit": 100.0}])
            self._create_billed("2026-03-01", [{"price_unit": 50.0}], partner_id=self.other_partner.id)
            groups = self._report("mrr")._read_group(
                [("company_id", "=", self.company.id)], ["month:quarter"],
                ["start:avg", "new:sum", "end:avg", "arr:avg", "customers_end:avg", "customers_new:sum"],
                order="month:quarter",
            )
            self.assertEqual([tuple(map(float, values)) for _quarter, *values in groups], [
                (0.0, 150.0, 150.0, 1800.0, 2.0, 2.0), (150.0, 0.0, 150.0, 1800.0, 2.0, 0.0),
            ])

    def test_known_future_is_not_counted_before_its_day(self):
        with self.at("2026-04-10"):
            contract = self._create_billed("2026-01-01", date_end="2026-04-20")
            row = self._report("mrr").search([("company_id", "=", self.company.id)], limit=1, order="month desc")
            self.assertEqual((str(row.month), row.end, row.churn), ("2026-04-01", 100.0, 0.0))
            self.assertIn("churn", contract.mrr_movement_ids.mapped("kind"))

    def test_window_of_months_starts_with_the_balance_before(self):
        with self.at("2026-04-10"):
            self._create_billed("2023-01-01")
            rows = self._report("mrr", clm_mrr_months=3).search([("company_id", "=", self.company.id)], order="month")
            self.assertEqual(rows.mapped("start"), [100.0, 100.0, 100.0])
            self.assertEqual(rows.mapped("nrr"), [1.0, 1.0, 1.0])
            self.assertEqual(len(self._report("mrr").search([("company_id", "=", self.company.id)])), 36)
