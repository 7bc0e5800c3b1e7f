from datetime import timedelta
from unittest.mock import patch

from lxml import html

from odoo import fields
from odoo.exceptions import UserError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .feedback_common import FeedbackCase

MAIL_LOG = "odoo.addons.clm.models.clm_feedback_mail"
BROKEN = '<div><t t-out="object.no_such_field"/></div>'


@tagged("post_install", "-at_install")
class TestFeedbackRequest(FeedbackCase):
    """Who is asked, and who is not."""

    def _refusal(self, contact, kind="nps", **options):
        requests, refused = self.Feedback._request(contact, kind, **options)
        self.assertFalse(requests)
        return refused[contact.id]

    def test_a_request_knows_the_customer_the_salesperson_and_what_it_is_about(self):
        company = self.env["res.partner"].create({"name": "Acme", "is_company": True, "user_id": self.seller.id})
        contact = self.env["res.partner"].create({"name": "Bo", "email": "bo@example.com", "parent_id": company.id})
        feedback = self._ask(contact, "csat", product=self.product)
        self.assertRecordValues(feedback, [{
            "partner_id": company.id, "contact_id": contact.id, "user_id": self.seller.id, "state": "waiting",
            "kind": "csat", "subject": self.product.display_name, "origin": "manual", "score": 0, "sentiment": False,
        }])

    def test_a_company_without_address_is_asked_through_its_first_contact_with_one(self):
        company = self.env["res.partner"].create({"name": "Acme", "is_company": True})
        self.env["res.partner"].create({"name": "Mute", "parent_id": company.id})
        bo = self.env["res.partner"].create({"name": "Bo", "email": "bo@example.com", "parent_id": company.id})
        self.env["res.partner"].create({"name": "Cy", "email": "cy@example.com", "parent_id": company.id})
        feedback = self._ask(company)
        self.assertEqual((feedback.contact_id, feedback.partner_id), (bo, company))

    def test_nobody_is_asked_who_has_no_mail_a_bad_mail_opted_out_or_is_archived(self):
        people = self._create_people(5)
        people[0].email = False
        people[1].email = "no at sign"
        self.env["mail.blacklist"]._add(people[2].email)
        people[3].active = False
        people[4].lifecycle_consent = "refused"
        requests, refused = self.Feedback._request(people, "nps")
        self.assertFalse(requests)
        self.assertEqual(set(refused), set(people.ids))
        self.assertTrue(all(refused.values()))
        self.assertIn("no mail address", refused[people[0].id])

    def test_the_same_question_is_not_asked_twice_at_a_time_but_another_one_is(self):
        self._ask()
        self.assertIn("already", self._refusal(self.ada))
        self._ask(kind="csat")

    def test_the_same_question_is_asked_again_only_after_the_days_of_the_settings(self):
        feedback = self._answered(9)
        self._age(feedback, sent_at=89)
        self.assertIn("90 days", self._refusal(self.ada))
        self._age(feedback, sent_at=91)
        self._ask()

    def test_a_contact_given_twice_through_its_company_is_asked_once(self):
        company = self.env["res.partner"].create({"name": "Acme", "is_company": True})
        bo = self.env["res.partner"].create({"name": "Bo", "email": "bo@example.com", "parent_id": company.id})
        requests, refused = self.Feedback._request(company | bo, "nps")
        self.assertEqual(len(requests), 1)
        self.assertEqual(len(refused), 1)

    def test_two_hundred_customers_cost_hardly_more_queries_than_twenty(self):
        counts = []
        for size in (20, 200):
            people = self._create_people(size)
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.Feedback._request(people, "nps")
            self.env.flush_all()
            counts.append(self.env.cr.sql_log_count - before)
        self.assertLessEqual(counts[1], counts[0] + 8)

    def test_tokens_are_long_differ_and_are_hidden_from_managers(self):
        requests = self.Feedback._request(self._create_people(50), "nps")[0]
        tokens = set(requests.sudo().mapped("token"))
        self.assertEqual(len(tokens), 50)
        self.assertTrue(all(len(token) >= 43 for token in tokens))
        manager = self._create_user("f-manager", "clm.group_manager")
        self.assertNotIn("token", requests.with_user(manager).fields_get())

    def test_merged_contacts_keep_both_of_their_requests_and_the_links_work(self):
        other = self._create_people(1)
        kept, moved = self._ask_and_send(), self._ask_and_send(other)
        tokens = kept.token, moved.token
        self.env["base.partner.merge.automatic.wizard"]._merge((self.ada | other).ids, self.ada)
        self.env.invalidate_all()
        self.assertEqual((kept | moved).contact_id, self.ada)
        self.assertEqual((kept | moved).partner_id, self.ada)
        for feedback, token in zip((kept, moved), tokens, strict=True):
            found = self.Feedback._find_by_link(feedback.id, token)
            found._answer(7)
            self.assertEqual(feedback.state, "answered")
        self.assertIn("Ada", self._refusal(self.ada))

    def test_merged_into_a_contact_of_a_company_the_answers_belong_to_that_company(self):
        company = self.env["res.partner"].create({"name": "Acme", "is_company": True})
        bo = self._create_people(1, parent_id=company.id)
        feedback = self._answered(9)
        self.env["base.partner.merge.automatic.wizard"]._merge((self.ada | bo).ids, bo)
        self.assertEqual((feedback.contact_id, feedback.partner_id), (bo, company))

    def test_a_request_of_a_person_that_joins_a_company_goes_over_to_it(self):
        feedback = self._answered(9)
        company = self.env["res.partner"].create({"name": "Acme", "is_company": True})
        self.ada.parent_id = company
        self.assertEqual(feedback.partner_id, company)


