from datetime import date

from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from ..models.clm_kpi_measure import MEASURES
from ..tools.kpi_periods import Period
from .referral_common import ReferralCase


@tagged("post_install", "-at_install")
class TestReferralFacts(ReferralCase):
    """The referral rate: those who brought somebody, of the customers at the end of the period."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.main = cls.env.company
        cls.company = cls.env["res.company"].create({"name": "Clean", "lifecycle_tz": "UTC"})
        cls.env.user.company_ids = [Command.link(cls.company.id)]
        cls.team = cls.env["crm.team"].create({"name": "North", "company_id": cls.company.id})
        cls.seller = cls._create_user(
            "r-seller", "clm.group_user", company_id=cls.company.id, company_ids=[Command.set(cls.company.ids)],
        )
        cls.env["crm.team.member"].create({"crm_team_id": cls.team.id, "user_id": cls.seller.id})
        (cls.ada | cls.ben | cls.carl).company_id = cls.company
        cls.facts = cls.env["clm.kpi.facts"].with_company(cls.company).with_context(
            allowed_company_ids=cls.company.ids,
        )
        cls.january = Period("month", date(2026, 1, 1), date(2026, 1, 31))
        cls.february = Period("month", date(2026, 2, 1), date(2026, 2, 28))

    def _stay(self, partner, day, stage=None):
        self.env["clm.stage.change"].create({
            "partner_id": partner.id, "stage_id": (stage or self.conversion).id, "date": f"{day} 12:00:00",
        })
        self.engine._process_queue()

    def _rate(self, *periods, team=None):
        """:return: list of (referrers, customers) of the periods"""
        measure = MEASURES["referral_rate"]
        self.env.flush_all()
        rows = self.env.execute_query(SQL(
            "WITH %s SELECT f.period_id, %s, %s FROM (%s) f WHERE %s GROUP BY 1",
            self.facts._with_periods(periods), SQL(measure.numerator), SQL(measure.denominator),
            self.facts._facts("referrals", periods), SQL("f.team_id = %s", team.id) if team else SQL("TRUE"),
        ))
        values = {period_id: (referrers, int(customers or 0)) for period_id, referrers, customers in rows}
        return [values.get(number, (0, 0)) for number in range(len(periods))]

    def test_rate_counts_each_referrer_once_and_customers_at_the_end(self):
        dora = self._create_partner("Dora", company_id=self.company.id, referred_by_id=self.ada.id)
        self.ben.referred_by_id = self.ada
        self._stay(self.ada, "2026-01-02")
        self._stay(self.ben, "2026-01-10")
        self._stay(dora, "2026-01-20")
        self._stay(self.carl, "2026-02-03")
        self._stay(dora, "2026-02-20", self.lapsed)
        self.assertEqual(self._rate(self.january, self.february), [(1, 3), (0, 3)])

    def test_rate_counts_a_customer_of_the_last_second_and_not_of_the_next(self):
        for partner, moment in ((self.ada, "2026-01-31 23:59:59"), (self.ben, "2026-02-01 00:00:00")):
            self.env["clm.stage.change"].create({
                "partner_id": partner.id, "stage_id": self.conversion.id, "date": moment,
            })
        self.engine._process_queue()
        self.assertEqual(self._rate(self.january, self.february), [(0, 1), (0, 2)])

    def test_referrer_counts_with_the_team_of_their_salesperson(self):
        self.ada.user_id = self.seller
        self.ben.referred_by_id = self.ada
        self._stay(self.ada, "2026-01-02")
        self._stay(self.ben, "2026-01-10")
        self.assertEqual(self._rate(self.january), [(1, 2)])
        self.assertEqual(self._rate(self.january, team=self.team), [(1, 1)])

    def test_referrals_of_another_company_do_not_count(self):
        self.ben.referred_by_id = self.ada
        self._stay(self.ben, "2026-01-10")
        facts = self.facts
        self.facts = self.env["clm.kpi.facts"].with_company(
            self.env["res.company"].create({"name": "Third", "lifecycle_tz": "UTC"}),
        )
        self.assertEqual(self._rate(self.january), [(0, 0)])
        self.facts = facts

    def test_facts_open_the_events_of_the_referrals(self):
        self.ben.referred_by_id = self.ada
        self._stay(self.ben, "2026-01-10")
        counted = self.facts._counted(MEASURES["referral_rate"], self.january, self.env["crm.team"], {})
        ids = [event_id for event_id, in self.env.execute_query(counted)]
        self.assertEqual(ids, self._events(self.ada).ids)
