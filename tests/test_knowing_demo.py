from datetime import date

from freezegun import freeze_time

from odoo.tests import BaseCase, tagged
from odoo.tools import SQL, convert_file

from ..demo.clm_knowing_story import COMMENTS, PAUSE, questions, sentiment
from ..demo.clm_kpi_story import stories
from .test_billing_demo import DemoCase


@tagged("-at_install", "post_install")
class TestKnowingStory(BaseCase):
    """What the customers of the demo data are asked and say."""

    def setUp(self):
        super().setUp()
        self.orders = [list(tale.orders) for tale in stories() if tale.orders]

    def test_story_is_always_the_same(self):
        self.assertEqual(*([questions(place, own) for place, own in enumerate(self.orders)] for _try in range(2)))

    def test_questions_when_asked_then_of_customers_on_the_scale_and_not_too_often(self):
        for place, own in enumerate(self.orders):
            last = {}
            for question in questions(place, own):
                with self.subTest(place=place, question=question):
                    self.assertLess(question.asked, own[0])
                    self.assertGreaterEqual(last.get(question.kind, 9999) - question.asked, PAUSE)
                    last[question.kind] = question.asked
                    self.assertEqual(question.answered is None, question.score is None)
                    if question.score is not None:
                        self.assertTrue(0 <= question.answered <= question.asked)
                        self.assertIn(question.score, range(11) if question.kind == "nps" else range(1, 6))
                        self.assertIn(question.comment, COMMENTS[sentiment(question.kind, question.score)])

    def test_answers_when_counted_then_of_every_kind(self):
        asked = [each for place, own in enumerate(self.orders) for each in questions(place, own)]
        said = [each for each in asked if each.score is not None]
        kinds = {(each.kind, sentiment(each.kind, each.score)) for each in said}
        self.assertEqual(len(kinds), 6)
        self.assertGreater(len([each for each in said if each.survey is not None]), 30)


