from psycopg2 import IntegrityError
from psycopg2.errors import SerializationFailure

from odoo import SUPERUSER_ID, api
from odoo.exceptions import ValidationError
from odoo.modules.registry import Registry
from odoo.tests import BaseCase, get_db_name, tagged
from odoo.tools import mute_logger

from .kpi_common import KpiCase


@tagged("post_install", "-at_install")
class TestKpiTargets(KpiCase):
    """Which goals there may be."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kpi = cls._create_kpi()

    def _refuse(self, sentence, error=ValidationError, **vals):
        with self.assertRaises(error) as caught, self.env.cr.savepoint(), mute_logger("odoo.sql_db"):
            self._create_target(vals.pop("kpi", self.kpi), **vals)
            self.env.flush_all()
        self.env.invalidate_all()
        self.assertRegex(str(caught.exception), sentence)

    def test_goals_that_share_a_day_are_refused(self):
        self._create_target(self.kpi, date_from="2026-04-01", date_to="2026-06-30")
        for first, last in (
            ("2026-04-01", "2026-06-30"), ("2026-01-01", "2026-04-01"), ("2026-06-30", "2026-12-31"),
            ("2026-05-05", "2026-05-05"), ("2026-01-01", "2026-12-31"),
        ):
            with self.subTest(first=first, last=last):
                self._refuse(
                    "already has a goal per month from 2026-04-01 to 2026-06-30", date_from=first, date_to=last)

    def test_goals_that_follow_each_other_are_allowed(self):
        self._create_target(self.kpi, date_from="2026-04-01", date_to="2026-06-30")
        for first, last in (("2026-01-01", "2026-03-31"), ("2026-07-01", "2026-07-01")):
            self.assertTrue(self._create_target(self.kpi, date_from=first, date_to=last))

    def test_goals_of_something_else_do_not_overlap(self):
        self._create_target(self.kpi)
        other = self._create_company("Other")
        for vals in (
            {"period": "week"}, {"period": "quarter"}, {"team_id": self.team.id}, {"team_id": self.other_team.id},
            {"kpi": self._create_kpi(name="Another")},
        ):
            with self.subTest(**vals):
                self.assertTrue(self._create_target(vals.pop("kpi", self.kpi), **vals))
        self.maker.company_ids |= other
        self.assertTrue(self._create_target(self.kpi, company=other))
        self._refuse("already has a goal", team_id=self.team.id)

    def test_goals_of_one_file_are_checked_against_each_other(self):
        rows = [
            {
                "kpi_id": self.kpi.id, "company_id": self.company.id, "date_from": "2026-01-01", "date_to": day,
                "value": 1,
            }
            for day in ("2026-06-30", "2026-12-31")
        ]
        with self.assertRaises(ValidationError), self.env.cr.savepoint():
            self.targets.with_user(self.manager).create(rows)

    def test_archived_goal_makes_room_and_cannot_come_back_into_another(self):
        old = self._create_target(self.kpi)
        old.with_user(self.manager).active = False
        self._create_target(self.kpi)
        with self.assertRaisesRegex(ValidationError, "already has a goal"):
            old.with_user(self.manager).active = True

    def test_goal_cannot_be_moved_into_another(self):
        self._create_target(self.kpi, date_from="2026-01-01", date_to="2026-06-30")
        late = self._create_target(self.kpi, date_from="2026-07-01", date_to="2026-12-31")
        with self.assertRaisesRegex(ValidationError, "already has a goal"), self.env.cr.savepoint():
            late.with_user(self.manager).date_from = "2026-06-30"
        weekly = self._create_target(self.kpi, period="week")
        with self.assertRaisesRegex(ValidationError, "already has a goal"):
            weekly.with_user(self.manager).period = "month"

    def test_goal_that_ends_before_it_begins_is_refused(self):
        self._refuse("clm_kpi_target_check_days", IntegrityError, date_from="2026-02-01", date_to="2026-01-31")
        self.assertTrue(self._create_target(self.kpi, date_from="2026-02-01", date_to="2026-02-01"))

    def test_goal_of_an_archived_kpi_is_refused(self):
        self.kpi.with_user(self.maker).active = False
        self._refuse("is archived. Take it out of the archive")

    def test_goal_for_the_kpi_or_the_team_of_another_company_is_refused(self):
        other = self._create_company("Other")
        self._refuse("Theirs belongs to Other, the goal to Clean",
                     kpi=self.kpis.create(self._prepare_kpi(name="Theirs", company_id=other.id)))
        theirs = self.env["crm.team"].create({"name": "Their team", "company_id": other.id})
        self._refuse("Their team belongs to Other, the goal to Clean", team_id=theirs.id)
        shared = self.env["crm.team"].create({"name": "Everybody's team", "company_id": False})
        self.assertTrue(self._create_target(self.kpi, team_id=shared.id))

    def test_percent_entered_as_a_whole_number_are_refused(self):
        share = self._create_share(name="Share")
        self._refuse("measured in percent, and this goal would be 9,?000", kpi=share, value=90.0)
        self._refuse("measured in percent", kpi=share, value=-0.1)
        self.assertTrue(self._create_target(share, 0.9))

    def test_name_tells_kpi_goal_and_team(self):
        share = self._create_share(name="Share")
        self.assertEqual(self._create_target(self.kpi, 1200.0).display_name, "Expected Leads: 1,200")
        self.assertEqual(self._create_target(share, 0.9, team_id=self.team.id).display_name, "Share: 90.0 % (North)")


@tagged("post_install", "-at_install")
class TestKpiStatuses(KpiCase):
    """How values stand against their goals."""

    def _status(self, kpi, *args, **kwargs):
        self.env.invalidate_all()
        return self._value(kpi, *args, **kwargs).status

    def _create_leads(self, *priorities, **vals):
        for priority in priorities:
            self._create_lead(priority=priority, **vals)

    def test_goal_is_reached_from_the_right_side(self):
        self._create_leads(*"0000")
        for direction, goal, expected in (
            ("up", 3, "on"), ("up", 4, "on"), ("up", 5, "off"),
            ("down", 3, "off"), ("down", 4, "on"), ("down", 5, "on"),
        ):
            with self.subTest(direction=direction, goal=goal):
                kpi = self._create_kpi(name=f"{direction} {goal}", direction=direction)
                self._create_target(kpi, goal)
                self._refresh(kpi)
                self.assertEqual(self._status(kpi), expected)

    def test_part_of_a_goal_is_enough_while_the_period_runs(self):
        """14 of 31 days are over; only of what grows, and only if more is better."""
        self._create_leads(*"00000")
        for cumulative, direction, goal, expected in (
            (True, "up", 11, "on"), (True, "up", 12, "off"), (False, "up", 11, "off"), (True, "down", 4, "off"),
        ):
            with self.subTest(cumulative=cumulative, direction=direction, goal=goal):
                kpi = self._create_kpi(
                    name=f"{cumulative} {direction} {goal}", is_cumulative=cumulative, direction=direction)
                self._create_target(kpi, goal)
                self._refresh(kpi, on="2026-03-15")
                self.assertEqual(self._status(kpi), expected)

    def test_whole_goal_is_asked_once_the_period_is_over(self):
        kpi = self._create_kpi(is_cumulative=True)
        self._create_target(kpi, 10)
        self._create_leads(*"00000")
        self._refresh(kpi, on="2026-03-15")
        self.assertEqual(self._status(kpi), "on")
        self._refresh(kpi, on="2026-03-31")
        self.assertEqual(self._status(kpi), "off")
        self._refresh(kpi, on="2026-04-01")
        self.assertEqual(self._status(kpi), "off")

    def test_status_follows_the_day_though_the_value_stays(self):
        """A value that does not grow any more falls behind."""
        kpi = self._create_kpi(is_cumulative=True)
        self._create_target(kpi, 10)
        self._create_leads(*"00000")
        self._refresh(kpi, on="2026-03-15")
        self._refresh(kpi, on="2026-03-20")
        self.assertEqual(self._status(kpi), "off")

    def test_share_of_few_records_says_nothing_where_the_goal_may_still_be_true(self):
        """3 of 4: between 30 % and 95 % (Wilson); 75 of 100: between 66 % and 82 %."""
        kpi = self._create_share()
        self._create_target(kpi, 0.9)
        self._create_leads(*"1110")
        self._refresh(kpi)
        value = self._value(kpi)
        self.assertEqual((round(value.low, 3), round(value.high, 3)), (0.301, 0.954))
        self.assertEqual(self._status(kpi), "few")
        self._create_leads(*"111011101110" * 8)
        self._refresh(kpi)
        value = self._value(kpi)
        self.assertEqual((round(value.value, 4), value.denominator), (0.75, 100))
        self.assertEqual((round(value.low, 3), round(value.high, 3)), (0.657, 0.825))
        self.assertEqual(self._status(kpi), "off")

    def test_goal_reached_by_few_records_is_reached(self):
        kpi = self._create_share()
        self._create_target(kpi, 0.7)
        self._create_leads(*"1110")
        self._refresh(kpi)
        self.assertEqual(self._status(kpi), "on")

    def test_satisfaction_needs_thirty_answers_before_the_goal_applies(self):
        nps = self._built_in("nps")
        self._create_target(nps, 50)
        for answers, value, status in ((29, -20, "few"), (30, -20, "off"), (30, 60, "on"), (29, 60, "few")):
            with self.subTest(answers=answers, value=value):
                row = self.values.create({
                    "kpi_id": nps.id, "company_id": self.company.id, "period": "month", "date_from": "2026-03-01",
                    "date_to": "2026-03-31", "value": value, "is_known": True, "denominator": answers,
                })
                row._compare()
                self.assertEqual(row.status, status)
                row.unlink()

    def test_without_value_or_goal_the_status_says_so(self):
        share, count = self._create_share(), self._create_kpi()
        self._create_target(share, 0.5)
        self._refresh(share | count)
        self.assertEqual(self._status(share), "na")
        self.assertEqual(self._status(count), "none")

    def test_goal_holds_for_its_kind_of_period_and_those_that_begin_in_it(self):
        kpi = self._create_kpi()
        self._create_target(kpi, 5, date_from="2026-02-01", date_to="2026-03-31")
        self._refresh(kpi, since="2026-01-01", on="2026-04-10")
        self.assertEqual(
            [self._status(kpi, day) for day in ("2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01")],
            ["none", "off", "off", "none"],
        )
        self.assertEqual(self._status(kpi, "2026-01-01", "quarter"), "none")
        self.assertEqual(self._status(kpi, "2026-03-02", "week"), "none")

    def test_each_team_is_measured_by_its_own_goal(self):
        kpi = self._create_kpi()
        company, team = self._create_target(kpi, 3), self._create_target(kpi, 2, team_id=self.team.id)
        self._create_leads("0", team_id=self.team.id)
        self._create_leads("0", "0", team_id=self.other_team.id)
        self._refresh(kpi)
        self.assertEqual(self._status(kpi), "on")
        self.assertEqual(self._status(kpi, team=self.team), "off")
        self.assertEqual(self._status(kpi, team=self.other_team), "none")
        self.assertEqual(self._value(kpi).target_id, company)
        self.assertEqual(self._value(kpi, team=self.team).target_id, team)

    def test_team_with_a_goal_and_no_records_has_a_value(self):
        kpi = self._create_kpi()
        self._create_target(kpi, 2, team_id=self.team.id)
        self._refresh(kpi)
        self.assertEqual(self._number(kpi, team=self.team), 0)
        self.assertEqual(self._status(kpi, team=self.team), "off")

    def test_stored_statuses_follow_the_goal_at_once(self):
        kpi = self._create_kpi()
        self._create_leads(*"0000")
        self._refresh(kpi)
        self.assertEqual(self._status(kpi), "none")
        target = self._create_target(kpi, 5)
        self.assertEqual((self._status(kpi), self._value(kpi).goal), ("off", 5))
        own = target.with_user(self.manager)
        for vals, expected in (
            ({"value": 4}, ("on", 4)), ({"value": 9}, ("off", 9)), ({"date_to": "2026-02-28"}, ("none", 0)),
            ({"date_to": "2026-03-01"}, ("off", 9)), ({"active": False}, ("none", 0)), ({"active": True}, ("off", 9)),
            ({"period": "week"}, ("none", 0)), ({"period": "month"}, ("off", 9)),
            ({"team_id": self.team.id}, ("none", 0)), ({"team_id": False}, ("off", 9)),
        ):
            with self.subTest(**vals):
                own.write(vals)
                status = self._status(kpi)
                self.assertEqual((status, self._value(kpi).goal), expected)
        own.unlink()
        self.assertEqual(self._status(kpi), "none")
        self.assertFalse(self._value(kpi).has_goal)

    def test_goal_moved_to_another_kpi_leaves_the_first_one(self):
        first, second = self._create_kpi(name="First"), self._create_kpi(name="Second")
        self._create_leads("0")
        target = self._create_target(first, 5)
        self._refresh(first | second)
        target.with_user(self.manager).kpi_id = second
        self.assertEqual((self._status(first), self._status(second)), ("none", "off"))

    def test_stored_statuses_follow_the_direction_at_once(self):
        kpi = self._create_kpi()
        self._create_target(kpi, 5)
        self._create_leads(*"0000")
        self._refresh(kpi)
        self.assertEqual(self._status(kpi), "off")
        kpi.with_user(self.maker).direction = "down"
        self.assertEqual(self._status(kpi), "on")
        self.env.invalidate_all()
        kpi.with_user(self.maker).direction = "up"
        self.assertEqual(self._status(kpi), "off")

    def test_stored_statuses_of_companies_out_of_sight_follow_too(self):
        other = self._create_company("Other")
        kpi = self._create_kpi()
        self._create_target(kpi, 5, company=other)
        self._refresh(kpi, company=other)
        self.env.invalidate_all()
        kpi.with_user(self.maker).direction = "down"
        self.env.invalidate_all()
        self.assertEqual(self._value(kpi, company=other).status, "on")

    def test_superseded_values_keep_the_goal_that_they_were_published_with(self):
        kpi = self._create_kpi()
        target = self._create_target(kpi, 5)
        self._refresh(kpi, on="2026-04-05")
        self._create_leads("0")
        self._refresh(kpi, on="2026-04-06")
        target.with_user(self.manager).value = 1
        old = self.values.with_context(active_test=False).search(
            [("kpi_id", "=", kpi.id), ("superseded_at", "!=", False), ("period", "=", "month")])
        self.assertEqual((old.goal, old.status, old.value), (5, "off", 0))
        self.assertEqual(self._status(kpi), "on")


@tagged("post_install", "-at_install")
class TestKpiTargetsAtOnce(BaseCase):
    """Two people who set the same goal at the same time, with transactions of their own that really commit."""

    def setUp(self):
        super().setUp()
        self.registry = Registry(get_db_name())
        with self.registry.cursor() as cr:
            env = self._env(cr)
            self.kpi_id = env.ref("clm.kpi_new_leads").copy({"name": "Goal at once"}).id
        self.addCleanup(self._remove)

    def _env(self, cr):
        return api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})

    def _remove(self):
        with self.registry.cursor() as cr:
            self._env(cr)["clm.kpi"].browse(self.kpi_id).unlink()

    def _set_goal(self, cr):
        env = self._env(cr)
        env["clm.kpi.target"].create({
            "kpi_id": self.kpi_id, "company_id": env.company.id, "date_from": "2031-01-01", "date_to": "2031-12-31",
            "value": 1.0,
        })
        env.flush_all()

    def _goals(self):
        with self.registry.cursor() as cr:
            return self._env(cr)["clm.kpi.target"].search_count([("kpi_id", "=", self.kpi_id)])

    def test_second_of_two_who_set_a_goal_at_once_is_told(self):
        """The one who comes later is tried again by Odoo, and then sees the goal of the first."""
        with self.registry.cursor() as first, self.registry.cursor() as second:
            for cr in (first, second):
                cr.execute("SELECT 1 FROM clm_kpi_target LIMIT 1")  # both see what there was before either began
            self._set_goal(first)
            first.commit()  # pylint: disable=invalid-commit
            with self.assertRaises((SerializationFailure, ValidationError)), mute_logger("odoo.sql_db"):
                self._set_goal(second)
            second.rollback()
            with self.assertRaisesRegex(ValidationError, "already has a goal"):
                self._set_goal(second)
            second.rollback()
        self.assertEqual(self._goals(), 1)
