from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.service.model import get_public_method
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..models.clm_feedback import MAX_COMMENT
from .feedback_common import FeedbackCase

NASTY = "<script>alert('1')</script> שלום עולם 😀 {{ object.token }}"


@tagged("post_install", "-at_install")
class TestFeedbackAnswer(FeedbackCase):
    """What is taken for an answer, once."""

    def test_an_answer_keeps_score_comment_stage_and_salesperson_and_queues_the_customer(self):
        self._create_order(self.ada)
        self.engine._sync(self.ada.ids)
        feedback = self._ask_and_send()
        colleague = self._create_user("f-colleague", "clm.group_user")
        self.ada.user_id = colleague
        self.env.cr.execute("DELETE FROM clm_queue")
        feedback._answer("9", "  Good  ")
        self.assertRecordValues(feedback, [{
            "state": "answered", "score": 9, "comment": "Good", "sentiment": "good", "user_id": colleague.id,
            "stage_id": self.ada.lifecycle_stage_id.id, "followup_state": "none", "remind_at": False,
        }])
        self.assertTrue(feedback.stage_id)
        self.assertTrue(feedback.answered_at)
        self.env.cr.execute("SELECT DISTINCT partner_id FROM clm_queue")
        self.assertEqual(self.env.cr.fetchall(), [(self.ada.id,)])

    def test_scores_are_bad_neutral_or_good_by_the_scale_of_their_question(self):
        for kind, scores, sentiments in (
            ("nps", (0, 6, 7, 8, 9, 10), ("bad", "bad", "neutral", "neutral", "good", "good")),
            ("csat", (1, 2, 3, 4, 5), ("bad", "bad", "neutral", "good", "good")),
        ):
            for score, sentiment in zip(scores, sentiments, strict=True):
                with self.subTest(kind=kind, score=score):
                    person = self._create_people(1)
                    self.assertEqual(self._answered(score, contact=person, kind=kind).sentiment, sentiment)

    def test_a_score_that_is_not_on_the_scale_is_refused_and_nothing_is_stored(self):
        for kind, scores in (
            ("nps", (-1, 11, "11", "1e1", "9.5", "٣", "nan", "9; DROP", None, "", [9], 10**9, "0x5", True)),
            ("csat", (0, 6, "0", " ", "-3")),
        ):
            feedback = self._ask_and_send(kind=kind)
            for score in scores:
                with self.subTest(kind=kind, score=score), self.assertRaisesRegex(UserError, "Choose a number"):
                    feedback._answer(score, "hello")
            self.assertRecordValues(feedback, [{"state": "sent", "score": 0, "comment": False, "answered_at": False}])

    def test_a_comment_of_5000_characters_is_kept_and_a_longer_one_is_refused(self):
        feedback = self._ask_and_send()
        for comment in ("x" * (MAX_COMMENT + 1), "x" * 1_000_000, "😀" * (MAX_COMMENT + 1)):
            with self.assertRaisesRegex(UserError, "5,000"):
                feedback._answer(9, comment)
        self.assertRecordValues(feedback, [{"state": "sent", "comment": False}])
        feedback._answer(9, "a\r\n" * 2500)
        self.assertEqual(feedback.comment, ("a\n" * 2500).strip())

    def test_markup_emoji_right_to_left_and_null_characters_are_kept_as_text(self):
        feedback = self._answered(9, NASTY + "\0")
        self.assertEqual(feedback.comment, NASTY)

    def test_a_comment_that_is_no_text_is_left_out(self):
        for comment in (None, False, b"bytes", object(), "\ud800"):
            with self.subTest(comment=repr(comment)):
                self.assertFalse(self._answered(9, comment, contact=self._create_people(1)).comment)

    def test_a_question_takes_one_answer(self):
        feedback = self._answered(9, "first")
        with self.assertRaisesRegex(UserError, "already"):
            feedback._answer(0, "second")
        self.assertRecordValues(feedback, [{"score": 9, "comment": "first"}])

    def test_what_waits_is_cancelled_or_expired_takes_no_answer(self):
        feedback = self._ask()
        for state in ("waiting", "cancelled", "expired"):
            feedback._set(state=state)
            with self.subTest(state=state), self.assertRaises(UserError):
                feedback._answer(9)
        feedback._set(state="sent", expires_at=fields.Datetime.now())
        with self.assertRaises(UserError):
            feedback._answer(9)
        self.assertFalse(feedback.answered_at)

    def test_an_archived_customer_may_still_answer(self):
        feedback = self._ask_and_send()
        self.ada.active = False
        feedback._answer(8)
        self.assertEqual(feedback.state, "answered")

    def test_an_answer_costs_the_same_queries_however_many_there_are(self):
        counts = []
        for size in (5, 60):
            requests = self._ask(self._create_people(size, user_id=self.seller.id))
            requests._send()
            for request in requests[1:]:
                request._answer(2, "bad")
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            requests[0]._answer(2, "bad")
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertEqual(counts[0], counts[1])
        self.assertLess(counts[0], 80)


