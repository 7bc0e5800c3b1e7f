from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from odoo.fields import Command
from odoo.tests import tagged

from .kpi_common import KpiCase


class PeriodCase(KpiCase):
    """Leads that are created at given moments, and orders; a company of its own."""

    def _utc(self, local, zone, fold=0):
        """:param str local: "2026-03-31 23:30:00" as the clock on the wall says there
        :return: naive UTC
        """
        moment = datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone), fold=fold)
        return moment.astimezone(timezone.utc).replace(tzinfo=None)

    def _move_to(self, zone, **vals):
        self.company.write({"lifecycle_tz": zone, **vals})

    def _lead_at(self, moment):
        lead = self._create_lead()
        self._backdate(lead, moment)
        return lead

    def _order_at(self, moment, price, company):
        partner = self.env["res.partner"].create({"name": "Buyer", "company_id": company.id})
        self._backdate(partner, moment - timedelta(days=1))
        order = self.env["sale.order"].with_company(company).create({
            "partner_id": partner.id, "company_id": company.id, "user_id": False, "team_id": False,
            "order_line": [Command.create({
                "product_id": self.product.id, "price_unit": price, "tax_ids": [Command.clear()],
            })],
        })
        order.action_confirm()
        order.date_order = moment
        self._backdate(order, moment)
        return order

    def _open_books(self, company):
        """:return: a journal for invoices to ``cls.partner``"""
        env = self.env["base"].with_company(company).env
        income, receivable = env["account.account"].create([
            {"name": "Income", "code": "KPII", "account_type": "income", "company_ids": company.ids},
            {"name": "Receivable", "code": "KPIR", "account_type": "asset_receivable", "reconcile": True,
             "company_ids": company.ids},
        ])
        self.product.with_company(company).property_account_income_id = income
        self.partner.with_company(company).property_account_receivable_id = receivable
        return env["account.journal"].create({
            "name": "Sales", "code": "KPIS", "type": "sale", "company_id": company.id,
            "default_account_id": income.id,
        })

    def _numbers(self, kpi, kind, company=None):
        """:return: dict of first day -> value, those that are 0 or unknown left out"""
        rows = self.values.search([
            ("kpi_id", "=", kpi.id), ("company_id", "=", (company or self.company).id), ("team_id", "=", False),
            ("period", "=", kind), ("value", "!=", 0),
        ], order="date_from")
        return {str(row.date_from): row.value for row in rows}

    def _opened(self, kpi, day, kind="month", company=None):
        company = company or self.company
        return self._counted(self._value(kpi, day, kind, company=company)._records_action(), companies=company)


