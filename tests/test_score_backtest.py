from datetime import date, datetime

from odoo.exceptions import AccessError, ValidationError
from odoo.tests import tagged
from odoo.tools import SQL

from ..tools import kpi_periods
from .score_common import ScoreCase


@tagged("post_install", "-at_install")
class TestScoreBacktest(ScoreCase):
    """Whether the health told who leaves, and the share of healthy customers as a KPI."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.env["clm.health.factor"].search([("code", "=", "recency")]).weight = 100

    def _stay(self, partner, stage, start, end=None):
        self.env.cr.execute(SQL(
            """
            INSERT INTO clm_visit (
                   partner_id, stage_id, number, cycle, entered_at, exited_at, origin, recorded_at, active)
            SELECT %s, %s, COALESCE(MAX(number), 0) + 1, 1, %s, %s, 'rule', %s, TRUE
              FROM clm_visit WHERE partner_id = %s
            """,
            partner.id, stage.id, datetime.fromisoformat(start), end and datetime.fromisoformat(end),
            datetime(2026, 6, 1), partner.id,
        ))

    def _watch(self, name, purchases, lost=None):
        """A customer since 2025 who bought on some days, and was lost on another."""
        partner = self._customer(name)
        self._buy(partner, *purchases)
        self.env.flush_all()
        self.env.cr.execute(SQL("DELETE FROM clm_queue"))
        self._stay(partner, self.retention, "2025-01-01", lost)
        if lost:
            self._stay(partner, self.lapsed, lost)
        return partner

    def test_backtest_when_run_then_precision_and_recall_of_the_red(self):
        silent, active = ("2025-01-01", "2025-01-11", "2025-01-21"), ("2026-02-20", "2026-03-01", "2026-03-11")
        with self.at("2026-06-10"):  # looked at: 12 March
            self._watch("Hit", silent, lost="2026-04-01")
            self._watch("False alarm", silent)
            self._watch("Late", silent, lost="2026-06-11")
            missed = self._watch("Missed", active, lost="2026-06-09")
            self._watch("Fine", active)
            self._watch("Gone before", silent, lost="2026-03-01")
            test = self.env["clm.health.backtest"].with_user(self.manager).create({"quarters": 1})
            test.action_run()
            line = test.line_ids
            self.assertEqual(line.date, date(2026, 3, 12))
            self.assertEqual(
                (line.customers, line.known, line.red, line.churned, line.hits), (5, 5, 3, 2, 1))
            self.assertAlmostEqual(test.precision, 1 / 3)
            self.assertAlmostEqual(test.recall, 1 / 2)
            self.assertAlmostEqual(test.share, 1 / 2)
            self.assertAlmostEqual(test.base, 2 / 5)
            self.assertEqual(test.lost_ids[:1].partner_id, missed)
            self.assertEqual(test.lost_ids.mapped("band"), ["green", "red"])

    def test_backtest_when_the_last_contract_ended_then_lost(self):
        partner = self.partner
        with self.at("2026-01-10"):
            contract = self._create_billed("2026-01-01")
        self.env.flush_all()
        self._stay(partner, self.retention, "2025-01-01")
        self.env.cr.execute(SQL(
            "UPDATE clm_contract_visit SET exited_at = '2026-05-01' WHERE contract_id = %s AND exited_at IS NULL",
            contract.id))
        self.env.cr.execute(SQL(
            "UPDATE clm_contract SET state = 'closed', closed_at = '2026-05-01' WHERE id = %s", contract.id))
        self.env.invalidate_all()
        with self.at("2026-06-10"):
            test = self.env["clm.health.backtest"].create({"quarters": 1})
            test.action_run()
            self.assertEqual(test.lost_ids.partner_id, partner)
            self.assertEqual(test.lost_ids.lost_on, datetime(2026, 5, 1))

    def test_backtest_when_run_again_then_replaced_and_each_quarter_has_a_day(self):
        with self.at("2026-06-10"):
            self._watch("Fine", ("2026-03-01",))
            test = self.env["clm.health.backtest"].create({})
            test.action_run()
            test.action_run()
            self.assertEqual(test.line_ids.mapped("date"), [
                date(2026, 3, 12), date(2025, 12, 11), date(2025, 9, 11), date(2025, 6, 12)])

    def test_backtest_when_nonsense_or_by_others_then_refused(self):
        with self.assertRaises(ValidationError):
            self.env["clm.health.backtest"].create({"quarters": 0})
        for user in (self.viewer, self.user):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self.env["clm.health.backtest"].with_user(user).create({})

    # === KPI === #

    def _facts(self, period, counted=False):
        facts = self.env["clm.kpi.facts"].with_company(self.env["res.company"]._lifecycle_companies()[0])
        select = facts._counted_facts("health", period, None) if counted else facts._facts_health([period])
        return self.env.execute_query(SQL(
            "WITH %s SELECT SUM(f.customers)::int4, SUM(f.healthy)::int4, array_agg(f.res_id ORDER BY f.res_id)"
            " FROM (%s) f", facts._with_periods([period]), select))[0]

    def test_facts_when_the_period_runs_then_of_today_and_when_over_then_of_its_last_month(self):
        with self.at("2026-06-10"):
            green = self._watch("Green", ("2026-05-01", "2026-05-20", "2026-06-08"))
            red = self._watch("Red", ("2026-01-01", "2026-01-11", "2026-01-21"))
            self.score._refresh()
            self.env.cr.execute(SQL("DELETE FROM clm_customer_score WHERE partner_id != ALL(%s)", (green | red).ids))
            self.env.cr.execute(SQL(
                "INSERT INTO clm_customer_score_history (partner_id, month, month_until, health, band) VALUES"
                " (%(red)s, '2026-01-01', '2026-02-01', 90, 'green'), (%(red)s, '2026-04-01', NULL, 0, 'red'),"
                " (%(green)s, '2026-02-01', NULL, 80, 'green')", red=red.id, green=green.id))
            for kind, day, expected in (
                ("month", date(2026, 6, 1), (2, 1)), ("week", date(2026, 6, 3), (2, 1)),
                ("month", date(2026, 5, 1), (2, 1)), ("month", date(2026, 3, 1), (1, 1)),
                ("month", date(2026, 2, 1), (2, 2)), ("quarter", date(2026, 1, 1), (1, 1)),
                ("month", date(2025, 12, 1), (None, None)),
            ):
                with self.subTest(kind=kind, day=day):
                    period = kpi_periods.period_of(kind, day, kpi_periods.year_start_of(12, 31))
                    self.assertEqual(self._facts(period)[:2], expected)
                    self.assertEqual(self._facts(period, counted=True)[:2], expected)
            june = kpi_periods.period_of("month", date(2026, 6, 1), kpi_periods.year_start_of(12, 31))
            self.assertEqual(self._facts(june, counted=True)[2], sorted((green | red).ids))