@tagged("post_install", "-at_install")
class TestFeedbackFollowup(FeedbackCase):
    """A low score gets a person, a date and an outcome."""

    def test_a_low_score_makes_an_activity_for_the_salesperson_with_a_due_date(self):
        feedback = self._answered(3, "Late again")
        due = fields.Date.add(self.company._lifecycle_today(), days=2)
        self.assertRecordValues(feedback, [{
            "followup_state": "open", "followup_due": due, "followup_user_id": self.seller.id,
        }])
        self.assertRecordValues(feedback.activity_id, [{
            "user_id": self.seller.id, "date_deadline": due, "res_model": "clm.feedback", "res_id": feedback.id,
            "activity_type_id": self.env.ref("clm.mail_activity_feedback").id,
        }])
        self.assertIn("Ada", feedback.activity_id.summary)

    def test_good_and_neutral_scores_need_no_follow_up(self):
        for score in (7, 10):
            feedback = self._answered(score, contact=self._create_people(1))
            self.assertRecordValues(feedback, [{"followup_state": "none", "activity_id": False}])

    def test_without_a_salesperson_who_may_see_it_the_person_of_the_settings_follows_up(self):
        chosen = self._create_user("f-chosen", "clm.group_viewer")
        self.company.clm_feedback_user_id = chosen
        plain = self._create_user("f-plain")
        gone = self._create_user("f-gone", "clm.group_user", active=False)
        for user in (self.env["res.users"], plain, gone):
            person = self._create_people(1, user_id=user.id)
            with self.subTest(user=user.name):
                self.assertEqual(self._answered(2, contact=person).activity_id.user_id, chosen)

    def test_without_anybody_else_a_manager_follows_up(self):
        feedback = self._answered(2, contact=self._create_people(1))
        self.assertTrue(feedback.followup_user_id.has_group("clm.group_manager"))

    def test_the_outcome_closes_the_follow_up_and_its_activity(self):
        feedback = self._answered(2).with_user(self.seller)
        activity = feedback.activity_id
        with self.assertRaisesRegex(UserError, "first"):
            feedback.action_record_outcome()
        feedback.outcome = "Called, sent a new one."
        feedback.action_record_outcome()
        self.assertRecordValues(feedback, [{
            "followup_state": "done", "outcome_by": self.seller.id, "outcome": "Called, sent a new one.",
        }])
        self.assertTrue(feedback.outcome_at)
        self.assertFalse(activity.active)
        self.assertIn("Called", " ".join(feedback.message_ids.mapped("body")))
        with self.assertRaises(UserError):
            feedback.action_record_outcome()

    def test_an_activity_done_with_a_note_closes_the_follow_up_and_one_without_does_not(self):
        feedback = self._answered(2)
        feedback.activity_id.with_user(self.seller).action_feedback()
        self.assertEqual(feedback.followup_state, "open")
        feedback = self._answered(1, kind="csat")
        feedback.activity_id.with_user(self.seller).action_feedback(feedback="Called.")
        self.assertRecordValues(feedback, [{
            "followup_state": "done", "outcome": "Called.", "outcome_by": self.seller.id,
        }])

    def test_an_overdue_follow_up_is_found(self):
        feedback, fresh = self._answered(2), self._answered(2, kind="csat")
        feedback._set(followup_due=fields.Date.add(self.company._lifecycle_today(), days=-1))
        self.assertEqual((feedback.is_followup_late, fresh.is_followup_late), (True, False))
        both = [("id", "in", (feedback | fresh).ids)]
        self.assertEqual(self.Feedback.search([*both, ("is_followup_late", "=", True)]), feedback)
        self.assertEqual(self.Feedback.search([*both, ("is_followup_late", "=", False)]), fresh)

    def test_a_follow_up_can_be_reopened(self):
        feedback = self._answered(2).with_user(self.seller)
        feedback.outcome = "Called."
        feedback.action_record_outcome()
        feedback.action_reopen_followup()
        self.assertEqual(feedback.followup_state, "open")
        self.assertTrue(feedback.activity_id.active)

    def test_an_activity_that_cannot_be_made_does_not_lose_the_answer(self):
        with patch.object(type(self.Feedback), "activity_schedule", side_effect=UserError("No")), \
                mute_logger("odoo.addons.clm.models.clm_feedback_followup"):
            feedback = self._answered(2, "bad")
        self.assertRecordValues(feedback, [{
            "state": "answered", "score": 2, "followup_state": "open", "activity_id": False, "error": "No",
        }])


