from datetime import date

from dateutil.relativedelta import relativedelta
from freezegun import freeze_time

from odoo.tests import BaseCase, tagged
from odoo.tools import SQL, convert_file

from ..demo.clm_kpi_story import CUSTOMERS, DAYS, stories, strangers
from .test_billing_demo import DemoCase


@tagged("-at_install", "post_install")
class TestStory(BaseCase):
    """What happens to the customers of the demo data."""

    def test_story_is_always_the_same(self):
        self.assertEqual(stories(), stories())
        self.assertEqual(len({tale.name for tale in stories()}), CUSTOMERS)

    def test_steps_of_every_customer_follow_each_other_and_lie_in_the_past(self):
        for tale in stories():
            steps = [tale.known, tale.asked, tale.qualified, tale.closed, *tale.orders[1:]]
            steps = [step for step in steps if step is not None]
            with self.subTest(name=tale.name):
                self.assertEqual(steps, sorted(steps, reverse=True))
                self.assertTrue(all(0 <= step <= DAYS for step in steps))
                self.assertEqual(bool(tale.orders), tale.won and tale.closed is not None)
                self.assertEqual(tale.orders[:1], (tale.closed,) if tale.orders else ())

    def test_every_outcome_is_there(self):
        tales = stories()
        self.assertTrue([tale for tale in tales if tale.asked is None])
        self.assertTrue([tale for tale in tales if tale.asked is not None and tale.qualified is None])
        self.assertTrue([tale for tale in tales if tale.closed is not None and not tale.won])
        self.assertGreater(len([tale for tale in tales if len(tale.orders) > 4]), 3)
        self.assertGreater(len([day for day in strangers() if day < 365]), len(strangers()) / 2)


@tagged("post_install", "-at_install")
class TestKpiDemo(DemoCase):
    """The cockpit is full once the demo data are loaded, also early in a month."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for table in ("clm_kpi_target", "clm_kpi_value", "clm_kpi_snapshot", "clm_spend"):
            cls.env.cr.execute(SQL("DELETE FROM %s", SQL.identifier(table)))
        cls.env.cr.execute(SQL(
            "UPDATE clm_kpi SET user_id = NULL, fill_from = '2020-01-01', fill_until = '2020-02-01'",
        ))
        cls.env.cr.execute(SQL("UPDATE res_company SET clm_kpi_quarters = 0"))
        cls.env.invalidate_all()
        cls.day = date(2027, 9, 3)
        cls._load(cls.day)
        with freeze_time(f"{cls.day} 12:00:00"):
            convert_file(cls.env(user=1), "clm", "demo/clm_kpi_demo.xml", {}, mode="init", noupdate=True)
            cls.env.flush_all()
            cls.payload = cls.env["clm.cockpit"].with_user(cls.env.ref("base.user_admin")).with_context(
                allowed_company_ids=cls.env.company.ids,
            ).get_cockpit({})
        cls.env.invalidate_all()

    def _months(self, code):
        return self.env["clm.kpi.value"].search([
            ("kpi_id.code", "=", code), ("period", "=", "month"), ("team_id", "=", False),
            ("company_id", "=", self.env.company.id),
        ], order="date_from")

    def test_values_of_two_years_are_there_and_the_history_is_not_waited_for(self):
        for code in ("new_contacts", "new_leads", "win_rate", "revenue", "mrr"):
            months = self._months(code)
            with self.subTest(code=code):
                self.assertLessEqual(months[0].date_from, self.day - relativedelta(months=23))
                self.assertEqual(months[-1].date_from, date(2027, 9, 1))
        self.assertTrue(all(self._months("new_leads")[-24:].mapped("value")))
        self.assertIsNone(self.payload["progress"])
        self.assertTrue(self.payload["computed_at"])
        self.assertFalse(self.env["clm.kpi"].search([("fill_until", "!=", False)]))

    def test_funnel_leads_through_all_stages(self):
        counts = [stage["count"] for stage in self.payload["funnel"]["variants"][0]["stages"]]
        self.assertEqual(len(counts), 5)
        self.assertEqual(counts, sorted(counts, reverse=True))
        self.assertGreater(counts[0], 40)
        self.assertTrue(all(counts))

    def test_cohorts_of_a_year_come_back(self):
        cohorts = self.payload["cohorts"]["rows"]
        self.assertGreater(len(cohorts), 9)
        self.assertGreater(sum(1 for row in cohorts if any(cell["customers"] for cell in row["cells"][1:])), 5)

    def test_some_goals_are_met_and_some_missed_and_somebody_is_told(self):
        with freeze_time(f"{self.day} 12:00:00"):
            targets = self.env["clm.kpi.target"].search([("date_to", "=", "2027-12-31")])
            self.assertGreaterEqual(len(targets), 12)
            met, missed = (targets.filtered(lambda target, s=status: target.status == s) for status in ("on", "off"))
        self.assertGreaterEqual(len(met), 3)
        self.assertGreaterEqual(len(missed), 2)
        self.assertEqual(missed.mapped("alert_activity_id.user_id"), missed.kpi_id.user_id)
        self.assertFalse(self.env["clm.kpi"].search([("user_id", "=", False)]))

    def test_spend_of_more_than_a_year_has_campaigns_and_sources(self):
        spend = self.env["clm.spend"].search([])
        self.assertLessEqual(min(spend.mapped("date_from")), self.day - relativedelta(months=12))
        self.assertGreater(len(spend.source_id), 2)
        self.assertGreater(len(spend.campaign_id), 1)
        self.assertTrue(all(value.is_known for value in self._months("cost_per_lead")[-13:-1]))

    def test_customers_and_their_documents_lie_in_the_past(self):
        partner = self.env["res.partner"].search([("name", "=", stories()[0].name)], order="id desc", limit=1)
        self.assertEqual(partner.create_date.date(), self.day - relativedelta(days=stories()[0].known))
        talks = self.env["clm.contract.visit"].search([
            ("contract_id", "in", self.loaded.filtered("signed_on").ids), ("state", "=", "negotiation"),
        ])
        self.assertGreater(len(talks), 4)
        self.assertGreaterEqual(min(talks.mapped("days")), 1)
