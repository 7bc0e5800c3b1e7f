from odoo.tests import tagged

from .kpi_common import KpiCase


@tagged("post_install", "-at_install")
class TestKpiAlerts(KpiCase):
    """A missed goal opens one activity, which closes itself; nobody gets a mail."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kpi = cls._create_kpi(user_id=cls.maker.id)
        cls.env.flush_all()

    def setUp(self):
        super().setUp()
        self.patch(self.env.registry["mail.mail"], "create", lambda *args: self.fail("A mail was made"))

    def _tell(self, on="2026-03-15", kpis=None, since="2026-03-01", company=None):
        """Compute the values of a day and tell about missed goals, as the nightly run does it."""
        self._refresh(kpis or self.kpi, on=on, since=since, company=company)
        with self.at(on):
            self.targets.with_context({})._alert(company or self.company)  # pylint: disable=context-overridden
        self.env.invalidate_all()

    def _activities(self, targets, active=True):
        """:return: what is to be done about some goals, or was done"""
        return self.env["mail.activity"].with_context(active_test=False).search([
            ("res_model", "=", "clm.kpi.target"), ("res_id", "in", targets.ids), ("active", "=", active),
        ])

    # === OPENS === #

    def test_missed_goal_opens_one_activity_for_the_owner_of_the_kpi(self):
        target = self._create_target(self.kpi, 1500)
        self._create_lead()
        self._tell()
        activity = self._activities(target)
        self.assertEqual(len(activity), 1)
        self.assertEqual(activity.user_id, self.maker)
        self.assertEqual(activity.activity_type_id, self.env.ref("clm.mail_activity_kpi"))
        self.assertEqual(str(activity.date_deadline), "2026-03-15")
        self.assertEqual(activity.summary, "Expected Leads misses its goal")
        self.assertIn("Mar 2026: 1, goal 1,500", activity.note)

    def test_who_answers_for_the_goal_is_told_rather_than_the_owner_of_the_kpi(self):
        target = self._create_target(self.kpi, user_id=self.manager.id)
        self._tell()
        self.assertEqual(self._activities(target).user_id, self.manager)

    def test_note_tells_how_it_went_before_oldest_first(self):
        target = self._create_target(self.kpi, 5)
        for month, leads in (("01", 3), ("02", 2), ("03", 1)):
            for _lead in range(leads):
                self._create_lead(f"2026-{month}-10")
        self._tell(since="2026-01-01")
        note = self._activities(target).note
        self.assertIn("Mar 2026: 1, goal 5", note)
        self.assertIn("Before: Jan 2026 3, Feb 2026 2", note)

    def test_note_of_a_teams_goal_names_the_team(self):
        target = self._create_target(self.kpi, 5, team_id=self.team.id)
        self._create_lead(team_id=self.team.id)
        self._tell()
        self.assertIn("Mar 2026: 1, goal 5", self._activities(target).note)
        self.assertIn("Team: North", self._activities(target).note)

    def test_goal_that_is_met_or_has_no_value_opens_nothing(self):
        met = self._create_target(self.kpi, 1)
        share = self._create_share(user_id=self.maker.id, domain="[('priority', '=', '3')]")
        unknown = self._create_target(share, 0.5)
        self._create_lead()
        self._tell(kpis=self.kpi | share)
        self.assertEqual((met.status, unknown.status), ("on", "na"))
        self.assertFalse(self._activities(met | unknown))

    def test_goal_missed_last_month_is_told_while_the_new_month_has_no_value_yet(self):
        share = self._create_share(user_id=self.maker.id)
        target = self._create_target(share, 0.5)
        for _lead in range(20):
            self._create_lead("2026-02-10")
        self._tell("2026-03-02", share, since="2026-02-01")
        self.assertIn("Feb 2026: 0.0 %, goal 50.0 %", self._activities(target).note)

    def test_new_month_or_week_does_not_begin_with_an_alert(self):
        """Nothing can have been done on the morning of the first day."""
        self.kpi.is_cumulative = True
        target = self._create_target(self.kpi, 10)
        for _lead in range(10):
            self._create_lead("2026-02-10")
        self._tell("2026-02-28", since="2026-02-01")
        self._tell("2026-03-01", since="2026-02-01")
        self.assertFalse(self._activities(target))

    # === GOES ON === #

    def test_second_run_updates_the_activity_and_adds_none(self):
        target = self._create_target(self.kpi, 10)
        self._tell()
        first = self._activities(target)
        self._create_lead()
        self._tell("2026-03-16")
        self.assertEqual(self._activities(target), first)
        self.assertIn("Mar 2026: 1, goal 10", first.note)
        self.assertFalse(self._activities(target, active=False))

    def test_too_few_data_neither_opens_nor_closes(self):
        share = self._create_share(user_id=self.maker.id)
        target = self._create_target(share, 0.9)
        for priority in "1110":
            self._create_lead(priority=priority)
        self._tell(kpis=share)
        self.assertEqual(self._value(share).status, "few")
        self.assertFalse(self._activities(target))
        many = self.leads.browse().union(*(self._create_lead(priority="0") for _lead in range(50)))
        self._tell(kpis=share)
        activity = self._activities(target)
        self.assertEqual(len(activity), 1)
        many.unlink()
        self._tell("2026-03-16", share)
        self.assertEqual(self._value(share).status, "few")
        self.assertEqual(self._activities(target), activity)

    def test_next_missed_month_goes_on_with_the_same_activity(self):
        target = self._create_target(self.kpi, 10)
        self._tell("2026-03-15")
        first = self._activities(target)
        self._tell("2026-04-15")
        self.assertEqual(self._activities(target), first)
        self.assertIn("Apr 2026: 0, goal 10", first.note)

    def test_what_somebody_marked_done_is_told_again_in_the_next_period_only(self):
        target = self._create_target(self.kpi, 10)
        self._tell("2026-03-10")
        self._activities(target).with_user(self.maker).action_feedback(feedback="We know")
        self.env.invalidate_all()
        self._tell("2026-03-11")
        self._tell("2026-03-31")
        self.assertFalse(self._activities(target))
        self._tell("2026-04-15")
        again = self._activities(target)
        self.assertEqual(len(again), 1)
        self.assertIn("Apr 2026", again.note)

    def test_what_somebody_deleted_is_told_again_in_the_next_period_only(self):
        target = self._create_target(self.kpi, 10)
        self._tell("2026-03-10")
        self._activities(target).with_user(self.maker).unlink()
        self.env.invalidate_all()
        self._tell("2026-03-11")
        self.assertFalse(self._activities(target))
        self._tell("2026-04-15")
        self.assertEqual(len(self._activities(target)), 1)

    # === CLOSES === #

    def test_activity_closes_itself_when_back_on_track_and_says_why(self):
        target = self._create_target(self.kpi, 2)
        self._tell()
        self._create_lead()
        self._create_lead()
        self._tell("2026-03-16")
        self.assertFalse(self._activities(target))
        done = self._activities(target, active=False)
        self.assertEqual(done.feedback, "Back on track: Expected Leads is 2.")
        self.assertIn("Back on track: Expected Leads is 2.", " ".join(target.message_ids.mapped("body")))

    def test_goal_missed_again_in_the_same_period_is_told_again(self):
        """It closed itself; nobody is done with it."""
        target = self._create_target(self.kpi, 1)
        self._tell("2026-03-10")
        lead = self._create_lead()
        self._tell("2026-03-11")
        self.assertFalse(self._activities(target))
        lead.unlink()
        self._tell("2026-03-12")
        self.assertEqual(len(self._activities(target)), 1)

    def test_goal_that_is_over_is_closed_a_week_later(self):
        target = self._create_target(self.kpi, 10, date_to="2026-03-31")
        self._tell("2026-03-31")
        self._tell("2026-04-07")
        self.assertTrue(self._activities(target))
        self._tell("2026-04-08")
        self.assertFalse(self._activities(target))
        self.assertEqual(self._activities(target, active=False).feedback, "The goal is over.")

    def test_archived_goal_has_nothing_to_do(self):
        target = self._create_target(self.kpi, 10)
        self._tell()
        target.with_user(self.manager).active = False
        self.assertFalse(self._activities(target))
        self._tell("2026-03-16")
        self.assertFalse(self._activities(target))

    def test_deleted_goal_leaves_nothing_to_do(self):
        target = self._create_target(self.kpi, 10)
        self._tell()
        target.with_user(self.manager).unlink()
        self.assertFalse(self._activities(target))

    def test_archived_kpi_has_nothing_to_do(self):
        target = self._create_target(self.kpi, 10)
        self._tell()
        self.kpi.with_user(self.maker).active = False
        self.assertFalse(self._activities(target))
        self.assertEqual(self._activities(target, active=False).feedback, "This KPI is not measured any more.")
        self._tell("2026-03-16")
        self.assertFalse(self._activities(target))

    # === NOBODY THERE === #

    def test_without_an_owner_nothing_is_opened(self):
        self.kpi.user_id = False
        target = self._create_target(self.kpi, 10)
        self._tell()
        self.assertFalse(self._activities(target))

    def test_who_is_archived_is_not_told_any_more(self):
        target = self._create_target(self.kpi, 10)
        self._tell()
        self.maker.active = False
        self._tell("2026-03-16")
        self.assertFalse(self._activities(target))

    def test_owner_of_the_kpi_takes_over_from_who_is_archived(self):
        target = self._create_target(self.kpi, 10, user_id=self.manager.id)
        self._tell()
        self.manager.active = False
        self._tell("2026-03-16")
        self.assertEqual(self._activities(target).user_id, self.maker)

    def test_activity_goes_to_who_answers_now(self):
        target = self._create_target(self.kpi, 10)
        self._tell()
        target.with_user(self.manager).user_id = self.manager
        self._tell("2026-03-16")
        self.assertEqual(self._activities(target).user_id, self.manager)

    def test_owner_without_rights_on_kpis_keeps_nobody_else_from_being_told(self):
        other = self._create_kpi(name="Other", user_id=self.internal.id)
        self._create_target(other, 10)
        target = self._create_target(self.kpi, 10)
        self._tell(kpis=self.kpi | other)
        self.assertEqual(len(self._activities(target)), 1)

    def test_other_companies_are_left_alone(self):
        other = self._create_company("Other")
        self.maker.company_ids |= other
        theirs = self._create_target(self.kpi, 5, company=other)
        mine = self._create_target(self.kpi, 10)
        self._tell()
        self.assertEqual(len(self._activities(mine)), 1)
        self.assertFalse(self._activities(theirs))
        self._tell(company=other)
        self.assertEqual(len(self._activities(theirs)), 1)
        self.assertEqual(len(self._activities(mine)), 1)

    def test_what_is_not_changed_is_not_written(self):
        over = self._create_target(self.kpi, 10, date_from="2025-01-01", date_to="2025-12-31")
        met = self._create_target(self.kpi, 0, date_from="2026-01-01")
        self._tell()
        written = (over | met).mapped("write_date")
        self.env.cr.execute("UPDATE clm_kpi_target SET write_date = write_date - interval '1 day'")
        self.env.invalidate_all()
        self._tell()
        self.assertEqual([(stamp - target.write_date).days for stamp, target in zip(
            written, over | met, strict=True)], [1, 1])
