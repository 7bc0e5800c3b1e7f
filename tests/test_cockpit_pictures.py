from datetime import timedelta

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import SQL

from .contract_days import ContractDaysCase, day
from .kpi_common import CockpitBuilders, CockpitCase


@tagged("post_install", "-at_install")
class TestCockpitCustomers(CockpitCase):
    """Funnel, cohorts, overdue stages and customers about to lapse; each number opens what it counts."""

    def setUp(self):
        super().setUp()
        self.today = self.company._lifecycle_today()

    def _create_customer(self, name, known, bought=(), **vals):
        """:param known: days ago; ``bought`` as well"""
        partner = self._create_partner(name, self.days_ago(known), company_id=self.company.id, **vals)
        for days in bought:
            self._create_order(partner, self.days_ago(days), company_id=self.company.id)
        return partner

    def _draw(self):
        self.engine._process_queue()
        self.env["clm.kpi.snapshot"]._refresh(self.company)
        self.env.invalidate_all()

    def _now(self, **options):
        return self._page(on=None, **options)

    def _opened(self, part, key, user=None, **options):
        return self._counted(self._action(part, key, user=user, on=None, **options), user or self.maker)

    def test_funnel_counts_who_came_how_far_and_opens_them(self):
        for number, bought in enumerate(((), (), (20,), (30, 10))):
            self._create_customer(f"Customer {number}", 40, bought)
        self._create_customer("Long ago", 500)
        self._draw()
        funnel = self._now()["funnel"]
        for variant in funnel["variants"]:
            for stage in variant["stages"]:
                with self.subTest(variant=variant["key"], stage=stage["name"]):
                    opened = self._opened("funnel", {"stage": stage["id"], "variant": variant["key"]}, self.viewer)
                    self.assertEqual(len(opened), stage["count"])
        first, *others = funnel["variants"][0]["stages"]
        self.assertEqual((first["id"], first["count"], first["cumulative"]), (self.awareness.id, 4, 1.0))
        for before, stage in zip(funnel["variants"][0]["stages"], others, strict=False):
            self.assertEqual(before["rate"], stage["count"] / before["count"] if before["count"] else None)
            self.assertEqual(stage["cumulative"], stage["count"] / 4)
        anywhere = {stage["id"]: stage["count"] for stage in funnel["variants"][1]["stages"]}
        self.assertEqual(anywhere[self.awareness.id], 5)

    def test_funnel_of_a_team_is_that_of_its_customers(self):
        self.team.member_ids = self.user
        self._create_customer("Of the team", 40, user_id=self.user.id)
        self._create_customer("Of nobody", 40)
        self._draw()
        self.assertEqual(self._now()["funnel"]["variants"][0]["stages"][0]["count"], 2)
        funnel = self._now(team_id=self.team.id)["funnel"]
        self.assertEqual(funnel["variants"][0]["stages"][0]["count"], 1)
        self.assertEqual(
            self._opened("funnel", self.awareness.id, team_id=self.team.id).mapped("name"), ["Of the team"])
        self.assertIsNone(self._now(team_id=self.other_team.id)["funnel"])

    def test_customers_of_other_companies_are_no_part_of_the_pictures(self):
        other = self._create_company("Other")
        self._create_partner("Theirs", self.days_ago(40), company_id=other.id)
        self._create_partner("Shared", self.days_ago(40))
        self._draw()
        self.assertIsNone(self._now()["funnel"])
        self.assertIsNone(self._now()["rotting"])

    def test_cohorts_tell_who_came_back_and_open_them(self):
        first = self.today.replace(day=1) - timedelta(days=40)  # a day of the month before the last
        ages = (self.today.year - first.year) * 12 + self.today.month - first.month
        back = (self.today - first).days
        self._create_customer("Once", 200, (back,))
        self._create_customer("Again", 200, (back, 0))
        self._draw()
        cohorts = self._now()["cohorts"]
        self.assertEqual(cohorts["ages"], list(range(12)))
        row = next(row for row in cohorts["rows"] if row["month"] == str(first.replace(day=1)))
        self.assertEqual((row["customers"], len(row["cells"])), (2, ages + 1))
        cells = {cell["age"]: cell for cell in row["cells"]}
        self.assertEqual((cells[0]["retention"], cells[0]["revenue"], cells[0]["amount"]), (1.0, 1.0, 200.0))
        self.assertEqual((cells[ages]["customers"], cells[ages]["retention"], cells[ages]["revenue"]), (1, 0.5, 0.5))
        self.assertEqual((cells[1]["customers"], cells[1]["retention"], cells[1]["amount"]), (0, 0.0, 0.0))
        for cell in row["cells"]:
            opened = self._opened("cohort", {"month": row["month"], "age": cell["age"]}, self.viewer)
            self.assertEqual(len(opened), cell["customers"])

    def test_cohorts_of_the_past_do_not_know_the_future(self):
        first = self.today.replace(day=1) - timedelta(days=40)
        self._create_customer("Again", 200, ((self.today - first).days, 0))
        self._draw()
        row, = self._now(date=str(first))["cohorts"]["rows"]
        self.assertEqual([cell["age"] for cell in row["cells"]], [0])

    def test_cohorts_of_a_team_are_not_shown(self):
        self._create_customer("Once", 200, (40,))
        self._draw()
        self.assertTrue(self._now()["cohorts"])
        self.assertIsNone(self._now(team_id=self.team.id)["cohorts"])

    def test_overdue_customers_of_a_stage_are_counted_and_open(self):
        self.awareness.rotting_threshold_days = 10
        self._create_customer("Overdue", 50)
        self._create_customer("On the day", 10)
        self._create_customer("Fresh", 2)
        self._draw()
        row, = [row for row in self._now()["rotting"]["rows"] if row["id"] == self.awareness.id]
        self.assertEqual((row["count"], row["total"], row["days"]), (1, 3, 10))
        self.assertEqual(self._opened("rotting", self.awareness.id, self.viewer).mapped("name"), ["Overdue"])

    def test_customers_about_to_lapse_are_at_risk_and_open(self):
        soon = self._create_customer("Soon", 700, (350,))
        self._create_customer("Lately", 700, (5,))
        self._draw()
        soon.invalidate_recordset()
        self.assertTrue(soon.lifecycle_next_check)
        risks = self._now()["risks"]
        self.assertEqual((risks["count"], [row["id"] for row in risks["rows"]]), (1, soon.ids))
        self.assertIn("Lapses on", risks["rows"][0]["reason"])
        self.assertEqual(self._opened("risks", None, self.viewer), soon)
        action = self._action("risks", soon.id, self.viewer, on=None)
        self.assertEqual((action["res_model"], action["res_id"]), ("res.partner", soon.id))

    def _set_health(self, customers, before, now):
        band = "red" if now <= 50 else "yellow" if now <= 75 else "green"
        self.env["clm.customer.score"].search([("partner_id", "in", customers.ids)]).unlink()
        self.env["clm.customer.score"].create([
            {
                "partner_id": customer.id, "health": now, "band": band, "health_last_month": before,
                "change": now - before,
            }
            for customer in customers
        ])

    def test_customers_who_turned_red_are_at_risk_and_open(self):
        little, much, always, yellow = (self._create_customer(name, 40, (5,)) for name in "ABCD")
        self._set_health(little, 60, 50)
        self._set_health(much, 90, 30)
        self._set_health(always, 50, 20)
        self._set_health(yellow, 90, 60)
        self._draw()
        risks = self._page(self.viewer, on=None)["risks"]
        self.assertEqual((risks["count"], [row["id"] for row in risks["rows"]]), (2, [much.id, little.id]))
        self.assertEqual(risks["rows"][0]["reason"], "Health fell from 90 to 30")
        self.assertEqual(self._opened("risks", None, self.viewer), little | much)

    def test_customer_who_turned_red_and_is_about_to_lapse_is_at_risk_once(self):
        soon = self._create_customer("Soon", 700, (350,))
        self._set_health(soon, 80, 40)
        self._draw()
        risks = self._now()["risks"]
        self.assertEqual((risks["count"], [row["id"] for row in risks["rows"]]), (1, soon.ids))

    def test_lists_are_short_and_tell_how_many_there_are(self):
        for number in range(8):
            self._create_customer(f"Soon {number}", 700, (350,))
        self._draw()
        risks = self._now()["risks"]
        self.assertEqual((risks["count"], len(risks["rows"])), (8, 6))
        self.assertEqual(len(self._opened("risks", None)), 8)

    def test_pictures_of_several_companies_are_added_up(self):
        other = self._create_company("Other")
        self.maker.company_ids |= other
        self._create_customer("Mine", 40)
        self._create_partner("Theirs", self.days_ago(40), company_id=other.id)
        self._draw()
        self.env["clm.kpi.snapshot"]._refresh(other)
        both = self.company | other
        self.assertEqual(self._now(companies=both)["funnel"]["variants"][0]["stages"][0]["count"], 2)
        action = self._action("funnel", self.awareness.id, on=None, companies=both)
        self.assertEqual(len(self._counted(action, self.maker, both)), 2)


