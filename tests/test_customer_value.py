from collections import defaultdict
from datetime import date, datetime, timedelta

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from .billing_common import BillingCase


@tagged("post_install", "-at_install")
class TestCustomerValue(BillingCase):
    """What the report says of each customer, against orders, invoices and contracts of the test."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company.write({"clm_customer_years": 4.0, "clm_gross_margin": 0.5})
        cls.product.list_price = 100.0

    def _report(self, user=None, companies=None):
        self.env["clm.customer.value"]._cron_refresh()
        self.env.invalidate_all()
        report = self.env["clm.customer.value.report"].with_user(user or self.viewer)
        return report.with_context(allowed_company_ids=(companies or self.company).ids)

    def _row(self, partner=None, **kwargs):
        rows = self._report(**kwargs).search([("partner_id", "=", (partner or self.partner).id)])
        self.assertEqual(len(rows), 1)
        return rows

    def _numbers(self, *names, **kwargs):
        row = self._row(**kwargs)
        return tuple(round(row[name], 2) if isinstance(row[name], float) else row[name] for name in names)

    def test_orders_when_confirmed_then_counted_with_their_days(self):
        with self.at("2026-06-10"):
            for day, price in (("2024-01-05", 100), ("2025-06-10", 200), ("2025-06-11", 300), ("2026-06-01", 600)):
                self._create_order(self.partner, datetime.fromisoformat(f"{day} 10:00:00"), price=price)
            self._create_order(self.partner, confirm=False, price=5000)
            self.assertEqual(self._numbers("first_purchase", "last_purchase"), (date(2024, 1, 5), date(2026, 6, 1)))
            self.assertEqual(
                self._numbers("purchases", "purchases_year", "ordered", "revenue", "aov", "mrr", "contracts"),
                (4, 2, 1200.0, 1200.0, 300.0, 0.0, 0),
            )
            # (300 + 600) of the last 12 months * 4 years * 50 %
            self.assertEqual(self._numbers("lifetime_value"), (1800.0,))

    def test_credit_note_when_posted_then_less_revenue_and_no_purchase(self):
        with self.at("2026-06-10"):
            self._create_invoice(self.partner, "2026-05-01", price=300.0)
            self._create_invoice(self.partner, "2026-05-20", price=100.0, move_type="out_refund")
            self.assertEqual(
                self._numbers("purchases", "ordered", "revenue", "aov", "lifetime_value", "last_purchase"),
                (1, 200.0, 200.0, 200.0, 400.0, date(2026, 5, 1)),
            )

    def test_contract_when_it_bills_then_revenue_mrr_and_lifetime_value(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            self._run(contract).action_post()
            self.assertEqual(
                self._numbers("contract_revenue", "ordered", "revenue", "mrr", "contracts", "purchases"),
                (300.0, 0.0, 300.0, 100.0, 1, 0),
            )
            row = self._row()
            self.assertEqual((row.lifetime_value, row.aov, row.first_purchase), (2400.0, 0.0, False))

    def test_credit_note_of_a_contract_when_posted_then_less(self):
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01")
            move = self._run(contract)
            move.action_post()
            self._credit(move)
            self.assertEqual(self._numbers("contract_revenue", "revenue"), (0.0, 0.0))

    def test_contract_when_closed_then_neither_mrr_nor_in_force(self):
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01", date_end="2026-02-28")
            self._run(contract).action_post()
        self.env.cr.execute(SQL("UPDATE clm_contract SET state = 'closed' WHERE id = %s", contract.id))
        with self.at("2026-03-10"):
            self.assertEqual(self._numbers("mrr", "contracts", "contract_revenue"), (0.0, 0, 100.0))

    def test_order_when_its_contract_bills_it_then_counted_once(self):
        with self.at("2026-01-10"):
            self.product.clm_contract_type_id = self.contract_type
            order = self._create_order(self.partner, price=100.0, user_id=self.user.id)
            line = order.order_line
            contract = self._create_billed("2026-01-01", [{"sale_line_id": line.id}])
            order.clm_contract_ids.filtered(lambda draft: draft.state == "draft").action_cancel()
            self._run(contract).action_post()
            self.assertEqual(
                self._numbers("ordered", "contract_revenue", "revenue", "lifetime_value", "aov"),
                (100.0, 100.0, 100.0, 2400.0, 100.0),
            )

    def test_contact_when_it_buys_then_its_company_is_the_customer(self):
        contact = self.env["res.partner"].create({"name": "Buyer", "parent_id": self.partner.id})
        with self.at("2026-06-10"):
            self._create_order(contact, datetime(2026, 6, 1, 10))
            self.assertEqual(self._row().purchases, 1)

    def test_measures_when_grouped_then_made_from_the_sums_of_the_group(self):
        other = self.other_partner
        (self.partner | other).country_id = self.env.ref("base.is")
        with self.at("2026-06-10"):
            for partner, prices in ((self.partner, (100, 100, 100)), (other, (500,))):
                for price in prices:
                    self._create_order(partner, datetime(2026, 6, 1, 10), price=price)
            country = [("partner_id", "in", (self.partner | other).ids)]
            rows = self._report()._read_group(
                country, ["country_id"], ["partner_id:count_distinct", "aov:avg", "revenue:sum", "lifetime_value:sum"])
            self.assertEqual([tuple(row) for row in rows], [(self.env.ref("base.is"), 2, 200.0, 800.0, 1600.0)])

    def test_report_when_many_buy_then_equals_a_plain_computation(self):
        partners = self.env["res.partner"].create([{"name": f"Customer {number}"} for number in range(6)])
        today, expected = date(2026, 6, 10), defaultdict(lambda: [0, 0.0, 0.0])
        with self.at("2026-06-10"):
            for number in range(24):
                partner, price = partners[number % 6], 10.0 * (number + 1)
                day = today - timedelta(days=37 * number)
                self._create_order(partner, datetime(day.year, day.month, day.day, 12), price=price)
                entry = expected[partner.id]
                entry[0] += 1
                entry[1] += price
                entry[2] += price if day > date(2025, 6, 10) else 0.0
            rows = self._report().search([("partner_id", "in", partners.ids)])
            found = {row.partner_id.id: [row.purchases, row.revenue, row.lifetime_value] for row in rows}
        self.assertEqual(found, {key: [count, money, year * 2] for key, (count, money, year) in expected.items()})

    def test_lifetime_values_when_nobody_has_a_contract_then_their_mean_is_the_kpi(self):
        self.env.cr.execute(SQL("UPDATE sale_order SET state = 'draft'"))
        self.env.cr.execute(SQL("UPDATE account_move SET state = 'draft'"))
        self.env.cr.execute(SQL("UPDATE clm_kpi SET active = TRUE WHERE code = 'clv'"))
        self.env.invalidate_all()
        kpi = self.env["clm.kpi"].search([("code", "=", "clv")])
        with self.at("2026-06-10"):
            for partner, price in ((self.partner, 100.0), (self.partner, 300.0), (self.other_partner, 500.0)):
                self._create_order(partner, datetime(2026, 2, 1, 10), price=price)
            self._create_order(self.partner, datetime(2024, 2, 1, 10), price=7000.0)
            self.env.flush_all()
            period = kpi._period_of("month", date(2026, 6, 10), self.company)
            figure = kpi.sudo().with_company(self.company)._figures(self.company, [period])[kpi][0, False]
            values = self._report().search([("purchases_year", ">", 0)]).mapped("lifetime_value")
        self.assertAlmostEqual(figure.value, sum(values) / len(values))
        self.assertAlmostEqual(figure.value, 900.0)

    def test_companies_when_of_other_currencies_then_one_row_each_in_the_own_one(self):
        currency = self.env["res.currency"].create({"name": "ZZV", "symbol": "V", "rounding": 0.01})
        other = self.env["res.company"].create({
            "name": "Clm Abroad", "currency_id": currency.id, "lifecycle_tz": "UTC",
            "clm_customer_years": 1.0, "clm_gross_margin": 1.0,
        })
        for company in (self.company, other):
            currency.rate_ids.create({
                "currency_id": currency.id, "name": "2020-01-01",
                "rate": 4.0 * (self.company.currency_id.with_company(company)._get_rates(
                    company, date(2026, 6, 10))[self.company.currency_id.id]),
                "company_id": company.id,
            })
        self.viewer.company_ids |= other
        pricelist = self.env["product.pricelist"].create({
            "name": "Abroad", "company_id": other.id, "currency_id": currency.id})
        with self.at("2026-06-10"):
            self._create_order(self.partner, datetime(2026, 6, 1, 10), price=100.0)
            self._create_order(
                self.partner, datetime(2026, 6, 2, 10), price=400.0, company_id=other.id, pricelist_id=pricelist.id)
            both = self._report(companies=self.company | other).search([("partner_id", "=", self.partner.id)])
            self.assertEqual(both.currency_id, self.company.currency_id)
            self.assertEqual(
                {row.company_id: (round(row.revenue, 2), round(row.lifetime_value, 2)) for row in both},
                {self.company: (100.0, 200.0), other: (100.0, 100.0)},
            )
            self.assertEqual(len(set(both.ids)), 2)
            self.assertEqual(self._row().revenue, 100.0)
            abroad = self._row(companies=other)
            self.assertEqual((abroad.revenue, abroad.currency_id), (400.0, currency))

    def test_settings_when_changed_then_lifetime_value_follows(self):
        with self.at("2026-06-10"):
            self._create_order(self.partner, datetime(2026, 6, 1, 10), price=100.0)
            self.company.write({"clm_customer_years": 10.0, "clm_gross_margin": 0.2})
            self.assertEqual(self._numbers("lifetime_value"), (200.0,))

    def test_purchase_when_of_tomorrow_then_not_yet(self):
        with self.at("2026-06-10"):
            self._create_order(self.partner, datetime(2026, 6, 1, 10), price=100.0)
            self._create_order(self.partner, datetime(2026, 6, 11, 10), price=100.0)
            self.assertEqual(self._numbers("purchases"), (1,))

    def test_row_when_opened_then_the_customer(self):
        with self.at("2026-06-10"):
            self._create_order(self.partner, datetime(2026, 6, 1, 10))
            action = self._row().action_open()
        self.assertEqual((action["res_model"], action["res_id"]), ("res.partner", self.partner.id))

    def test_report_when_read_without_the_lifecycle_or_company_then_refused(self):
        internal = self._create_user("value-internal")
        with self.assertRaises(AccessError):
            self._report(user=internal).search([])
        other = self.env["res.company"].create({"name": "Clm Secret"})
        with self.assertRaises(AccessError):
            self._report(companies=other).search([])
        with self.at("2026-06-10"):
            self._create_order(self.partner, datetime(2026, 6, 1, 10))
            self.viewer.write({"company_ids": [Command.set(other.ids)], "company_id": other.id})
            self.assertFalse(self._report(companies=other).search([("partner_id", "=", self.partner.id)]))

    # === THE ROWS BEHIND === #

    def _rows(self):
        self.env["clm.customer.value"]._refresh(self.company)
        self.env.cr.execute(SQL(
            "SELECT partner_id, xmin::text FROM clm_customer_value WHERE company_id = %s", self.company.id))
        return dict(self.env.cr.fetchall())

    def test_rows_when_nothing_changed_then_not_written(self):
        self._create_order(self.partner, datetime(2026, 6, 1, 10))
        self._rows()
        self.env.cr.execute(SQL("UPDATE clm_customer_value SET purchases = 99 WHERE partner_id = %s", self.partner.id))
        table = self.env["clm.customer.value"]
        self.env.cr.execute(SQL("SELECT COUNT(*) FROM (%s) x", table._select(self.company)))
        found = self.env.cr.fetchone()[0]
        self.env.cr.execute(SQL("SELECT ctid::text, partner_id FROM clm_customer_value WHERE company_id = %s",
                                self.company.id))
        before = dict(self.env.cr.fetchall())
        table._refresh(self.company)
        self.env.cr.execute(SQL("SELECT ctid::text, partner_id FROM clm_customer_value WHERE company_id = %s",
                                self.company.id))
        after = dict(self.env.cr.fetchall())
        self.assertEqual(len(after), found)
        self.assertEqual({before[place] for place in before.keys() - after.keys()}, {self.partner.id})

    def test_row_when_its_order_is_cancelled_then_goes(self):
        order = self._create_order(self.partner, datetime(2026, 6, 1, 10))
        self.assertIn(self.partner.id, self._rows())
        order._action_cancel()
        self.assertNotIn(self.partner.id, self._rows())

    def test_rows_when_another_company_is_computed_then_left_alone(self):
        other = self.env["res.company"].create({"name": "Clm Abroad"})
        self._create_order(self.partner, datetime(2026, 6, 1, 10))
        rows = self._rows()
        self.env["clm.customer.value"]._refresh(other)
        self.env.cr.execute(SQL(
            "SELECT partner_id, xmin::text FROM clm_customer_value WHERE company_id = %s", self.company.id))
        self.assertEqual(dict(self.env.cr.fetchall()), rows)

    def test_refresh_when_there_are_more_customers_then_as_many_queries(self):
        counts = []
        for customers in (1, 20):
            for number in range(customers):
                partner = self.env["res.partner"].create({"name": f"Buyer {customers} {number}"})
                self._create_order(partner, datetime(2026, 6, 1, 10))
            self.env.flush_all()
            start = self.env.cr.sql_log_count
            self.env["clm.customer.value"]._refresh(self.company)
            counts.append(self.env.cr.sql_log_count - start)
        self.assertLessEqual(counts[1], counts[0])  # the first time, settings are read as well

    def test_customers_when_counted_in_several_companies_then_each_once(self):
        other = self.env["res.company"].create({"name": "Clm Abroad", "currency_id": self.company.currency_id.id})
        self.viewer.company_ids |= other
        with self.at("2026-06-10"):
            self._create_order(self.partner, datetime(2026, 6, 1, 10))
            self._create_order(self.partner, datetime(2026, 6, 1, 10), company_id=other.id)
            for companies, rows in ((self.company, 1), (self.company | other, 2)):
                found = self._report(companies=companies)._read_group(
                    [("partner_id", "=", self.partner.id)], [], ["partner_id:count_distinct", "__count"])
                self.assertEqual(found, [(1, rows)])