@tagged("post_install", "-at_install")
class TestKpiBorders(PeriodCase):
    """The last and the first moment of a period, where the company is."""

    def test_last_half_hour_belongs_to_the_day_that_the_company_has(self):
        kpis = self._built_in("revenue", "new_customers", "first_order_value")
        revenue, customers = (kpis.filtered(lambda kpi, c=code: kpi.code == c) for code in ("revenue", "new_customers"))
        for zone in ("UTC", "Pacific/Auckland", "America/New_York", "Asia/Kathmandu"):
            with self.subTest(zone=zone):
                company = self._create_company(zone, lifecycle_tz=zone)
                last, first = (self._utc(f"2026-{day}:00", zone) for day in ("03-31 23:30", "04-01 00:00"))
                orders = {
                    "2026-03-01": self._order_at(last, 10.0, company),
                    "2026-04-01": self._order_at(first, 200.0, company),
                }
                self.engine._process_queue()
                self._refresh(kpis, on="2026-05-15", since="2026-03-01", company=company)
                found = {kind: self._numbers(revenue, kind, company) for kind in ("week", "month", "quarter")}
                self.assertEqual(found, {
                    "month": {"2026-03-01": 10.0, "2026-04-01": 200.0}, "week": {"2026-03-30": 210.0},
                    "quarter": {"2026-01-01": 10.0, "2026-04-01": 200.0},
                })
                self.assertEqual(self._numbers(customers, "month", company), {"2026-03-01": 1, "2026-04-01": 1})
                for day, order in orders.items():
                    self.assertEqual(self._opened(revenue, day, company=company).res_id, order.id)
                    for kpi in kpis - revenue:
                        self.assertEqual(self._opened(kpi, day, company=company), order.partner_id)

    def test_invoice_belongs_to_its_date_whatever_the_time_zone(self):
        kpi = self._built_in("revenue")
        for zone in ("Pacific/Auckland", "America/New_York"):
            with self.subTest(zone=zone):
                company = self._create_company(zone, lifecycle_tz=zone)
                journal = self._open_books(company)
                for day in ("2026-03-31", "2026-04-01"):
                    invoice = self._create_invoice(self.partner.with_company(company), day, journal_id=journal.id)
                    self._backdate(invoice, self._utc(f"{day} 23:59:59", zone))
                self._refresh(kpi, on="2026-05-15", since="2026-03-01", company=company)
                self.assertEqual(self._numbers(kpi, "month", company), {"2026-03-01": 100.0, "2026-04-01": 100.0})

    def test_two_companies_count_the_same_moment_in_different_months(self):
        kpi = self._built_in("new_leads")
        self._move_to("Pacific/Auckland")
        other = self._create_company("Other", lifecycle_tz="America/New_York")
        moment = datetime(2026, 3, 31, 18)  # 1 April in Auckland
        for company in (self.company, other):
            self._backdate(self._create_lead(company=company), moment)
            self._refresh(kpi, on="2026-05-15", since="2026-03-01", company=company)
        self.assertEqual(self._numbers(kpi, "month"), {"2026-04-01": 1})
        self.assertEqual(self._numbers(kpi, "month", other), {"2026-03-01": 1})

    def test_today_is_the_day_that_the_company_has(self):
        kpi = self._built_in("new_leads")
        self._move_to("Pacific/Auckland")
        with self.at(datetime(2026, 3, 31, 18)):
            self.kpis._refresh_now(self.company)
        self.assertTrue(self._value(kpi, "2026-04-01").is_open)
        self.assertFalse(self._value(kpi, "2026-03-01").is_open)
        self._move_to("America/New_York")
        with self.at(datetime(2026, 3, 31, 18)):
            self.kpis._refresh_now(self.company)
        self.assertTrue(self._value(kpi, "2026-03-01").is_open)

    # === SUMMER TIME === #

    def test_clock_that_changes_moves_no_lead_into_another_week(self):
        kpi = self._built_in("new_leads")
        self._move_to("America/New_York")
        moments = {  # the Sundays on which the clock changes, and the Mondays after them
            "2026-03-08 23:59:59": "2026-03-02", "2026-03-09 00:00:00": "2026-03-09",
            "2026-11-01 23:59:59": "2026-10-26", "2026-11-02 00:00:00": "2026-11-02",
        }
        leads = {local: self._lead_at(self._utc(local, "America/New_York")) for local in moments}
        self._refresh(kpi, on="2026-11-20", since="2026-03-01")
        self.assertEqual(self._numbers(kpi, "week"), dict.fromkeys(moments.values(), 1))
        for local, monday in moments.items():
            self.assertEqual(self._opened(kpi, monday, "week"), leads[local])

    def test_month_that_begins_with_a_midnight_that_comes_twice_begins_with_the_first(self):
        kpi = self._built_in("new_leads")
        zone = "America/Havana"  # 1 November 2026: from 01:00 back to 00:00
        self._move_to(zone)
        self._lead_at(self._utc("2026-10-31 23:59:59", zone))
        self._lead_at(self._utc("2026-11-01 00:30:00", zone, fold=0))
        self._lead_at(self._utc("2026-11-01 00:30:00", zone, fold=1))
        self._refresh(kpi, on="2026-11-20", since="2026-10-01")
        self.assertEqual(self._numbers(kpi, "month"), {"2026-10-01": 1, "2026-11-01": 2})

    def test_quarter_that_begins_with_a_midnight_that_there_is_not_begins_with_the_skip(self):
        kpi = self._built_in("new_leads")
        zone = "America/Santiago"  # 6 September 2026: from 24:00 of the 5th to 01:00
        self._move_to(zone, fiscalyear_last_month="9", fiscalyear_last_day=5)
        self._lead_at(self._utc("2026-09-05 23:59:59", zone))
        self._lead_at(self._utc("2026-09-05 23:59:59", zone) + timedelta(seconds=1))
        self._refresh(kpi, on="2026-11-20", since="2026-08-01")
        self.assertEqual(self._numbers(kpi, "quarter"), {"2026-06-06": 1, "2026-09-06": 1})

    # === WEEKS === #

    def test_week_53_holds_the_first_days_of_the_next_year(self):
        kpi = self._built_in("new_leads")
        zone = "Pacific/Auckland"
        self._move_to(zone)
        for local in ("2026-12-27 23:59:59", "2026-12-28 00:00:00", "2027-01-01 12:00:00", "2027-01-03 23:59:59",
                      "2027-01-04 00:00:00"):
            self._lead_at(self._utc(local, zone))
        self._refresh(kpi, on="2027-02-01", since="2026-12-21")
        self.assertEqual(self._numbers(kpi, "week"), {"2026-12-21": 1, "2026-12-28": 3, "2027-01-04": 1})
        self.assertEqual(self._numbers(kpi, "month"), {"2026-12-01": 2, "2027-01-01": 3})
        labels = [self._value(kpi, day, "week").period_label for day in ("2026-12-21", "2026-12-28", "2027-01-04")]
        self.assertEqual(labels, ["W52 2026", "W53 2026", "W1 2027"])

    def test_year_of_52_weeks_goes_on_with_week_1_in_december(self):
        kpi = self._built_in("new_leads")
        self._lead_at(datetime(2025, 12, 29, 12))
        self._refresh(kpi, on="2026-01-20", since="2025-12-22")
        self.assertEqual(self._numbers(kpi, "week"), {"2025-12-29": 1})
        self.assertEqual(self._value(kpi, "2025-12-29", "week").period_label, "W1 2026")

    def test_every_lead_counts_once_in_each_kind_of_period(self):
        kpi = self._built_in("new_leads")
        self._move_to("America/New_York", fiscalyear_last_month="4", fiscalyear_last_day=5)
        moment, leads = datetime(2025, 12, 20, 4, 59, 59), 0
        while moment < datetime(2027, 1, 10):
            self._lead_at(moment)
            moment += timedelta(days=3, hours=7, minutes=11)
            leads += 1
        self._refresh(kpi, on="2027-02-01", since="2025-12-01")
        for kind in ("week", "month", "quarter"):
            self.assertEqual(sum(self._numbers(kpi, kind).values()), leads, kind)