@tagged("post_install", "-at_install")
class TestFeedbackMail(FeedbackCase):
    """What goes out, and what happens when it cannot."""

    def test_the_mail_has_one_link_for_each_score_of_the_scale(self):
        for kind, scores in (("nps", range(11)), ("csat", range(1, 6))):
            feedback = self._ask_and_send(kind=kind)
            body = html.fromstring(self._mails(self.ada)[-1].body_html)
            links = [link for link in body.xpath("//a/@href") if "?score=" in link]
            self.assertEqual(links, [
                f"{feedback.get_base_url()}/clm/feedback/{feedback.id}/{feedback.token}?score={score}"
                for score in scores
            ])
            self.assertIn(self.company.name, body.text_content())

    def test_the_mail_waits_in_the_queue_and_belongs_to_no_record(self):
        feedback = self._ask_and_send()
        mail = self._mails(self.ada)
        self.assertRecordValues(mail, [{"state": "outgoing", "auto_delete": True, "model": False, "res_id": 0}])
        self.assertEqual(mail.reply_to, self.seller.email_formatted)
        bodies = " ".join(feedback.message_ids.mapped("body"))
        self.assertNotIn(feedback.token, bodies)
        self.assertIn("Ada", bodies)

    def test_the_mail_is_in_the_language_of_the_person_asked(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.env.ref("clm.mail_template_feedback_nps").with_context(lang="fr_FR").subject = "Votre avis"
        self.ada.lang = "fr_FR"
        self._ask_and_send()
        self.assertEqual(self._mails(self.ada).subject, "Votre avis")

    def test_names_with_markup_are_escaped_in_the_mail(self):
        self.ada.name = "<script>alert(1)</script>"
        self._ask_and_send()
        self.assertNotIn("<script>", self._mails(self.ada).body_html)

    def test_sending_sets_the_validity_the_reminder_and_the_date_of_the_last_mail(self):
        feedback = self._ask_and_send()
        self.assertEqual(feedback.state, "sent")
        self.assertEqual(feedback.expires_at - feedback.sent_at, timedelta(days=30))
        self.assertEqual(feedback.remind_at - feedback.sent_at, timedelta(days=7))
        self.assertTrue(self.ada.lifecycle_mailed_at)
        self.assertFalse(feedback._send())
        self.assertEqual(len(self._mails(self.ada)), 1)

    def test_a_template_that_cannot_be_rendered_leaves_the_reason_and_the_mail_can_be_sent_again(self):
        template = self.env.ref("clm.mail_template_feedback_nps")
        good = template.body_html
        feedback = self._ask()
        self.env.cr.execute("UPDATE mail_template SET body_html = jsonb_build_object('en_US', %s) WHERE id = %s",
                            [BROKEN, template.id])
        template.invalidate_recordset()
        with mute_logger(MAIL_LOG, "odoo.addons.mail.models.mail_render_mixin"):
            action = feedback.with_user(self.seller).action_send()
        self.assertEqual(feedback.state, "waiting")
        self.assertIn("no_such_field", feedback.error)
        self.assertIn("no_such_field", action["params"]["message"])
        self.assertGreater(feedback.send_at, fields.Datetime.now())
        self.assertFalse(self._mails(self.ada))
        template.body_html = good
        self.assertTrue(feedback.with_user(self.seller).action_send())
        self.assertRecordValues(feedback, [{"state": "sent", "error": False, "attempts": 0}])

    def test_one_that_cannot_be_rendered_stops_no_other_of_the_batch(self):
        people = self._create_people(3)
        requests = self._ask(people)
        values = type(self.Feedback)._mail_values

        def mail_values(feedback):
            if feedback.contact_id == people[1]:
                raise UserError("Boom")  # pylint: disable=translation-required
            return values(feedback)

        with patch.object(type(self.Feedback), "_mail_values", mail_values), \
                mute_logger(MAIL_LOG, "odoo.addons.mail.models.mail_render_mixin"):
            sent = requests._send()
        self.assertEqual(sent.contact_id, people[0] | people[2])
        self.assertIn("Boom", requests[1].error)
        self.assertEqual(self.env["mail.mail"].search_count([("recipient_ids", "in", people.ids)]), 2)

    def test_a_mail_that_fails_is_tried_four_times_and_then_waits_for_somebody(self):
        feedback = self._ask()
        with patch.object(type(self.Feedback), "_mail_batch", side_effect=UserError("Boom")), mute_logger(MAIL_LOG):
            for minutes in (10, 60, 360, None):
                feedback._send()
                if minutes:
                    left = (feedback.send_at - fields.Datetime.now()).total_seconds() / 60
                    self.assertAlmostEqual(left, minutes, delta=1)
        self.assertRecordValues(feedback, [{"state": "waiting", "send_at": False, "attempts": 4}])
        self.assertIn("Boom", feedback.error)
        self.Feedback._cron_run()
        self.assertEqual(feedback.state, "waiting")

    def test_who_opted_out_between_the_request_and_the_mail_gets_none(self):
        feedback = self._ask()
        self.env["mail.blacklist"]._add(self.ada.email)
        self.Feedback._cron_run()
        self.assertEqual(feedback.state, "cancelled")
        self.assertIn("no mails", feedback.error)
        self.assertFalse(self._mails(self.ada))

    def test_a_playbook_or_wave_waits_for_the_days_between_mails_and_a_person_who_asks_does_not(self):
        self.company.clm_mail_days = 7
        self.ada._lifecycle_mailed()
        feedback = self._ask()
        feedback._set(origin="playbook")
        self.assertFalse(feedback._send())
        self.assertEqual(feedback.state, "waiting")
        self.assertGreater(feedback.send_at, fields.Datetime.now() + timedelta(days=6))
        feedback._set(origin="manual")
        self.assertTrue(feedback._send())

    def test_two_contacts_of_a_customer_do_not_get_automatic_mails_at_once(self):
        self.company.clm_mail_days = 7
        company = self.env["res.partner"].create({"name": "Acme", "is_company": True})
        people = self._create_people(2, parent_id=company.id)
        requests = self._ask(people)
        requests._set(origin="playbook")
        self.assertEqual(len(requests._send()), 1)
        self.assertEqual(sorted(requests.mapped("state")), ["sent", "waiting"])

    # === CRON === #

    def test_a_reminder_goes_out_once_and_not_to_those_who_answered_or_opted_out(self):
        people = self._create_people(4)
        requests = self._ask(people)
        requests._send()
        self._age(requests, sent_at=8, remind_at=1)
        requests[1]._answer(9)
        self.env["mail.blacklist"]._add(people[2].email)
        requests[3]._set(remind_at=fields.Datetime.now() + timedelta(days=1))
        for _run in range(2):
            self.Feedback._cron_run()
        self.assertEqual([len(self._mails(person)) for person in people], [2, 1, 1, 1])
        self.assertIn("Reminder", self._mails(people[0])[-1].subject)
        self.assertEqual([bool(request.reminded_at) for request in requests], [True, False, False, False])

    def test_without_days_in_the_settings_nobody_is_reminded(self):
        self.company.clm_feedback_reminder_days = 0
        self.assertFalse(self._ask_and_send().remind_at)

    def test_the_cron_sends_what_waits_and_closes_what_is_too_old(self):
        old = self._ask_and_send()
        self._age(old, expires_at=1)
        waiting = self._ask(self._create_people(1))
        self.Feedback._cron_run()
        self.assertEqual((old.state, waiting.state), ("expired", "sent"))
        self._age(old, sent_at=100)
        self._ask()  # an expired question can be asked again

    def test_each_batch_of_the_cron_is_committed_and_stays_below_the_limit(self):
        requests = self._ask(self._create_people(70))
        sizes = []

        def commit(engine, processed, remaining):
            sizes.append((processed, remaining))
            return len(sizes) < 2

        with patch.object(type(self.env["clm.due.mixin"]), "_clm_commit", commit):
            self.Feedback._cron_run()
        self.assertEqual(sizes, [(25, 45), (25, 20)])
        self.assertEqual(len(requests.filtered(lambda request: request.state == "sent")), 50)
