from unittest.mock import patch

from psycopg2 import IntegrityError

from odoo.fields import Domain
from odoo.tests import tagged
from odoo.tools import SQL, mute_logger

from ..models import clm_kpi_history
from ..tools import kpi_periods
from .kpi_common import KpiCase

#: Upper bound of the queries that compute all built-in KPIs of a company for the first time.
QUERIES = 150
#: Months that begin in the two quarters before March 2026 and in its own, up to then.
MONTHS = ["2025-07", "2025-08", "2025-09", "2025-10", "2025-11", "2025-12", "2026-01", "2026-02", "2026-03"]


class RefreshCase(KpiCase):
    def _rows(self, kpis=None, superseded=False, **vals):
        domain = Domain("kpi_id", "in", (kpis or self.kpis.search([])).ids)
        domain &= Domain([(name, "=", value) for name, value in vals.items()])
        if superseded:
            domain &= Domain("superseded_at", "!=", False)
        return self.values.with_context(active_test=not superseded).search(
            domain, order="period, date_from, team_id, id")

    def _periods_of(self, kpi, company=None):
        rows = self._rows(kpi, company_id=(company or self.company).id, team_id=False)
        return sorted((row.period, str(row.date_from), str(row.date_to)) for row in rows)

    def _versions(self):
        """:return: which version of each stored value PostgreSQL has"""
        self.env.flush_all()
        return dict(self.env.execute_query(SQL("SELECT id, xmin::text || ctid::text FROM clm_kpi_value")))


