from datetime import date
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import BaseCase, Form, tagged
from odoo.tools import mute_logger

from ..tools.kpi_goals import limit, propose, round_goal
from .kpi_common import KpiCase

TODAY = "2026-07-15"


@tagged("-at_install", "post_install")
class TestProposedGoals(BaseCase):
    """``tools.kpi_goals``."""

    def test_goal_is_the_mean_bettered_in_the_direction_that_is_better(self):
        for values, percent, direction, unit, goal in (
            ([0.2, 0.4, None], 0.1, "up", "ratio", 0.33),
            ([0.2, 0.4], 0.1, "down", "ratio", 0.27),
            ([0.02, 0.04], 0.1, "down", "ratio", 0.027),
            ([0.9, 1.0], 0.2, "up", "ratio", 1.0),
            ([1.1, 1.1], 0.05, "up", "ratio", 1.1),
            ([10, 11], 0.05, "up", "count", 12.0),
            ([10, 11], 0.05, "down", "count", 9.0),
            ([15234.77], 0.05, "up", "money", 16000.0),
            ([-200.0], 0.05, "up", "money", -190.0),
            ([12.43], 0.0, "down", "days", 12.4),
            ([98, 99], 0.05, "up", "score", 100.0),
            ([1.234], 0.0, "up", "number", 1.23),
            ([0.0], 0.5, "up", "money", 0.0),
        ):
            with self.subTest(values=values, unit=unit):
                self.assertAlmostEqual(propose(values, percent, direction, unit), goal)

    def test_no_goal_is_proposed_without_values(self):
        self.assertIsNone(propose([], 0.05, "up", "count"))
        self.assertIsNone(propose([None, None], 0.05, "up", "ratio"))

    @given(
        st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0, 1), st.sampled_from(["up", "down"]),
    )
    def test_goal_of_a_share_is_a_share(self, values, percent, direction):
        self.assertTrue(0 <= propose(values, percent, direction, "ratio") <= 1)

    @given(st.floats(-1e9, 1e9), st.sampled_from(["count", "number", "money", "ratio", "days", "score"]))
    def test_rounding_changes_little_and_is_done_once(self, goal, unit):
        rounded = round_goal(goal, "up", unit)
        self.assertLessEqual(abs(rounded - goal), max(1.0, abs(goal) * 0.01))
        self.assertAlmostEqual(round_goal(rounded, "up", unit), rounded, delta=abs(rounded) * 1e-9)

    @given(st.floats(-300, 300), st.floats(-100, 100))
    def test_limit_never_asks_for_less_than_is_reached(self, goal, known):
        self.assertGreaterEqual(limit(max(goal, known), known, "score"), known)