@tagged("post_install", "-at_install")
class TestKpiFiscalYears(PeriodCase):
    """Quarters are those of the fiscal year; what happens when that, or the time zone, becomes another one."""

    def _rows(self, kpi, **vals):
        return self.values.with_context(active_test=False).search([
            ("kpi_id", "=", kpi.id), ("company_id", "=", self.company.id), *((n, "=", v) for n, v in vals.items()),
        ], order="date_from, id")

    def _fill(self, on):
        with self.at(on):
            self.kpis._fill(self.company)
        self.env.invalidate_all()

    def test_quarters_from_6_april_begin_where_the_fiscal_year_does(self):
        kpi = self._built_in("new_leads")
        zone = "America/New_York"
        self._move_to(zone, fiscalyear_last_month="4", fiscalyear_last_day=5)
        for local in ("2026-04-05 23:30:00", "2026-04-06 00:00:00", "2026-07-05 23:59:59", "2026-07-06 00:00:00"):
            self._lead_at(self._utc(local, zone))
        self._refresh(kpi, on="2026-08-01", since="2026-03-01")
        self.assertEqual(self._numbers(kpi, "quarter"), {"2026-01-06": 1, "2026-04-06": 2, "2026-07-06": 1})
        value = self._value(kpi, "2026-04-06", "quarter")
        self.assertEqual((value.period_label, value.date_to), ("Q1 2026-2027", date(2026, 7, 5)))
        self.assertEqual(len(self._opened(kpi, "2026-04-06", "quarter")), 2)

    def test_last_day_of_february_is_the_last_one_in_leap_years_too(self):
        kpi = self._built_in("new_leads")
        self.company.write({"fiscalyear_last_month": "2", "fiscalyear_last_day": 28})
        for day in (28, 29):
            self._lead_at(datetime(2024, 2, day, 12))
        self._lead_at(datetime(2024, 3, 1))
        self._refresh(kpi, on="2024-08-01", since="2024-01-01")
        self.assertEqual(self._numbers(kpi, "quarter"), {"2023-12-01": 2, "2024-03-01": 1})

    def test_new_fiscal_year_computes_quarters_anew_and_keeps_the_old_ones(self):
        kpi = self._built_in("new_leads")
        for day in ("2025-12-10", "2026-01-10", "2026-02-10", "2026-04-10"):
            self._lead_at(datetime.fromisoformat(day))
        self._fill("2026-05-15")
        old = self._rows(kpi, period="quarter", superseded_at=False)
        self.assertEqual(self._numbers(kpi, "quarter"), {"2025-10-01": 1, "2026-01-01": 2, "2026-04-01": 1})
        months, weeks = self._numbers(kpi, "month"), self._numbers(kpi, "week")
        self.company.write({"fiscalyear_last_month": "1", "fiscalyear_last_day": 31})
        self.assertTrue(all(old.mapped("superseded_at")))
        self._fill("2026-05-15")
        self.assertEqual(self._numbers(kpi, "quarter"), {"2025-11-01": 2, "2026-02-01": 2})
        self.assertEqual((self._numbers(kpi, "month"), self._numbers(kpi, "week")), (months, weeks))
        self.assertEqual(old.filtered("value").mapped("value"), [1, 2, 1])  # as they were published
        self.assertEqual(self._value(kpi, "2026-02-01", "quarter").period_label, "Q1 2026-2027")

    def test_quarter_that_begins_on_the_same_day_and_ends_on_another_is_a_new_one(self):
        kpi = self._built_in("new_leads")
        self.company.write({"fiscalyear_last_month": "1", "fiscalyear_last_day": 30})
        self._lead_at(datetime(2026, 7, 30, 12))
        self._fill("2026-09-15")
        self.assertEqual(self._numbers(kpi, "quarter"), {"2026-04-30": 1})  # until 30 July
        self.company.write({"fiscalyear_last_month": "4", "fiscalyear_last_day": 29})
        self._fill("2026-09-15")
        self.assertEqual(self._numbers(kpi, "quarter"), {"2026-07-30": 1})
        self.assertEqual(str(self._value(kpi, "2026-04-30", "quarter").date_to), "2026-07-29")

    def test_new_time_zone_restates_what_comes_out_differently(self):
        kpi = self._built_in("new_leads")
        self._lead_at(datetime(2026, 3, 31, 18))
        self._lead_at(datetime(2026, 3, 15, 12))
        self._fill("2026-05-15")
        self.assertEqual(self._numbers(kpi, "month"), {"2026-03-01": 2})
        self._move_to("Pacific/Auckland")
        self.assertEqual(self.company.clm_kpi_quarters, 0)
        self._fill("2026-05-15")
        self.assertEqual(self._numbers(kpi, "month"), {"2026-03-01": 1, "2026-04-01": 1})
        self.assertEqual(self._numbers(kpi, "quarter"), {"2026-01-01": 1, "2026-04-01": 1})
        old = self._rows(kpi, period="month", date_from="2026-03-01").filtered("superseded_at")
        self.assertEqual((old.mapped("value"), old.mapped("active")), ([2], [False]))


