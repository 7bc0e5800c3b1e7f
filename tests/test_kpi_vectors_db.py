from datetime import date, datetime

from odoo.fields import Command
from odoo.tests import tagged

from .contract_days import ContractDaysCase
from .kpi_common import KpiBuilders


class VectorCase(KpiBuilders, ContractDaysCase):
    """A company of its own with nothing but what a vector says; its days are those of UTC."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._set_up_kpis()

    # === WHAT HAPPENED === #

    def _customers(self, number):
        return self.env["res.partner"].create([
            {"name": f"Customer {place}", "company_id": self.company.id} for place in range(number)
        ])

    def _pay(self, customers, start, price=100.0, **vals):
        """:return: contracts of so much a month in force from a day on, one for each customer"""
        with self.at(start):
            contracts = self.env["clm.contract"].create([
                {
                    "type_id": self.calendar_type.id, "partner_id": customer.id, "company_id": self.company.id,
                    "date_start": start, "term_months": 0, "notice_count": 0, "user_id": self.user.id,
                    "line_ids": [self._line(price_unit=price)], **vals,
                }
                for customer in customers
            ])
            contracts.action_activate()
        return contracts

    def _change(self, contract, day, price):
        with self.at(day):
            amendment = contract._amend(date.fromisoformat(day), reason="Change")
            amendment.line_ids.price_unit = price
            amendment.action_activate()

    def _end(self, contracts, last_day):
        with self.at(last_day):
            contracts.action_terminate(self.reason, last_day, agreed=True)

    def _buy(self, customers, day, price=100.0):
        moment = datetime.fromisoformat(day).replace(hour=12)
        orders = self.env["sale.order"].create([
            {
                "partner_id": customer.id, "company_id": self.company.id, "user_id": False, "team_id": False,
                "order_line": [Command.create({
                    "product_id": self.product.id, "price_unit": price, "tax_ids": [Command.clear()],
                })],
            }
            for customer in customers
        ])
        orders.action_confirm()
        orders.date_order = moment
        for order in orders:
            self._backdate(order, moment)

    def _measure(self, code, on, day, kind="month"):
        """:return: the stored value of a period"""
        kpi = self._built_in(code)
        self._refresh(kpi, on=on, since=day)
        return self._value(kpi, day, kind)

    def _check(self, code, on, day, expected, kind="month", **parts):
        value = self._measure(code, on, day, kind)
        self.assertEqual(value.is_known, expected is not None)
        self.assertAlmostEqual(value.value, expected or 0.0, 4)
        for name, number in parts.items():
            self.assertAlmostEqual(value[name], number, 4, name)


@tagged("post_install", "-at_install")
class TestKpiVectors(VectorCase):
    """The public examples of KPI.md 2.8, from real documents to the stored value; the number is that of the table."""

    # === CUSTOMERS === #

    def test_time_to_convert_is_the_mean_over_who_became_customers(self):
        """16: ten leads of 1 May, five buy on the 11th and five on the 21st: 15 days (ChartMogul)."""
        customers = self._customers(10)
        for customer in customers:
            self._backdate(customer, datetime(2026, 5, 1, 11))
            lead = self._create_lead(partner_id=customer.id)
            self._backdate(lead, datetime(2026, 5, 1, 12))
        self._buy(customers[:5], "2026-05-11")
        self._buy(customers[5:], "2026-05-21")
        with self.at("2026-06-10"):
            self.engine._process_queue()
        self._check("time_to_convert", "2026-06-10", "2026-05-01", 15.0, numerator=150.0, denominator=10)
        self._check("time_to_convert_median", "2026-06-10", "2026-05-01", 15.0)
        self._check("lead_to_customer", "2026-06-10", "2026-05-01", 0.0, denominator=10)  # nobody closed them
        self._check("time_to_convert", "2026-06-10", "2026-06-01", None)  # by the day of conversion

    def test_acquisition_cost_is_spend_per_new_customer(self):
        """46, a tenth of it: 1,000 spent for 50 new customers make 20 each; old ones do not count."""
        self.env["clm.spend"].create({
            "name": "Fair", "amount": 1000.0, "date_from": "2026-05-01", "date_to": "2026-05-31",
            "company_id": self.company.id, "currency_id": self.company.currency_id.id,
        })
        customers = self._customers(51)
        for customer in customers:
            self._backdate(customer, datetime(2026, 4, 1))
        self._buy(customers[:1], "2026-04-10")
        self._buy(customers, "2026-05-15")
        with self.at("2026-06-10"):
            self.engine._process_queue()
        self._check("cac", "2026-06-10", "2026-05-01", 20.0, numerator=1000.0, denominator=50)
        self._check("cac", "2026-06-10", "2026-06-01", None)  # nothing spent, nobody won

    def test_lifetime_value_of_buyers(self):
        """45: 75 an order, 3 a year, for 2.5 years: 562.50; with a margin of 60 %: 337.50."""
        customer = self._customers(1)
        self._backdate(customer, datetime(2025, 6, 1))
        for day in ("2025-07-01", "2025-12-24", "2026-05-31"):
            self._buy(customer, day, 75.0)
        self.company.clm_customer_years = 2.5
        self._check("clv", "2026-06-10", "2026-05-01", 562.5)
        self.company.clm_gross_margin = 0.6
        self._check("clv", "2026-06-10", "2026-05-01", 337.5)

    # === RECURRING REVENUE === #

    def test_who_joins_and_leaves_within_the_month_is_no_churn(self):
        """13: 100 customers, 11 cancel, one of whom joined this month: 10 % (ChartMogul, B2B)."""
        contracts = self._pay(self._customers(100), "2026-04-01")
        joined = self._pay(self._customers(1), "2026-05-05")
        self._end(contracts[:10] | joined, "2026-05-20")
        self._check("logo_churn", "2026-06-10", "2026-05-01", 0.10, numerator=10, denominator=100)

    def test_few_customers_have_a_wide_interval(self):
        """56: 3 of 20 are 15 %, and between 5.2 and 36.0 % after Wilson."""
        contracts = self._pay(self._customers(20), "2026-04-01")
        self._end(contracts[:3], "2026-05-20")
        value = self._measure("logo_churn", "2026-06-10", "2026-05-01")
        self.assertEqual((value.value, round(value.low, 3), round(value.high, 3)), (0.15, 0.052, 0.360))

    def test_more_revenue_of_the_same_customers_is_retained_in_full(self):
        """18: 5,000 a year ago, 6,000 now: NRR 120 %, GRR 100 %."""
        contract = self._pay(self._customers(1), "2025-04-01", 5000.0)
        self._pay(self._customers(1), "2025-09-01", 700.0)  # new: in neither
        self._change(contract, "2026-02-01", 6000.0)
        self._check("nrr", "2026-06-10", "2026-05-01", 1.2, numerator=6000.0, denominator=5000.0)
        self._check("grr", "2026-06-10", "2026-05-01", 1.0, numerator=5000.0, denominator=5000.0)

    def test_dip_that_recovered_is_retained_point_to_point(self):
        """2.4: 100, 50, then 120: GRR 100 % point to point."""
        contract = self._pay(self._customers(1), "2025-04-01")
        self._change(contract, "2025-10-01", 50.0)
        self._change(contract, "2026-02-01", 120.0)
        self._check("grr", "2026-06-10", "2026-05-01", 1.0)
        self._check("nrr", "2026-06-10", "2026-05-01", 1.2)

    def test_cheaper_plan_is_a_contraction_and_no_churn(self):
        """20: from 100 to 70: nobody is lost, 30 are (Chargebee)."""
        contract = self._pay(self._customers(1), "2025-04-01")
        self._change(contract, "2026-05-10", 70.0)
        self._check("logo_churn", "2026-06-10", "2026-05-01", 0.0, denominator=1)
        self._check("net_new_mrr", "2026-06-10", "2026-05-01", -30.0)
        self._check("grr", "2026-06-10", "2026-05-01", 0.7)
        self._check("quick_ratio", "2026-06-10", "2026-05-01", 0.0, denominator=30.0)

    def test_quick_ratio_leaves_reactivation_out(self):
        """19: new 20, expansion 8, churn 5, contraction 3: 3.5."""
        customers = self._customers(5)
        lost, shrunk, grown, back = (
            self._pay(customer, "2025-04-01", price)
            for customer, price in zip(customers[:4], (5.0, 10.0, 10.0, 40.0), strict=True)
        )
        self._end(back, "2026-01-31")
        self._end(lost, "2026-05-10")
        self._change(shrunk, "2026-05-11", 7.0)
        self._change(grown, "2026-05-12", 18.0)
        self._pay(customers[4], "2026-05-13", 20.0)
        self._pay(customers[3], "2026-05-14", 40.0)  # had paid before
        self._check("quick_ratio", "2026-06-10", "2026-05-01", 3.5, numerator=28.0, denominator=8.0)
        self._check("net_new_mrr", "2026-06-10", "2026-05-01", 60.0)
        self._check("quick_ratio", "2026-06-10", "2026-06-01", None)  # nothing went down

    def test_exchange_rates_move_the_balance_and_are_no_movement(self):
        """21: 100 in another currency, its rate goes from 1.10 to 1.20: 110, then 120."""
        foreign = self.env["res.currency"].create({"name": "QVX", "symbol": "f"})
        self.env["res.currency.rate"].create([
            {"name": day, "currency_id": currency.id, "company_id": self.company.id, "rate": rate}
            for day, currency, rate in (
                ("2020-01-01", self.company.currency_id, 1.0), ("2020-01-01", foreign, 1 / 1.1),
                ("2026-05-15", foreign, 1 / 1.2),
            )
        ])
        self._pay(self._customers(1), "2026-03-01", currency_id=foreign.id)
        with self.at("2026-06-10"):
            self.contracts._cron_mrr()
        self._check("mrr", "2026-06-10", "2026-04-01", 110.0)
        self._check("mrr", "2026-06-10", "2026-05-01", 120.0)
        self._check("net_new_mrr", "2026-06-10", "2026-05-01", 10.0)
        self._check("quick_ratio", "2026-06-10", "2026-05-01", None)

    def test_lifetime_value_is_revenue_per_account_by_churn(self):
        """15: 100 an account and 5 % churn: 2,000; nothing is known without churn."""
        contracts = self._pay(self._customers(20), "2026-03-15")
        self._check("ltv", "2026-06-10", "2026-05-01", None)
        self._end(contracts[:1], "2026-04-20")
        self._check("ltv", "2026-06-10", "2026-05-01", 2000.0, numerator=100.0, denominator=0.05)
        self.company.clm_gross_margin = 0.8
        self._check("ltv", "2026-06-10", "2026-05-01", 1600.0)

    # === RENEWAL === #

    def _expire(self, number, renewed):
        """So many contracts end on 31 May, some of which are renewed weeks before."""
        contracts = self._pay(self._customers(number), "2025-06-01", term_months=12)
        with self.at("2026-05-04"):
            contracts[:renewed].action_renew()
            contracts[:renewed].next_id.action_activate()
        with self.at("2026-06-10"):
            self.contracts._cron_daily()

    def test_renewal_rate_is_renewed_among_those_that_ended(self):
        """28, a fifth of it: 16 contracts end, 13 are renewed: 81.25 %."""
        self._expire(16, 13)
        self._check("renewal_rate", "2026-06-10", "2026-05-01", 0.8125, numerator=13, denominator=16)
        self._check("renewal_rate_value", "2026-06-10", "2026-05-01", 0.8125)
        self._check("renewal_rate", "2026-06-10", "2026-06-01", None)

    def test_early_renewal_counts_at_the_old_end(self):
        """28, a fifth of it: 17 of 20 are 85 %, in the week of the end, not in that of the signature."""
        self._expire(20, 17)
        self._check("renewal_rate", "2026-06-10", "2026-05-25", 0.85, "week", numerator=17, denominator=20)
        self._check("renewal_rate", "2026-06-10", "2026-05-04", None, "week")