@tagged("post_install", "-at_install")
class TestCockpitContracts(CockpitBuilders, ContractDaysCase):
    """Recurring revenue, decisions that are due and contracts at risk; each number opens what it counts."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.calendar_type.company_id = False
        cls._set_up_kpis()

    def _create_recurring(self, price, start, **vals):
        return self._create_running(
            start, term_months=0, line_ids=[Command.create(self._prepare_line(price_unit=price))], **vals)

    def _steps(self, **options):
        waterfall = self._page(**options)["waterfall"]
        return waterfall and {step["key"]: step["value"] for step in waterfall["steps"]}

    def _create_year(self):
        """Create contracts of 170 a month, of which 70 are lost in March, when 50 come new (and go) and 30 on top.

        :return: the new contract
        """
        kept = self._create_recurring(100.0, "2026-01-01")
        lost = self._create_recurring(70.0, "2026-01-01", partner_id=self.other_partner.id)
        new = self._create_recurring(50.0, "2026-03-05", partner_id=self._create_partner("New").id)
        with self.at("2026-03-08"):
            lost.action_terminate(self.reason, "2026-03-09", agreed=True)
            new.action_terminate(self.reason, "2026-03-19", agreed=True)
            amendment = self._amend(kept, "2026-03-08")
            amendment.line_ids.price_unit = 130.0
            amendment.action_activate()
        return new

    def test_waterfall_adds_up_and_each_step_opens_what_it_is_made_of(self):
        self._create_year()
        steps = self._page(self.viewer)["waterfall"]["steps"]
        self.assertEqual({step["key"]: step["value"] for step in steps}, {
            "start": 170.0, "new": 50.0, "expansion": 30.0, "contraction": 0.0, "churn": -70.0, "end": 180.0})
        self.assertEqual([step["key"] for step in steps if step["is_total"]], ["start", "end"])
        self.assertEqual(sum(step["value"] for step in steps[:-1]), steps[-1]["value"])
        for step in steps:
            with self.subTest(step=step["key"]):
                opened = self._counted(self._action("waterfall", step["key"], self.viewer), self.viewer)
                self.assertEqual(round(sum(opened.mapped("value")), 2), step["value"])

    def test_waterfall_of_another_month_ends_where_the_next_begins(self):
        self._create_year()
        self.assertEqual(self._steps(date="2026-02-01"), {
            "start": 170.0, "new": 0.0, "expansion": 0.0, "contraction": 0.0, "churn": 0.0, "end": 170.0})
        january = self._steps(date="2026-01-01")
        self.assertEqual((january["start"], january["new"], january["end"]), (0.0, 170.0, 170.0))
        quarter = self._steps(period="quarter")
        self.assertEqual((quarter["start"], quarter["end"]), (0.0, 180.0))

    def test_change_that_is_known_already_counts_when_it_comes(self):
        self._create_year()
        self.assertEqual(self._steps()["end"], 180.0)
        self.assertEqual(self._steps(on="2026-03-20")["end"], 130.0)

    def test_waterfall_of_a_team_is_that_of_its_contracts(self):
        new = self._create_year()
        self.env["clm.contract"].search([("company_id", "=", self.company.id)]).team_id = False
        new.team_id = self.team
        steps = self._steps(team_id=self.team.id)
        self.assertEqual((steps["start"], steps["new"], steps["end"]), (0.0, 50.0, 50.0))
        opened = self._counted(self._action("waterfall", "end", team_id=self.team.id), self.maker)
        self.assertEqual(opened.contract_id, new)
        self.assertIsNone(self._steps(team_id=self.other_team.id))

    def test_waterfall_of_two_companies_is_in_one_currency(self):
        other = self._create_company("Other")
        other.currency_id = self.env["res.currency"].create({
            "name": "CLM", "symbol": "c", "rounding": 0.01,
            "rate_ids": [Command.create({"name": "2026-01-01", "rate": 2.0, "company_id": self.company.id})],
        })
        self.maker.company_ids |= other
        self._create_recurring(100.0, "2026-03-01")
        self.user.write({"company_ids": [Command.link(other.id)]})
        with self.at("2026-03-01"):
            theirs = self.env["clm.contract"].with_company(other).create({
                "type_id": self.calendar_type.id, "partner_id": self.partner.id, "date_start": "2026-03-01",
                "company_id": other.id, "notice_count": 0, "term_months": 0, "currency_id": other.currency_id.id,
                "line_ids": [self._line(price_unit=300.0)],
            })
            theirs.action_activate()
        both = self._steps(companies=self.company | other)
        self.assertEqual((both["new"], both["end"]), (250.0, 250.0))
        self.assertEqual(self._steps(companies=self.company | other, company_ids=other.ids)["end"], 150.0)
        self.assertEqual(self._steps(companies=other)["end"], 300.0)

    # === DECISIONS === #

    def _create_due(self, **vals):
        """Create a contract whose notice is due on 28 February 2026; it is to be decided from 29 January on."""
        return self._create_running("2025-04-01", **{
            "term_months": 12, "notice_count": 1, "notice_unit": "month", "decide_days": 30, **vals})

    def test_decisions_that_are_due_are_listed_and_open(self):
        late, soon = self._create_due(notice_count=2), self._create_due()
        self._create_recurring(100.0, "2026-01-01")
        decisions = self._page(self.viewer, on="2026-02-20")["decisions"]
        self.assertEqual(decisions["count"], 2)
        self.assertEqual([row["id"] for row in decisions["rows"]], [late.id, soon.id])
        first, second = decisions["rows"]
        self.assertEqual((second["name"], second["partner"]), (soon.name, self.partner.display_name))
        self.assertEqual(second["date"], str(soon.date_notice))
        self.assertEqual(second["days"], (soon.date_notice - day("2026-02-20")).days)
        self.assertLess(first["days"], 0)
        self.assertEqual(second["value"], soon.acv)
        with self.at("2026-02-20"):
            self.assertEqual(self._counted(self._action("decisions", on=None), self.maker), late | soon)
        action = self._action("decisions", soon.id, self.viewer, on="2026-02-20")
        self.assertEqual((action["res_model"], action["res_id"]), ("clm.contract", soon.id))

    def test_decisions_follow_the_team_and_are_gone_once_taken(self):
        contract = self._create_due()
        contract.team_id = self.team
        for team, count in ((self.team, 1), (self.other_team, 0)):
            self.assertEqual(self._page(on="2026-02-20", team_id=team.id)["decisions"]["count"], count)
        with self.at("2026-02-20"):
            contract.action_decide_end()
        self.assertEqual(self._page(on="2026-02-20")["decisions"], {"count": 0, "rows": []})

    def test_decisions_of_other_companies_cannot_be_opened(self):
        contract = self._create_due()
        contract.flush_recordset()
        self.env.cr.execute(SQL("UPDATE clm_contract SET company_id = %s WHERE id = %s", self.main.id, contract.id))
        self.env.invalidate_all()
        self.assertEqual(self._page(on="2026-02-20")["decisions"]["count"], 0)
        with self.assertRaises(AccessError):
            self._action("decisions", contract.id, on="2026-02-20")

    # === RISKS === #

    def _create_risky(self, number, start="2026-01-01"):
        """Create customers with a contract at high risk each, the first of least worth."""
        contracts = self.env["clm.contract"]
        for each in range(number):
            contracts += self._create_running(
                start, term_months=12, partner_id=self._create_partner(f"Risky {each}", company_id=self.company.id).id,
                line_ids=[self._line(price_unit=100.0 * (each + 1))])
        self._set_risk(contracts)
        return contracts

    def _set_risk(self, contracts):
        self.env.flush_all()
        self.env.cr.execute(SQL("UPDATE clm_contract SET risk_band = 'high' WHERE id = ANY(%s)", contracts.ids))
        self.env.invalidate_all()

    def _create_lapsing(self, number):
        partners = self.env["res.partner"].create([
            {"name": f"Lapsing {each}", "company_id": self.company.id} for each in range(number)])
        self._let_lapse(partners)
        return partners

    def _let_lapse(self, partners):
        """The customers bought once; on 20 March they lapse."""
        self.env.flush_all()
        self.env.cr.execute(SQL(
            "UPDATE res_partner SET lifecycle_cycle = 1, lifecycle_stage_id = %s, lifecycle_next_check = %s"
            " WHERE id = ANY(%s)", self.conversion.id, "2026-03-20 12:00:00", partners.ids))
        self.env.invalidate_all()

    def test_contracts_at_risk_come_first_by_worth_then_those_about_to_lapse(self):
        contracts, lapsing = self._create_risky(2), self._create_lapsing(1)
        risks = self._page(self.viewer)["risks"]
        self.assertEqual(risks["count"], 3)
        self.assertEqual([row["id"] for row in risks["rows"]], [
            contracts[1].partner_id.id, contracts[0].partner_id.id, lapsing.id])
        self.assertEqual([row["value"] for row in risks["rows"]], [2400.0, 1200.0, None])
        self.assertEqual(risks["rows"][0]["reason"], "Contract at high risk")
        with self.at("2026-03-15"):
            self.assertEqual(
                self._counted(self._action("risks", on=None), self.maker), contracts.partner_id | lapsing)

    def test_customer_with_several_contracts_at_risk_is_one_customer(self):
        first = self._create_risky(1)
        second = self._create_running("2026-01-01", term_months=12, partner_id=first.partner_id.id)
        self._set_risk(second)
        risks = self._page()["risks"]
        self.assertEqual((risks["count"], risks["rows"][0]["reason"]), (1, "2 contracts at high risk"))
        self.assertEqual(risks["rows"][0]["value"], 2400.0)

    def test_list_of_risks_stays_short_however_many_lapse(self):
        self._create_risky(6)
        self._create_lapsing(20)
        risks = self._page()["risks"]
        self.assertEqual((risks["count"], len(risks["rows"])), (26, 6))

    def test_customer_who_lapses_and_has_a_contract_is_counted_once(self):
        contract = self._create_risky(1)
        self._let_lapse(contract.partner_id)
        self.assertEqual(self._page()["risks"]["count"], 1)