@tagged("post_install", "-at_install")
class TestKpiEmptyCompanies(PeriodCase):
    """Nothing happened, or the company is no more."""

    #: What is 0 when nothing happened; all else is not known.
    ZERO = {"new_contacts", "new_leads", "new_customers", "leads_won", "won_back", "revenue", "net_new_mrr"}

    def test_company_without_data_has_zeros_of_counts_and_nothing_else(self):
        kpis = self._built_in()
        self._refresh(kpis, since="2025-12-01")
        rows = self.values.search([("company_id", "=", self.company.id)])
        self.assertEqual({row.kpi_id for row in rows}, set(kpis))
        self.assertEqual({row.kpi_id.code for row in rows if row.is_known}, self.ZERO)
        self.assertFalse(rows.filtered(lambda row: row.value or row.numerator or row.denominator or row.has_interval))
        self.assertFalse(rows.team_id)

    def test_nothing_opens_nothing(self):
        kpis = self._built_in()
        self._refresh(kpis)
        for kpi in kpis:
            action = self._value(kpi)._records_action()
            with self.subTest(code=kpi.code):
                self.assertFalse(self._counted(action, companies=self.company))

    def test_archived_company_keeps_its_values_and_gets_no_new_ones(self):
        kpi = self._built_in("new_leads")
        closed = self._create_company("Closed")
        self._backdate(self._create_lead(company=closed), "2026-03-10 10:00:00")
        with self.at("2026-03-15"):
            self.kpis._refresh()
        value = self._value(kpi, company=closed)
        self.assertEqual(value.value, 1)
        closed.active = False
        self._backdate(self._create_lead(company=closed), "2026-03-11 10:00:00")
        with self.at("2026-04-15"):
            self.kpis._refresh()
            self.kpis._cron_refresh()
        self.assertEqual(self._value(kpi, company=closed), value)
        self.assertEqual(value.value, 1)
        self.assertFalse(self.values.search([("company_id", "=", closed.id), ("date_from", "=", "2026-04-01")]))
        closed.active = True
        with self.at("2026-04-15"):
            self.kpis._refresh()
        self.assertEqual(self._value(kpi, company=closed).value, 2)

    def test_what_belongs_to_no_company_counts_in_the_main_one_alone(self):
        kpi = self._built_in("new_leads")
        day = datetime(2031, 5, 10, 12)  # when nothing else happened
        for lead in (self._create_lead(), self._create_lead(company_id=False)):
            self._backdate(lead, day)
        self._refresh(kpi, on="2031-06-15", since="2031-05-01")
        self._refresh(kpi, on="2031-06-15", since="2031-05-01", company=self.main)
        self.assertEqual(self._number(kpi, "2031-05-01"), 1)
        self.assertEqual(self._number(kpi, "2031-05-01", company=self.main), 1)
