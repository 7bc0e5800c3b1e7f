from datetime import datetime
from itertools import product

from odoo.exceptions import UserError
from odoo.fields import Command
from odoo.tests import tagged

from .kpi_common import COCKPIT_DAY, CockpitCase

#: What no option and no key may be, as somebody may send it.
NONSENSE = ("abc", "1", "", [], [1], {}, {"id": "abc"}, 0, -1, 1.5, True, 10 ** 30, None)
#: Queries of the whole page with one KPI.
QUERIES = 40


@tagged("post_install", "-at_install")
class TestCockpitOptions(CockpitCase):
    """What may be chosen, and what is made of nonsense."""

    def test_without_options_the_page_shows_the_running_month_of_the_company(self):
        page = self._page()
        self.assertEqual(page["options"], {
            "period": "month", "date": "2026-03-01", "company_ids": self.company.ids, "team_id": None})
        self.assertEqual(page["period"], {
            "kind": "month", "date_from": "2026-03-01", "date_to": "2026-03-31", "label": "Mar 2026", "is_open": True,
            "elapsed": 15 / 31,
        })
        self.assertEqual([kind["key"] for kind in page["kinds"]], ["week", "month", "quarter"])
        self.assertEqual(page["companies"], [{"id": self.company.id, "name": "Clean"}])
        currency = self.company.currency_id
        self.assertEqual(page["currency"], {"id": currency.id, "name": currency.name})

    def test_day_chooses_the_period_that_it_is_in(self):
        for kind, day, first, last, label in (
            ("week", "2026-01-01", "2025-12-29", "2026-01-04", "W1 2026"),
            ("week", "2021-01-03", "2020-12-28", "2021-01-03", "W53 2020"),
            ("month", "2026-02-28", "2026-02-01", "2026-02-28", "Feb 2026"),
            ("quarter", "2026-02-28", "2026-01-01", "2026-03-31", "Q1 2026"),
        ):
            with self.subTest(kind=kind, day=day):
                period = self._page(period=kind, date=day)["period"]
                self.assertEqual((period["date_from"], period["date_to"], period["label"]), (first, last, label))

    def test_period_is_open_until_its_last_day_is_over(self):
        for on, is_open, elapsed in (("2026-03-31", True, 1.0), ("2026-04-01", False, 1.0)):
            period = self._page(on=on, date="2026-03-01")["period"]
            self.assertEqual((period["is_open"], period["elapsed"]), (is_open, elapsed))

    def test_today_and_quarters_are_those_of_the_company(self):
        self.company.lifecycle_tz = "Pacific/Kiritimati"  # 14 hours ahead
        self.company.write({"fiscalyear_last_month": "4", "fiscalyear_last_day": 30})
        page = self._page(on=datetime(2026, 4, 30, 12), period="quarter")
        self.assertEqual((page["options"]["date"], page["period"]["label"]), ("2026-05-01", "Q1 2026-2027"))

    def test_periods_to_choose_from_are_the_newest_first(self):
        for kind, count, newest in (("week", 53, "W11 2026"), ("month", 25, "Mar 2026"), ("quarter", 9, "Q1 2026")):
            with self.subTest(kind=kind):
                periods = self._page(period=kind)["periods"]
                self.assertEqual((len(periods), periods[0]["label"]), (count, newest))
                days = [period["date"] for period in periods]
                self.assertEqual(days, sorted(days, reverse=True))

    def test_period_older_than_those_to_choose_from_is_among_them_when_chosen(self):
        page = self._page(date="2020-05-05")
        self.assertIn({"date": "2020-05-01", "label": "May 2020"}, page["periods"])

    def test_future_is_the_running_period_and_ancient_times_the_first_one(self):
        for day, expected in (("2099-01-01", "2026-03-01"), ("9999-12-31", "2026-03-01"), ("0001-01-01", "2000-01-01")):
            with self.subTest(day=day):
                page = self._page(date=day)
                self.assertEqual(page["options"]["date"], expected)

    def test_options_that_make_no_sense_are_as_if_they_were_not_there(self):
        expected = self._page()["options"]
        with self.at(COCKPIT_DAY):
            for options in (None, [], "x", 5, {"unknown": 1}):
                with self.subTest(options=options):
                    page = self.env["clm.cockpit"].with_user(self.maker).get_cockpit(options)
                    self.assertEqual(page["options"], expected)
            for name, value in (*product(("period", "company_ids", "team_id"), NONSENSE), ("period", "year")):
                with self.subTest(name=name, value=value):
                    self.assertEqual(self._page(on=None, **{name: value})["options"], expected)

    def test_day_that_is_none_is_refused_with_a_sentence(self):
        for value in (
            "tomorrow", "2026-02-30", "2026-13-01", "15.03.2026", "9" * 99, [2026], {"day": 1}, 5, True, 1e300,
        ):
            with self.subTest(value=value), self.assertRaisesRegex(UserError, "Enter the day as year-month-day"):
                self._page(on=None, date=value)

    def test_numbers_that_are_none_open_nothing(self):
        """Never a traceback, whatever is sent."""
        kpi = self._create_kpi()
        self._store(kpi, 1)
        parts = ("kpi", "funnel", "cohort", "rotting", "waterfall", "decisions", "risks")
        keys = (
            *NONSENSE, 999999999, {"id": 10 ** 30}, {"id": [1]}, {"stage": "x"}, {"stage": 10 ** 30}, {"month": "x"},
            {"month": "2026-01-01", "age": "x"}, {"month": 5, "age": 1}, {"month": "2026-01-01"},
        )
        for part, key in product(parts, keys):
            with self.subTest(part=part, key=key):
                try:
                    action = self._action(part, key, on=None)
                except UserError as error:
                    self.assertTrue(str(error))
                    continue
                self.assertIn(part, ("waterfall", "decisions", "risks"))
                self.assertEqual(action["type"], "ir.actions.act_window")
        for part in (None, "x", "", 5, [], {}, True):
            with self.subTest(part=part), self.assertRaisesRegex(UserError, "nothing to open"):
                self._action(part, on=None)

    def test_progress_tells_how_much_of_the_history_there_is(self):
        for quarters, expected in ((0, 0), (3, 3 / 9), (8, 8 / 9), (9, None)):
            self.company.clm_kpi_quarters = quarters
            self.assertEqual(self._page()["progress"], expected)
        other = self._create_company("Other")
        self.maker.company_ids |= other
        self.assertEqual(self._page(companies=self.company | other)["progress"], 0)

    def test_page_tells_when_it_was_computed_oldest_of_all_companies(self):
        self.assertIsNone(self._page()["computed_at"])
        self.company.clm_kpi_computed_at = "2026-03-15 01:02:03"
        self.assertEqual(self._page()["computed_at"], "2026-03-15 01:02:03")
        other = self._create_company("Other", clm_kpi_computed_at="2026-03-14 00:00:00")
        self.maker.company_ids |= other
        self.assertEqual(self._page(companies=self.company | other)["computed_at"], "2026-03-14 00:00:00")

    def test_teams_are_those_of_the_companies_shown(self):
        other = self._create_company("Other")
        theirs = self.env["crm.team"].create({"name": "Theirs", "company_id": other.id})
        names = [team["name"] for team in self._page(self.viewer)["teams"]]
        self.assertIn("North", names)
        self.assertNotIn("Theirs", names)
        self.assertIsNone(self._page(team_id=theirs.id)["options"]["team_id"])
        self.assertEqual(self._page(team_id=self.team.id)["options"]["team_id"], self.team.id)

    def test_page_is_in_the_language_of_the_user(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        kpi = self._create_kpi(formula="In words")
        kpi.with_context(lang="fr_FR").write({"name": "Pistes attendues", "formula": "En mots"})
        self.acquisition.with_context(lang="fr_FR").name = "Acquisition (fr)"
        self.viewer.lang = "fr_FR"
        with self.at(COCKPIT_DAY):
            page = self.env["clm.cockpit"].with_user(self.viewer).with_context(
                allowed_company_ids=self.company.ids, lang="fr_FR").get_cockpit({})
        tile = self._tile(page, kpi)
        self.assertEqual((tile["name"], tile["formula"]), ("Pistes attendues", "En mots"))
        self.assertIn("Acquisition (fr)", [section["name"] for section in page["sections"]])
        self.assertEqual(page["period"]["label"], "mars 2026")
        self.assertEqual(tile["trend"][-2]["label"], "févr. 2026")

    def test_new_company_shows_an_empty_page(self):
        """Every KPI with n/a, no pictures and no traceback."""
        self._built_in()
        page = self._page()
        tiles = [tile for section in page["sections"] for tile in section["kpis"]]
        self.assertGreater(len(tiles), 40)
        for tile in tiles:
            with self.subTest(code=tile["code"]):
                self.assertEqual((tile["value"], tile["goal"], tile["status"]), (None, None, "na"))
                self.assertFalse(tile["can_open"])
                self.assertEqual([point["value"] for point in tile["trend"]], [None] * 12)
                self.assertTrue(tile["formula"] and tile["source"])
        self.assertEqual([page[part] for part in ("funnel", "cohorts", "waterfall", "rotting")], [None] * 4)
        self.assertEqual((page["decisions"]["count"], page["risks"]["count"]), (0, 0))
        self.assertIsNone(page["computed_at"])

    def test_sections_follow_the_lifecycle(self):
        self._built_in("new_leads", "renewal_rate", "cycle_time", "aov", "clv", "win_rate")
        page = self._page()
        self.assertEqual(
            [section["name"] for section in page["sections"]],
            [self.awareness.name, self.conversion.name, self.retention.name, self.loyalty.name, "Renewal", "Contracts"],
        )

    def test_reading_the_page_and_opening_its_numbers_writes_nothing(self):
        """A server that only reads may answer."""
        kpi = self._create_kpi()
        self._create_lead()
        self._refresh(kpi)
        self.env["clm.kpi.snapshot"]._refresh(self.company)
        self.env.flush_all()
        savepoint = self.env.cr.savepoint(flush=False)
        self.env.cr.execute("SET LOCAL transaction_read_only = on")
        try:
            with self.at(COCKPIT_DAY):
                self.assertEqual(self._tile(self._page(on=None), kpi)["value"], 1)
                self.assertEqual(self._action("kpi", {"id": kpi.id}, on=None)["res_model"], "crm.lead")
        finally:
            savepoint.close(rollback=True)

    def test_cost_does_not_grow_with_the_number_of_customers(self):
        kpi = self._create_kpi()
        queries = []
        for number in (10, 90):
            self.env["res.partner"].create([
                {"name": f"Customer {each}", "company_id": self.company.id} for each in range(number)])
            self.engine._process_queue()
            self.env["clm.kpi.snapshot"]._refresh(self.company)
            self._refresh(kpi)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self._page()
            queries.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(queries[1], queries[0])
        self.assertLessEqual(queries[1], QUERIES)


@tagged("post_install", "-at_install")
class TestCockpitTiles(CockpitCase):
    """The number, its goal, and what it was before."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.other = cls._create_company("Other")
        cls.foreign = cls.env["res.currency"].create({
            "name": "CLM", "symbol": "c", "rounding": 0.01,
            "rate_ids": [Command.create({"name": "2026-01-01", "rate": 2.0, "company_id": cls.company.id})],
        })
        cls.other.currency_id = cls.foreign
        cls.both = cls.company | cls.other
        cls.maker.company_ids |= cls.other

    def test_tile_tells_all_about_a_kpi(self):
        kpi = self._create_share(
            formula="In words", source="Leads", variant="By deadline", user_id=self.manager.id)
        self._create_target(kpi, 0.5)
        for priority in "1110":
            self._create_lead(priority=priority)
        for priority in "10":
            self._create_lead("2026-02-10", priority=priority)
        self._refresh(kpi, since="2026-01-01")
        tile = self._tile(self._page(), kpi)
        trend = tile.pop("trend")
        self.assertEqual({
            name: round(value, 4) if isinstance(value, float) else value for name, value in tile.items()
        }, {
            "id": kpi.id, "code": "starred", "name": "Starred", "unit": "ratio", "direction": "up",
            "value": 0.75, "numerator": 3, "denominator": 4, "low": 0.3006, "high": 0.9544, "goal": 0.5, "status": "on",
            "attainment": 1.5, "change": 0.5, "formula": "In words", "source": "Leads", "variant": "By deadline",
            "owner": self.manager.name, "can_open": True, "parts": [
                {"key": "numerator", "label": "Those that count"}, {"key": "denominator", "label": "All of them"},
            ],
        })
        self.assertEqual(len(trend), 12)
        self.assertEqual([point["label"] for point in trend[-3:]], ["Jan 2026", "Feb 2026", "Mar 2026"])
        self.assertEqual([point["value"] for point in trend], [None] * 10 + [0.5, 0.75])
        self.assertEqual([point["goal"] for point in trend], [None] * 9 + [0.5] * 3)

    def test_change_from_nothing_or_the_unknown_is_unknown(self):
        kpi = self._create_kpi()
        self._store(kpi, 5)
        for before in (0, None):
            row = self._store(kpi, before, day="2026-02-01")
            self.assertIsNone(self._tile(self._page(), kpi)["change"])
            row.unlink()
        self._store(kpi, 10, day="2026-02-01")
        self.assertEqual(self._tile(self._page(), kpi)["change"], -0.5)

    def test_superseded_values_are_not_shown(self):
        kpi = self._create_kpi()
        self._create_lead()
        self._refresh(kpi, on="2026-04-01")
        self._create_lead()
        self._refresh(kpi, on="2026-04-02")
        tile = self._tile(self._page(on="2026-04-02", date="2026-03-01"), kpi)
        self.assertEqual((tile["value"], tile["trend"][-1]["value"]), (2, 2))

    def test_archived_kpi_is_not_shown(self):
        kpi = self._create_kpi()
        kpi.active = False
        self.assertEqual(self._page()["sections"], [])

    def test_team_shows_its_own_values_and_goals(self):
        kpi = self._create_kpi()
        self._create_lead(team_id=self.team.id)
        self._create_lead()
        self._create_target(kpi, 9)
        self._create_target(kpi, 1, team_id=self.team.id)
        self._refresh(kpi)
        for team, value, goal, status in (
            (self.team, 1, 1, "on"), (None, 2, 9, "off"), (self.other_team, None, None, "na"),
        ):
            tile = self._tile(self._page(team_id=team and team.id), kpi)
            self.assertEqual((tile["value"], tile["goal"], tile["status"]), (value, goal, status))
            self.assertEqual(tile["can_open"], value is not None)

    def test_tile_opens_exactly_what_it_counts(self):
        kpi = self._create_share()
        for team, priority in ((self.team, "1"), (self.team, "0"), (self.other_team, "1")):
            self._create_lead(team_id=team.id, priority=priority)
        self._create_lead("2026-02-01")
        self._refresh(kpi)
        for team in (None, self.team):
            tile = self._tile(self._page(team_id=team and team.id), kpi)
            for part in ("numerator", "denominator"):
                action = self._action("kpi", {"id": kpi.id, "part": part}, team_id=team and team.id)
                self.assertEqual(len(self._counted(action, self.maker)), tile[part])
        self.assertEqual(len(self._counted(self._action("kpi", {"id": kpi.id}), self.maker)), 3)

    def test_built_in_tile_opens_exactly_what_it_counts_in_all_companies(self):
        kpi = self._built_in("new_leads")
        for company, number in ((self.company, 2), (self.other, 3)):
            for _lead in range(number):
                self._backdate(self._create_lead(company=company), "2026-03-05 10:00:00")
            self._refresh(kpi, company=company)
        for companies, expected in ((self.company, 2), (self.other, 3), (self.both, 5)):
            page = self._page(companies=self.both, company_ids=companies.ids)
            self.assertEqual(self._tile(page, kpi)["value"], expected)
            counted = self._counted(
                self._action("kpi", {"id": kpi.id}, companies=self.both, company_ids=companies.ids),
                self.maker, self.both)
            self.assertEqual(len(counted), expected)

    def test_quotient_opens_what_it_divides_and_by_what(self):
        kpis = self._built_in("cac", "acquisition_spend", "new_customers", "cost_per_lead", "new_leads")
        by_code = {kpi.code: kpi for kpi in kpis}
        spend = self.env["clm.spend"].create({
            "name": "Fair", "amount": 300.0, "date_from": "2026-03-01", "date_to": "2026-03-10",
            "company_id": self.company.id, "currency_id": self.company.currency_id.id,
        })
        lead = self._create_lead()
        self._backdate(lead, "2026-03-05 10:00:00")
        self._refresh(kpis)
        tile = self._tile(self._page(), by_code["cost_per_lead"])
        self.assertEqual((tile["value"], tile["numerator"], tile["denominator"]), (300, 300, 1))
        self.assertEqual([part["label"] for part in tile["parts"]], ["Acquisition Spend", "New Leads"])
        for part, expected in (("numerator", spend), ("denominator", lead)):
            action = self._action("kpi", {"id": by_code["cost_per_lead"].id, "part": part})
            self.assertEqual(self._counted(action, self.maker), expected)
        self.assertIsNone(self._tile(self._page(), by_code["cac"])["value"])

    # === SEVERAL COMPANIES === #

    def _combined(self, code, mine, theirs, **vals):
        """:return: the tile of a built-in KPI over two companies, each (value, numerator, denominator)"""
        kpi = self._built_in(code)
        for company, numbers in ((self.company, mine), (self.other, theirs)):
            self._store(kpi, *numbers, company=company, **vals)
        return self._tile(self._page(companies=self.both), kpi)

    def test_counts_are_added_up(self):
        tile = self._combined("new_leads", (10, 10), (20, 20))
        self.assertEqual((tile["value"], tile["status"]), (30, "none"))

    def test_money_is_added_up_in_the_currency_of_the_users_company(self):
        """One of ours is two of theirs."""
        tile = self._combined("mrr", (100, 100), (300, 300))
        self.assertEqual((tile["value"], self._page(companies=self.both)["currency"]["name"]),
                         (250, self.company.currency_id.name))
        self.assertEqual(self._page(companies=self.other)["currency"]["name"], "CLM")
        self.assertEqual(self._tile(self._page(companies=self.other), self._built_in("mrr"))["value"], 300)
        shown_to_other = self._page(companies=self.other | self.company)
        self.assertEqual(shown_to_other["currency"]["name"], "CLM")

    def test_shares_are_those_of_the_sums(self):
        tile = self._combined("win_rate", (0.5, 1, 2), (0.375, 3, 8), has_interval=True, low=0.1, high=0.9)
        self.assertAlmostEqual(tile["value"], 0.4)
        self.assertEqual((tile["numerator"], tile["denominator"]), (4, 10))
        self.assertEqual((round(tile["low"], 3), round(tile["high"], 3)), (0.168, 0.687))

    def test_money_per_piece_is_money_in_one_currency_over_all_pieces(self):
        tile = self._combined("cac", (25, 100, 4), (150, 300, 2))
        self.assertAlmostEqual(tile["value"], (100 + 150) / 6)

    def test_share_of_money_is_converted_before_it_is_divided(self):
        tile = self._combined("nrr", (2.0, 200, 100), (0.5, 100, 200))
        self.assertAlmostEqual(tile["value"], (200 + 50) / (100 + 100))
        self.assertEqual((tile["numerator"], tile["denominator"]), (250, 200))

    def test_medians_and_what_is_made_of_means_have_no_total(self):
        for code in ("cycle_time", "time_to_convert_median", "days_in_acquisition", "ltv_cac"):
            with self.subTest(code=code):
                tile = self._combined(code, (3, 30, 10), (5, 50, 10))
                self.assertEqual((tile["value"], tile["goal"], tile["status"]), (None, None, "na"))
                self.assertFalse(tile["can_open"])

    def test_unknown_value_of_one_company_leaves_that_of_the_other(self):
        tile = self._combined("win_rate", (None, 0, 0), (0.375, 3, 8))
        self.assertAlmostEqual(tile["value"], 0.375)

    def test_custom_mean_of_all_is_that_of_all_records(self):
        kpi = self._create_kpi(name="Mean", aggregate="avg", field="expected_revenue", unit="money")
        self._store(kpi, 100, 100, 1)
        self._store(kpi, 50, 150, 3, company=self.other)
        tile = self._tile(self._page(companies=self.both), kpi)
        self.assertAlmostEqual(tile["value"], (100 + 75) / 4)

    def test_goals_are_added_up_where_each_company_has_one_and_values_are(self):
        kpi = self._built_in("new_leads")
        for company, value in ((self.company, 10), (self.other, 20)):
            self._store(kpi, value, value, company=company, day="2026-02-01")
        self._create_target(kpi, 12)
        page = self._page(companies=self.both, date="2026-02-01")
        self.assertEqual((self._tile(page, kpi)["goal"], self._tile(page, kpi)["status"]), (None, "none"))
        self._create_target(kpi, 20, company=self.other)
        tile = self._tile(self._page(companies=self.both, date="2026-02-01"), kpi)
        self.assertEqual((tile["goal"], tile["status"], tile["attainment"]), (32, "off", 30 / 32))

    def test_goals_of_shares_are_not_added_up(self):
        kpi = self._built_in("win_rate")
        for company in self.both:
            self._store(kpi, 0.5, 1, 2, company=company)
            self._create_target(kpi, 0.6, company=company)
        tile = self._tile(self._page(companies=self.both), kpi)
        self.assertEqual((tile["value"], tile["goal"], tile["status"]), (0.5, None, "none"))

    def test_one_of_several_companies_can_be_chosen(self):
        kpi = self._built_in("new_leads")
        self._store(kpi, 10, 10)
        self._store(kpi, 20, 20, company=self.other)
        for company, value in ((self.company, 10), (self.other, 20)):
            page = self._page(companies=self.both, company_ids=company.ids)
            self.assertEqual(self._tile(page, kpi)["value"], value)
            self.assertEqual(page["options"]["company_ids"], company.ids)
            self.assertEqual(len(page["companies"]), 2)