@tagged("post_install", "-at_install")
class TestKpiRefresh(RefreshCase):
    """What a computation writes."""

    def _run_now(self, on):
        with self.at(on):
            self.kpis._refresh_now(self.company)
        self.env.invalidate_all()

    def test_running_and_previous_week_month_and_quarter_are_computed(self):
        kpi = self._create_kpi()
        self._run_now("2026-03-15")
        self.assertEqual(self._periods_of(kpi), [
            ("month", "2026-02-01", "2026-02-28"), ("month", "2026-03-01", "2026-03-31"),
            ("quarter", "2025-10-01", "2025-12-31"), ("quarter", "2026-01-01", "2026-03-31"),
            ("week", "2026-03-02", "2026-03-08"), ("week", "2026-03-09", "2026-03-15"),
        ])
        self.assertEqual(str(self.company.clm_kpi_computed_at), "2026-03-15 12:00:00")
        self.assertEqual(
            {(row.period, str(row.date_from)) for row in self._rows(kpi, is_open=True)},
            {("month", "2026-03-01"), ("quarter", "2026-01-01"), ("week", "2026-03-09")},
        )

    def test_quarters_are_those_of_the_fiscal_year(self):
        self.company.write({"fiscalyear_last_month": "4", "fiscalyear_last_day": 30})
        kpi = self._create_kpi()
        self._run_now("2026-03-15")
        self.assertEqual(
            [row for row in self._periods_of(kpi) if row[0] == "quarter"],
            [("quarter", "2025-11-01", "2026-01-31"), ("quarter", "2026-02-01", "2026-04-30")],
        )
        self.assertEqual(self._value(kpi, "2026-02-01", "quarter").period_label, "Q4 2025-2026")

    def test_week_53_is_a_week_of_its_year(self):
        kpi = self._create_kpi()
        self._create_lead("2027-01-03")
        self._run_now("2027-01-02")
        value = self._value(kpi, "2026-12-28", "week")
        self.assertEqual((value.period_label, value.value), ("W53 2026", 1))

    def test_second_run_writes_nothing(self):
        kpis = self._create_kpi() | self._create_share() | self._built_in(
            "new_leads", "win_rate", "mrr", "cac", "nps", "days_in_acquisition")
        for team in (self.team, self.other_team):
            self._create_lead(team_id=team.id, priority="1")
            self._create_lead(team_id=team.id)
        self._create_target(kpis[0], 5)
        self._create_target(kpis[0], 1, team_id=self.team.id)
        self._refresh(kpis, since="2026-01-01")
        before = self._versions()
        self.assertGreater(len(before), 50)
        self._refresh(kpis, since="2026-01-01")
        self.assertEqual(self._versions(), before)

    def test_value_of_the_running_period_is_brought_up_to_date_in_place(self):
        kpi = self._create_kpi()
        self._create_lead()
        self._refresh(kpi, on="2026-03-15")
        first = self._value(kpi)
        self._create_lead()
        self._refresh(kpi, on="2026-03-16")
        self.assertEqual(self._value(kpi), first)
        self.assertEqual(first.value, 2)
        self.assertEqual(str(first.computed_at), "2026-03-16 12:00:00")
        self.assertFalse(self._rows(kpi, superseded=True))

    def test_first_value_after_the_end_of_a_period_takes_the_place_of_the_running_one(self):
        kpi = self._create_kpi()
        self._refresh(kpi, on="2026-03-31")
        running = self._value(kpi)
        self._create_lead("2026-03-31")
        self._refresh(kpi, on="2026-04-01")
        self.assertEqual(self._value(kpi), running)
        self.assertEqual((running.value, running.is_open), (1, False))
        self.assertFalse(self._rows(kpi, superseded=True, period="month"))

    def test_value_that_was_published_is_kept_when_it_comes_out_differently(self):
        kpi = self._create_kpi()
        self._create_lead()
        self._refresh(kpi, on="2026-04-01")
        published = self._value(kpi)
        self._create_lead()
        self._refresh(kpi, on="2026-04-02")
        current = self._value(kpi)
        self.assertNotEqual(current, published)
        self.assertEqual((current.value, current.is_open), (2, False))
        self.assertEqual((published.value, published.active), (1, False))
        self.assertEqual(str(published.superseded_at), "2026-04-02 12:00:00")
        self.assertEqual(self._rows(kpi, superseded=True, period="month"), published)
        self._create_lead()
        self._refresh(kpi, on="2026-04-03")
        self.assertEqual(self._number(kpi), 3)
        self.assertEqual(sorted(self._rows(kpi, superseded=True, period="month").mapped("value")), [1, 2])

    def test_value_that_becomes_known_or_unknown_is_restated_too(self):
        share = self._create_share()
        self._refresh(share, on="2026-04-01")
        self.assertIsNone(self._number(share))
        lead = self._create_lead()
        self._refresh(share, on="2026-04-02")
        self.assertEqual(self._number(share), 0)
        lead.unlink()
        self._refresh(share, on="2026-04-03")
        self.assertIsNone(self._number(share))
        self.assertEqual(len(self._rows(share, superseded=True, period="month")), 2)

    def test_there_is_one_current_value_of_a_kpi_company_team_and_period(self):
        kpi = self._create_kpi()
        self._create_lead(team_id=self.team.id)
        self._refresh(kpi)
        for team in (None, self.team):
            value = self._value(kpi, team=team)
            with self.subTest(team=team), self.assertRaises(IntegrityError), self.env.cr.savepoint(), \
                    mute_logger("odoo.sql_db"):
                self.values.create({
                    "kpi_id": kpi.id, "company_id": self.company.id, "team_id": team and team.id,
                    "period": value.period, "date_from": value.date_from, "date_to": value.date_to,
                })

    def test_company_without_data_has_zeros_and_unknowns_and_no_error(self):
        kpis = self._built_in()
        self.assertGreater(len(kpis), 40)
        self._refresh(kpis, since="2026-03-01")
        for kpi in kpis:
            with self.subTest(code=kpi.code):
                expected = {"count": (0,), "money": (0, None), "number": (0, None)}.get(kpi.unit, (None,))
                self.assertIn(self._number(kpi), expected)
                self.assertFalse(kpi.error)
                self.assertEqual(self._value(kpi).status, "na" if self._number(kpi) is None else "none")

    def test_built_in_kpis_know_teams_too(self):
        leads = self._built_in("new_leads", "lead_to_opportunity")
        count, share = leads.sorted(lambda kpi: kpi.code == "lead_to_opportunity")
        for team, kind in ((self.team, "lead"), (self.team, "opportunity"), (self.other_team, "lead"), (None, "lead")):
            self._backdate(self._create_lead(team_id=team and team.id, type=kind), "2026-03-05 10:00:00")
        self._refresh(leads)
        self.assertEqual(
            [self._number(count, team=team) for team in (None, self.team, self.other_team)], [4, 2, 1])
        self.assertEqual(self._number(share, team=self.other_team), 0)

    def test_archived_kpi_keeps_its_values_and_is_not_computed(self):
        kpi = self._create_kpi()
        self._run_now("2026-03-15")
        before = self._rows(kpi)
        kpi.with_user(self.maker).active = False
        self._create_lead()
        self._run_now("2026-04-15")
        self.assertEqual(self._rows(kpi.with_context(active_test=False)), before)
        self.assertEqual(set(before.mapped("value")), {0})

    def test_archived_team_keeps_its_values(self):
        kpi = self._create_kpi()
        self._create_lead(team_id=self.team.id)
        self._refresh(kpi)
        self.team.active = False
        self._refresh(kpi)
        self.assertEqual(self._number(kpi, team=self.team), 1)

    def test_cost_does_not_grow_with_the_number_of_customers(self):
        kpis = self._built_in()
        queries = {}
        for customers in (10, 100):
            company = self._create_company(f"With {customers}")
            partners = self.env["res.partner"].create([
                {"name": f"Customer {number}", "company_id": company.id} for number in range(customers)
            ])
            self.leads.create([
                {"name": "Asks", "type": "lead", "partner_id": partner.id, "company_id": company.id, "user_id": False,
                 "team_id": False} for partner in partners
            ])
            self.engine._process_queue()
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            today = company._lifecycle_today()
            kpis._refresh_company(company, self.kpis._periods(company))
            self.env.flush_all()
            queries[customers] = self.env.cr.sql_log_count - before
            month = kpi_periods.period_of(kpi_periods.MONTH, today).start
            self.assertEqual(self._number(kpis.filtered(lambda kpi: kpi.code == "new_leads"), month, company=company),
                             customers)
        self.assertLessEqual(queries[100], queries[10])
        self.assertLessEqual(queries[100], QUERIES)