@tagged("post_install", "-at_install")
class TestKnowingDemo(DemoCase):
    """Feedback, playbooks, hand-overs, referrals and health once the demo data are loaded, also early in a month."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for table in ("clm_kpi_target", "clm_spend"):
            cls.env.cr.execute(SQL("DELETE FROM %s", SQL.identifier(table)))
        cls.day = date(2027, 9, 3)
        cls._load(cls.day)
        cls.had = {name: cls._ids(name) for name in (
            "clm.feedback", "clm.effect", "clm.handover", "clm.referral", "mail.mail", "rating.rating", "res.partner",
        )}
        with freeze_time(f"{cls.day} 12:00:00"):
            cls.demo = cls.env(user=1)["clm.demo"]
            cls._convert("clm_kpi_demo")
            cls.mails = cls._ids("mail.mail")
            cls._convert("clm_knowing_demo")
        cls.env.invalidate_all()
        cls.feedback = cls._new("clm.feedback")

    @classmethod
    def _convert(cls, name):
        convert_file(cls.env(user=1), "clm", f"demo/{name}.xml", {}, mode="init", noupdate=True)
        cls.env.flush_all()

    @classmethod
    def _ids(cls, name):
        return set(cls.env[name].with_context(active_test=False).search([]).ids)

    @classmethod
    def _new(cls, name):
        return cls.env[name].browse(sorted(cls._ids(name) - cls.had[name]))

    def test_answers_of_a_year_have_comments_stages_and_lie_in_the_past(self):
        answers = self.feedback.filtered(lambda request: request.state == "answered")
        self.assertGreater(len(answers), 80)
        self.assertEqual(set(answers.mapped("kind")), {"nps", "csat"})
        self.assertEqual(set(answers.mapped("sentiment")), {"bad", "neutral", "good"})
        self.assertLessEqual(max(answers.mapped("answered_at")).date(), self.day)
        self.assertGreater(len({answer.answered_at.month for answer in answers}), 8)
        self.assertGreater(len(answers.stage_id), 2)
        self.assertGreater(len(answers.filtered("comment")), 50)
        self.assertEqual(set(self.feedback.mapped("state")), {"answered", "sent", "expired", "waiting"})

    def test_low_scores_are_followed_up_or_wait_for_it(self):
        bad = self.feedback.filtered(lambda request: request.sentiment == "bad")
        self.assertEqual(set(bad.mapped("followup_state")), {"open", "done"})
        waiting = bad.filtered(lambda request: request.followup_state == "open")
        self.assertTrue(all(request.activity_id for request in waiting))
        self.assertTrue(all(request.outcome and request.outcome_by for request in bad - waiting))

    def test_one_survey_runs_and_the_others_are_done(self):
        surveys = self.feedback.wave_id.sorted("date")
        self.assertEqual(surveys.mapped("state"), ["done"] * (len(surveys) - 1) + ["running"])
        running = surveys[-1].request_ids
        self.assertEqual(set(running.mapped("state")), {"answered", "sent", "waiting"})
        with freeze_time(f"{self.day} 13:00:00"):
            surveys._finish()
        self.assertEqual(surveys[-1].state, "running")

    def test_playbooks_run_with_effects_of_every_state(self):
        effects = self._new("clm.effect")
        self.assertEqual(set(effects.mapped("state")), {"done", "waiting", "skipped", "failed"})
        self.assertEqual(set(effects.playbook_id.mapped("state")), {"active", "paused"})
        failed = effects.filtered(lambda effect: effect.state == "failed")
        self.assertEqual(len(failed), 1)
        with freeze_time(f"{self.day} 13:00:00"):
            failed.partner_id.ref = "C-1"
            failed.action_retry()
            self.env["clm.effect"]._cron_run()
        self.assertEqual((failed.state, failed.error), ("done", False), "what was missing is there")

    def test_due_effects_are_done_so_that_the_cron_finds_nothing(self):
        waiting = self._new("clm.effect").filtered(
            lambda effect: effect.state == "waiting" and effect.playbook_id.state == "active")
        self.assertTrue(waiting)
        self.assertGreater(min(waiting.mapped("run_at")).date(), self.day)

    def test_customers_of_other_demo_data_when_replayed_then_nothing_is_set_in_motion(self):
        before = self._ids("clm.effect")
        with freeze_time(f"{self.day} 13:00:00"):
            self.env["clm.lifecycle.engine"]._sync(self.env["res.partner"].search([]).ids)
        self.assertEqual(self._ids("clm.effect"), before)

    def test_handovers_are_pending_accepted_and_returned(self):
        handovers = self._new("clm.handover")
        self.assertEqual(set(handovers.mapped("state")), {"pending", "accepted", "returned"})
        with freeze_time(f"{self.day} 12:00:00"):
            self.assertTrue(handovers.filtered("is_late"))
        decided = handovers.filtered("decided_at")
        self.assertTrue(all(each.requested_at <= each.decided_at for each in decided))

    def test_referrals_and_consent_are_there(self):
        self.assertGreater(len(self._new("clm.referral").filtered("converted_at")), 3)
        people = self._new("res.partner").filtered("parent_id")
        self.assertEqual(set(people.mapped("lifecycle_consent")), {"given", "refused", False})
        self.assertTrue(all(person.email.endswith(".example") for person in people))

    def test_health_of_today_and_of_the_year_is_known(self):
        customers = self._new("res.partner").filtered("lifecycle_stage_id.is_customer")
        scores = self.env["clm.customer.score"].search([("partner_id", "in", customers.ids)])
        self.assertEqual(set(scores.mapped("band")) - {False}, {"red", "yellow", "green"})
        self.assertGreater(len(scores.filtered("segment")), 20)
        history = self.env["clm.customer.score.history"].search([("partner_id", "in", customers.ids)])
        self.assertGreater(len(set(history.mapped("month"))), 3)

    def test_kpis_of_the_quarter_are_known(self):
        for code in ("nps", "csat", "referral_rate"):
            values = self.env["clm.kpi.value"].search([
                ("kpi_id.code", "=", code), ("period", "=", "quarter"), ("team_id", "=", False),
                ("company_id", "=", self.env.company.id), ("date_from", "=", "2027-07-01"),
            ])
            self.assertTrue(values.is_known, code)

    def test_ratings_when_given_then_of_customers_of_that_time(self):
        rows = self.env["clm.feedback.report"].search([
            ("source", "=", "rating"), ("res_id", "in", self._new("rating.rating").ids),
        ])
        self.assertGreater(len(rows), 8)
        self.assertTrue(all(row.stage_id.is_customer or row.stage_id.is_lapsed for row in rows), rows.stage_id)

    def test_nobody_gets_a_mail(self):
        self.assertEqual(self._ids("mail.mail"), self.mails)

    def test_demo_when_loaded_again_then_nothing_more(self):
        with freeze_time(f"{self.day} 12:00:00"):
            self.demo._load_knowing()
        self.assertEqual(self._new("clm.feedback"), self.feedback)