@tagged("post_install", "-at_install")
class TestSuggest(KpiCase):
    """The dialog that suggests goals."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.win_rate, cls.new_leads, cls.cac = (cls._built_in(code) for code in ("win_rate", "new_leads", "cac"))

    @classmethod
    def _create_values(cls, kpi, numbers, until=(2026, 6), team=None):
        """Create values of successive months, the last one first."""
        year, month = until
        for back, number in enumerate(numbers):
            first = date(year - (back >= month), (month - back - 1) % 12 + 1, 1)
            cls.values.create({
                "kpi_id": kpi.id, "company_id": cls.company.id, "period": "month", "date_from": first,
                "date_to": first.replace(day=28), "value": number or 0.0, "is_known": number is not None,
                "team_id": team.id if team else False,
            })

    def _suggest(self, user=None, kpis=None, **vals):
        """:return: the dialog, showing what it proposes on a day of July 2026"""
        Wizard = self.env["clm.kpi.suggest"].with_user(user or self.manager).with_context(
            active_model="clm.kpi" if kpis else False, active_ids=kpis.ids if kpis else [])
        with Form(Wizard) as form:
            for name, value in vals.items():
                setattr(form, name, value)
        form.record.action_preview()
        return form.record

    def _goals(self, wizard):
        return {line.kpi_id: line.value for line in wizard.line_ids}

    def test_goals_are_the_means_of_the_last_twelve_months_that_are_over(self):
        self._create_values(self.win_rate, [0.5] * 6 + [None] * 4 + [0.3] * 2 + [0.0] * 6)
        self._create_values(self.new_leads, [999], until=(2026, 7))  # July runs
        self._create_values(self.new_leads, [20, 20])
        with self.at(TODAY):
            wizard = self._suggest(percent=0.2)
        self.assertEqual(self._goals(wizard), {self.new_leads: 24, self.win_rate: 0.54})
        line = wizard.line_ids.filtered(lambda line: line.kpi_id == self.win_rate)
        self.assertEqual((line.periods, line.display_mean), (8, "45.0 %"))
        self.assertEqual(wizard.left_out_ids.kpi_id, self.cac)
        self.assertIn("No values in the last 12 months", wizard.left_out_ids.problem)

    def test_goals_are_changed_or_removed_before_they_are_set(self):
        self._create_values(self.win_rate, [0.4])
        self._create_values(self.new_leads, [20])
        with self.at(TODAY):
            wizard = self._suggest(date_from=date(2026, 8, 10), date_to=date(2027, 1, 1))
            with Form(wizard) as form:
                form.line_ids.remove(0)
                with form.line_ids.edit(0) as line:
                    line.value = 0.44
            action = wizard.action_apply()
        targets = self.targets.search([])
        self.assertRecordValues(targets, [{
            "kpi_id": self.win_rate.id, "value": 0.44, "period": "month", "company_id": self.company.id,
            "team_id": False, "date_from": date(2026, 8, 1), "date_to": date(2027, 1, 31),
        }])
        self.assertEqual(action["params"]["next"]["res_model"], "clm.kpi.target")
        with self.assertRaisesRegex(UserError, "no goal on the list"):
            wizard.line_ids.unlink()
            wizard.action_apply()

    def test_only_the_kpis_that_were_chosen_get_goals(self):
        for kpi in (self.win_rate, self.new_leads):
            self._create_values(kpi, [1])
        with self.at(TODAY):
            self.assertEqual(self._suggest(kpis=self.new_leads).line_ids.kpi_id, self.new_leads)

    def test_goals_of_a_team_come_from_its_own_values(self):
        self._create_values(self.new_leads, [20])
        self._create_values(self.new_leads, [8], team=self.team)
        with self.at(TODAY):
            wizard = self._suggest(team_id=self.team, percent=0)
            wizard.action_apply()
        self.assertEqual((wizard.line_ids.value, self.targets.search([]).team_id), (8, self.team))

    def test_goal_of_nothing_is_not_proposed(self):
        self._create_values(self.new_leads, [0, 0])
        with self.at(TODAY):
            wizard = self._suggest(kpis=self.new_leads)
        self.assertIn("It was 0", wizard.left_out_ids.problem)

    def test_kpi_with_a_goal_is_left_out_and_shown(self):
        self._create_values(self.win_rate, [0.4])
        self._create_target(self.win_rate, 0.35)
        with self.at(TODAY):
            wizard = self._suggest(kpis=self.win_rate)
        self.assertFalse(wizard.line_ids)
        self.assertIn("Has a goal already: 35.0 % until", wizard.left_out_ids.problem)

    def _replace(self, first, last):
        self._create_values(self.win_rate, [0.4])
        old = self._create_target(self.win_rate, 0.35)  # January to December
        with self.at(TODAY):
            wizard = self._suggest(kpis=self.win_rate, replace=True, date_from=first, date_to=last, percent=0)
            self.assertIn("35.0 %", wizard.line_ids.old_goal)
            wizard.action_apply()
        return old

    def _days(self):
        rows = self.targets.search([("kpi_id", "=", self.win_rate.id)], order="date_from")
        return [(row.date_from.isoformat(), row.date_to.isoformat(), row.value) for row in rows]

    def test_replaced_goal_ends_the_day_before(self):
        self._replace(date(2026, 9, 1), date(2027, 8, 31))
        self.assertEqual(self._days(), [("2026-01-01", "2026-08-31", 0.35), ("2026-09-01", "2027-08-31", 0.4)])

    def test_goal_that_is_replaced_for_some_months_goes_on_after_them(self):
        self._replace(date(2026, 8, 1), date(2026, 9, 30))
        self.assertEqual(self._days(), [
            ("2026-01-01", "2026-07-31", 0.35), ("2026-08-01", "2026-09-30", 0.4), ("2026-10-01", "2026-12-31", 0.35),
        ])

    def test_goal_that_begins_later_begins_after_the_new_one(self):
        self._replace(date(2025, 12, 1), date(2026, 2, 28))
        self.assertEqual(self._days(), [("2025-12-01", "2026-02-28", 0.4), ("2026-03-01", "2026-12-31", 0.35)])

    def test_goal_within_the_new_one_is_archived(self):
        old = self._replace(date(2025, 12, 1), date(2027, 2, 28))
        self.assertFalse(old.active)
        self.assertEqual(self._days(), [("2025-12-01", "2027-02-28", 0.4)])

    def test_senseless_choices_are_refused(self):
        for vals, sentence in (
            ({"date_from": date(2026, 8, 1), "date_to": date(2026, 7, 1)}, "before the first"),
            ({"percent": 5}, "0 to 100 %"),
            ({"percent": -0.1}, "0 to 100 %"),
        ):
            with self.subTest(vals=vals), self.assertRaisesRegex(ValidationError, sentence), self.env.cr.savepoint():
                self._suggest(**vals)

    def test_goals_are_suggested_by_managers_alone(self):
        for user in (self.viewer, self.user):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                self.env["clm.kpi.suggest"].with_user(user).create({})


@tagged("post_install", "-at_install")
class TestFill(KpiCase):
    """The dialog that computes former periods, and what the cron does for it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kpi = cls._create_kpi()
        cls.kpi.write({"fill_from": False, "fill_until": False})
        cls.company.clm_kpi_quarters = 9
        for day in ("2022-02-10", "2026-03-10", "2026-05-10"):
            cls._create_lead(day)

    def _fill(self, first, last=None, user=None, kpis=None):
        kpis = self.kpi if kpis is None else kpis
        wizard = self.env["clm.kpi.fill"].with_user(user or self.manager).with_context(
            active_model="clm.kpi", active_ids=kpis.ids,
        ).create({"date_from": first, **({"date_to": last} if last else {})})
        return wizard, wizard.action_fill()

    def _months(self):
        values = self.values.search([
            ("kpi_id", "=", self.kpi.id), ("period", "=", "month"), ("company_id", "=", self.company.id),
        ], order="date_from")
        return [value.date_from.isoformat()[:7] for value in values]

    def _run_cron(self, steps=None):
        """Let the cron compute what is asked for.

        :param steps: after how many steps its time is over; default: never
        """
        done = []
        self.patch(self.env.registry["clm.kpi"], "_clm_commit", lambda *args: done.append(args) or len(done) != steps)
        self.kpis._fill(self.company)

    def test_few_months_are_computed_at_once(self):
        with self.at(TODAY):
            wizard, action = self._fill("2026-03-15", "2026-05-20")
        self.assertTrue(wizard.is_short)
        self.assertEqual(action["params"]["type"], "success")
        self.assertEqual(self._months(), ["2026-03", "2026-04", "2026-05"])
        self.assertEqual([self._number(self.kpi, f"2026-0{month}-01") for month in (3, 4, 5)], [1, 0, 1])
        self.assertEqual(self._number(self.kpi, "2026-01-01", "quarter"), 1, "the quarter shares days with them")
        self.assertFalse(self.kpi.fill_until)

    def test_years_are_computed_by_the_cron_newest_first_and_it_goes_on_where_it_was(self):
        with self.at(TODAY):
            wizard, action = self._fill("2022-01-01")
            self.assertFalse(wizard.is_short)
            self.assertIn("in the background", action["params"]["message"])
            self.assertFalse(self._months())
            self._run_cron(steps=2)
            self.assertEqual(self._months(), ["2026-02", "2026-03", "2026-04", "2026-05", "2026-06", "2026-07"])
            self.assertEqual(self.kpi.fill_until, date(2026, 1, 15))
            self._run_cron()
        self.assertEqual(len(self._months()), 4 * 12 + 7)
        self.assertEqual(self._number(self.kpi, "2022-02-01"), 1)
        self.assertFalse(self.kpi.fill_from or self.kpi.fill_until)

    def test_second_wish_is_added_to_the_first(self):
        with self.at(TODAY):
            self._fill("2025-01-01", "2025-12-31")
            self._fill("2024-06-01", "2025-03-31")
        self.assertEqual((self.kpi.fill_from, self.kpi.fill_until), (date(2024, 6, 1), date(2025, 12, 31)))

    def test_days_that_cannot_be_computed_are_refused(self):
        for days, sentence in (
            (("2026-07-01", "2026-06-01"), "before the first"),
            (("2026-08-01", "2026-08-31"), "future"),
            (("2021-07-14", TODAY), "at most 5 years"),
        ):
            with self.at(TODAY), self.subTest(days=days), self.assertRaisesRegex(ValidationError, sentence):
                self._fill(*days)

    def test_archived_kpis_are_not_computed(self):
        self.kpi.active = False
        with self.at(TODAY), self.assertRaisesRegex(ValidationError, "archived"):
            self._fill("2026-06-01")

    def test_blocks_tile_the_days(self):
        blocks = self.kpis._fill_blocks(date(2025, 11, 30), date(2026, 8, 31))
        self.assertEqual((blocks[0][1], blocks[-1][0]), (date(2026, 8, 31), date(2025, 11, 30)))
        for (later, _end), (_start, earlier) in pairwise(blocks):
            self.assertEqual((later - earlier).days, 1)

    def test_history_is_computed_by_managers_alone(self):
        for user in (self.viewer, self.user):
            with self.subTest(user=user.login), self.assertRaises(AccessError), mute_logger("odoo.models"):
                self.env["clm.kpi.fill"].with_user(user).create({})