@tagged("post_install", "-at_install")
class TestKpiHistory(RefreshCase):
    """When what is computed. The history is that of two quarters and the running one, unless a test says so."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # the other companies of the database are up to date
        cls.env.cr.execute(SQL(
            "UPDATE res_company SET clm_kpi_quarters = 9, clm_kpi_computed_at = '2100-01-01' WHERE id != %s",
            cls.company.id,
        ))
        cls.env.cr.execute(SQL("DELETE FROM clm_queue"))
        cls.env.cr.execute(SQL("UPDATE clm_kpi SET fill_from = NULL, fill_until = NULL"))
        cls.env.invalidate_all()
        cls.companies = cls.env["res.company"]._lifecycle_companies()

    def setUp(self):
        super().setUp()
        self._set_quarters(2)
        self.filled, self.blocks = [], []
        fill_quarter, fill_block = type(self.kpis)._fill_quarter, type(self.kpis)._fill_block

        def quarter_watched(kpis, company, back):
            self.filled.append((company, back, len(kpis)))
            return fill_quarter(kpis, company, back)

        def block_watched(kpis, first, start, end):
            self.blocks.append((kpis, end))
            return fill_block(kpis, first, start, end)

        self.patch(self.env.registry["clm.kpi"], "_fill_quarter", quarter_watched)
        self.patch(self.env.registry["clm.kpi"], "_fill_block", block_watched)

    def _create_kpi(self, on="2026-03-15", **vals):
        """Create a KPI on the day of the tests: that is how far its history goes."""
        with self.at(on):
            return super()._create_kpi(**vals)

    def _set_quarters(self, number):
        patcher = patch(f"{clm_kpi_history.__name__}.HISTORY_QUARTERS", number)
        patcher.start()
        self.addCleanup(patcher.stop)

    def _months(self, kpi, company=None):
        """:return: the months of which there is a value"""
        return [start[:7] for kind, start, _end in self._periods_of(kpi, company) if kind == "month"]

    def _stop_after(self, steps):
        """The time of the cron is over after some steps, each of which is committed."""
        left = iter([True] * (steps - 1) + [False] * 100)
        self.patch(self.env.registry["clm.kpi"], "_clm_commit", lambda *args: next(left))

    def _fill(self, on="2026-03-15"):
        with self.at(on):
            self.kpis._fill(self.companies)
        self.env.invalidate_all()

    def _cron(self, on="2026-03-15"):
        with self.at(on):
            self.kpis._cron_refresh()
        self.env.invalidate_all()

    def _create_old_kpi(self, **vals):
        """Create a KPI whose history is there already, as far as the companies' is."""
        kpi = self._create_kpi(**vals)
        kpi.write({"fill_from": False, "fill_until": False})
        return kpi

    def test_history_of_two_years_is_computed_after_the_installation(self):
        self._set_quarters(8)
        kpi = self._create_old_kpi()
        self._create_lead("2024-01-05")
        self._create_lead("2023-12-31")
        self._fill()
        self.assertEqual(self.company.clm_kpi_quarters, 9)
        self.assertEqual(self._months(kpi), [
            f"{year}-{month:02}" for year in (2024, 2025, 2026) for month in range(1, 13) if (year, month) < (2026, 4)
        ])
        quarters = [row[1] for row in self._periods_of(kpi) if row[0] == "quarter"]
        self.assertEqual((quarters[0], quarters[-1], len(quarters)), ("2024-01-01", "2026-01-01", 9))
        weeks = [row[1] for row in self._periods_of(kpi) if row[0] == "week"]
        self.assertEqual((weeks[0], weeks[-1], len(weeks)), ("2024-01-01", "2026-03-09", 115))
        self.assertEqual(self._number(kpi, "2024-01-01"), 1)

    def test_history_that_is_there_is_not_computed_again(self):
        self._create_old_kpi()
        self._fill()
        self.filled.clear()
        self._fill("2026-03-16")
        self.assertEqual(self.filled, [])

    def test_history_goes_on_where_it_was_interrupted_newest_first(self):
        self._create_old_kpi()
        self._stop_after(2)
        self._fill()
        self.assertEqual(self.company.clm_kpi_quarters, 2)
        self._stop_after(100)
        self._fill()
        self.assertEqual([back for _company, back, _kpis in self.filled], [0, 1, 2])
        self.assertEqual(self.company.clm_kpi_quarters, 3)

    def test_new_kpi_gets_its_history_and_others_are_left_alone(self):
        self._create_old_kpi(name="Old")
        self._fill()
        self.filled.clear()
        new = self._create_kpi(name="New", company_id=self.company.id)
        self.assertTrue(new.fill_until)
        self._fill()
        self.assertFalse(new.fill_until)
        self.assertEqual(self._months(new), MONTHS)
        self.assertEqual(({kpis for kpis, _end in self.blocks}, self.filled), ({new}, []))

    def test_kpi_made_while_the_history_is_computed_gets_all_of_it(self):
        self._create_old_kpi(name="Old")
        self._stop_after(2)
        self._fill()
        new = self._create_kpi(name="New")
        self._stop_after(100)
        self._fill()
        for company in (self.company, self.main):
            with self.subTest(company=company.name):
                self.assertEqual(self._months(new, company), MONTHS)
        self.assertFalse(new.fill_until)

    def test_history_of_a_new_kpi_goes_on_where_it_was_interrupted(self):
        self._fill()
        new = self._create_kpi(name="New", company_id=self.company.id)
        self._stop_after(1)
        self._fill()
        self.assertTrue(new.fill_until)
        done, = self.blocks
        self.blocks.clear()
        self._stop_after(100)
        self._fill()
        self.assertTrue(self.blocks)
        self.assertNotIn(done, self.blocks)
        self.assertEqual(self._months(new), MONTHS)
        self.assertFalse(new.fill_until)

    def test_kpi_out_of_the_archive_gets_its_history(self):
        self._fill()
        kpi = self._create_old_kpi(active=False)
        self._create_lead("2025-08-05")
        self._fill()
        self.assertFalse(self._rows(kpi))
        with self.at("2026-03-15"):
            kpi.with_user(self.maker).active = True
        self.assertTrue(kpi.fill_until)
        self._fill()
        self.assertEqual(self._number(kpi, "2025-08-01"), 1)

    def test_changed_definition_restates_the_history(self):
        kpi = self._create_old_kpi()
        self._create_lead("2025-08-05")
        self._fill()
        with self.at("2026-03-15"):
            kpi.with_user(self.maker).domain = "[('priority', '=', '3')]"
        self._fill()
        self.assertEqual(self._number(kpi, "2025-08-01"), 0)
        old = self._rows(kpi, superseded=True, period="month")
        self.assertEqual((len(old), old.value), (1, 1))

    def test_changed_name_computes_nothing(self):
        kpi = self._create_old_kpi()
        kpi.with_user(self.maker).name = "Other"
        self.assertFalse(kpi.fill_until)

    def test_company_added_later_gets_its_history_and_others_are_left_alone(self):
        kpi = self._create_old_kpi()
        self._fill()
        self.filled.clear()
        late = self._create_company("Late")
        self.companies |= late
        self._fill()
        self.assertEqual({company for company, _back, _kpis in self.filled}, {late})
        self.assertEqual(late.clm_kpi_quarters, 3)
        self.assertEqual(self._months(kpi, late), MONTHS)

    def test_fiscal_year_that_changes_makes_the_quarters_anew(self):
        kpi = self._create_old_kpi()
        self._fill()
        kept = self._rows(kpi, period="month") | self._rows(kpi, period="week")
        self.company.write({"fiscalyear_last_month": "1", "fiscalyear_last_day": 31})
        self.assertEqual(self.company.clm_kpi_quarters, 0)
        self.assertFalse(self._rows(kpi, period="quarter"))
        self._fill()
        self.assertEqual(
            [row[1] for row in self._periods_of(kpi) if row[0] == "quarter"],
            ["2025-08-01", "2025-11-01", "2026-02-01"],
        )
        self.assertLessEqual(kept, self._rows(kpi))

    # === CRON === #

    def test_nightly_run_computes_tells_and_goes_on_with_the_history(self):
        kpi = self._create_old_kpi(user_id=self.maker.id)
        target = self._create_target(kpi, 100)
        self._cron()
        self.assertEqual(self._number(kpi), 0)
        self.assertEqual(target.alert_activity_id.user_id, self.maker)
        self.assertEqual(self.company.clm_kpi_quarters, 3)
        self.assertTrue(self.env["clm.kpi.snapshot"].search_count([("company_id", "=", self.company.id)]))

    def test_nightly_run_waits_for_the_history_of_the_customers(self):
        kpi = self._create_old_kpi()
        self.env.cr.execute(SQL("INSERT INTO clm_queue (partner_id, bulk) VALUES (%s, TRUE)", self.partner.id))
        cron = self.env.ref("clm.ir_cron_kpi")
        triggers = self.env["ir.cron.trigger"]
        before = triggers.search([("cron_id", "=", cron.id)])
        self._cron()
        self.assertFalse(self._rows(kpi))
        self.assertFalse(self.company.clm_kpi_computed_at)
        again = triggers.search([("cron_id", "=", cron.id)]) - before
        self.assertEqual(len(again), 1)
        self.assertGreater(str(again.call_at), "2026-03-15 12:00:00")
        self.env.cr.execute(SQL("DELETE FROM clm_queue"))
        self._cron()
        self.assertEqual(self._number(kpi), 0)

    def test_nightly_run_does_not_wait_for_changes_of_today(self):
        kpi = self._create_old_kpi()
        self.env["clm.queue"]._push(self.partner.ids)
        self._cron()
        self.assertTrue(self._rows(kpi))

    def test_run_that_goes_on_with_the_history_does_not_compute_today_again(self):
        kpi = self._create_old_kpi()
        self._cron()
        self._create_lead()
        self._cron()
        self.assertEqual(self._number(kpi), 0)
        self._cron("2026-03-16")
        self.assertEqual(self._number(kpi), 1)

    def test_archived_company_is_not_computed(self):
        kpi = self._create_old_kpi()
        closed = self._create_company("Closed")
        closed.active = False
        self._cron()
        self.assertFalse(self._rows(kpi, company_id=closed.id))
        self.assertEqual(closed.clm_kpi_quarters, 0)