@tagged("post_install", "-at_install")
class TestFeedbackRights(FeedbackCase):
    """Who may read, ask, follow up; and that nobody may change what a customer said."""

    def test_viewers_read_answers_and_others_do_not(self):
        feedback = self._answered(9, "Good")
        viewer = self._create_user("f-viewer", "clm.group_viewer")
        self.assertEqual(feedback.with_user(viewer).read(["score", "comment"])[0]["comment"], "Good")
        with self.assertRaises(AccessError):
            feedback.with_user(viewer).outcome = "x"
        portal = self._create_portal("f-portal")
        for user in (self._create_user("f-nobody"), portal, self.env.ref("base.public_user")):
            with self.subTest(user=user.login), self.assertRaises(AccessError):
                feedback.with_user(user).read(["score"])

    def test_viewers_open_every_screen_of_a_full_answer(self):
        self.company.clm_feedback_user_id = self.seller
        feedback = self._ask(product=self.product)
        wave = self.env["clm.feedback.wave"].create({"name": "Autumn"})
        feedback._set(
            wave_id=wave.id, team_id=self.env["crm.team"].search([], limit=1).id, evidence_model="sale.order",
            evidence_id=self._create_order(self.ada).id,
        )
        feedback._send()
        feedback._answer(1, "Bad")
        viewer = self._create_user("f-viewer", "clm.group_viewer")
        self.env.flush_all()
        self.env.invalidate_all()
        for record in (feedback.with_user(viewer), wave.with_user(viewer)):
            for kind in ("form", "list", "kanban"):
                view = record.get_views([(False, kind)])
                names = view["models"][record._name]["fields"]
                with self.subTest(model=record._name, kind=kind):
                    self.assertTrue(record.web_read({
                        name: {"fields": {"display_name": {}}} if field["type"] == "many2one" else {}
                        for name, field in names.items()
                    }))

    def test_nobody_changes_an_answer_by_hand(self):
        feedback = self._answered(2, "Bad")
        manager = self._create_user("f-manager", "clm.group_manager")
        for vals in ({"score": 10}, {"comment": "Good"}, {"state": "sent"}, {"followup_state": "done"},
                     {"contact_id": self.seller.partner_id.id}, {"expires_at": "2099-01-01"}):
            for user in (self.seller, manager):
                with self.subTest(vals=vals, user=user.login), self.assertRaises(UserError):
                    feedback.with_user(user).write(vals)
        with self.assertRaises(AccessError):
            self.Feedback.with_user(manager).create({"contact_id": self.ada.id, "kind": "nps"})

    def test_the_doors_cannot_be_called_from_outside(self):
        for name in ("_request", "_send", "_answer", "_find_by_link", "_path", "_mail_values", "_set", "_stop_asking"):
            with self.subTest(name=name), self.assertRaises(AccessError):
                get_public_method(self.Feedback, name)

    def test_colleagues_of_another_company_see_nothing(self):
        feedback = self._answered(9)
        other = self.env["res.company"].create({"name": "Elsewhere"})
        stranger = self._create_user(
            "f-stranger", "clm.group_manager", company_id=other.id, company_ids=[fields.Command.set(other.ids)])
        self.assertFalse(self.Feedback.with_user(stranger).search([("id", "=", feedback.id)]))

    def test_the_wizard_asks_now_and_says_who_is_left_out(self):
        other = self._create_people(1, email=False)
        wizard = self.env["clm.feedback.request"].with_user(self.seller).create({
            "partner_ids": [fields.Command.set((self.ada | other).ids)], "kind": "nps",
        })
        self.assertIn("no mail address", wizard.refused)
        action = wizard.action_ask()
        self.assertIn("Ada", action["params"]["message"])
        self.assertIn("no mail address", action["params"]["message"])
        self.assertEqual(self.Feedback.search([("contact_id", "=", self.ada.id)]).state, "sent")
        with self.assertRaisesRegex(UserError, "already"):
            wizard.action_ask()

    def test_viewers_cannot_ask(self):
        viewer = self._create_user("f-viewer", "clm.group_viewer")
        with self.assertRaises(AccessError):
            self.env["clm.feedback.request"].with_user(viewer).create({
                "partner_ids": [fields.Command.set(self.ada.ids)], "kind": "nps",
            })
