from datetime import timedelta

from odoo import fields
from odoo.tests import new_test_user

from .common import ClmCase


class FeedbackCase(ClmCase):
    """Somebody who may be asked, by a company that limits nothing."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Feedback = cls.env["clm.feedback"]
        cls.company = cls.env.company
        cls.company.write({
            "clm_mail_days": 0, "clm_feedback_days": 90, "clm_feedback_validity": 30, "clm_feedback_reminder_days": 7,
            "clm_feedback_answer_days": 2, "clm_feedback_user_id": False,
        })
        cls.seller = cls._create_user("f-seller", "clm.group_user", email="seller@example.com")
        cls.ada = cls.env["res.partner"].create({
            "name": "Ada", "email": "ada@example.com", "user_id": cls.seller.id, "lang": "en_US",
        })

    @classmethod
    def _create_portal(cls, login, **vals):
        return new_test_user(cls.env, login, groups="base.group_portal", **vals)

    def _create_people(self, count, **vals):
        return self.env["res.partner"].create([
            {"name": f"Person {number}", "email": f"person{number}@example.com", **vals} for number in range(count)
        ])

    def _ask(self, contact=None, kind="nps", **options):
        """:return: a request that waits"""
        requests, refused = self.Feedback._request(contact or self.ada, kind, **options)
        self.assertFalse(refused)
        return requests.sudo()

    def _ask_and_send(self, contact=None, kind="nps", **options):
        """:return: a request whose mail went out"""
        feedback = self._ask(contact, kind, **options)
        self.assertEqual(feedback._send(), feedback)
        return feedback

    def _answered(self, score, comment="", contact=None, kind="nps"):
        feedback = self._ask_and_send(contact, kind)
        feedback._answer(score, comment)
        return feedback

    def _age(self, feedback, **days):
        """Move times of a request into the past, by days."""
        feedback._set(**{name: fields.Datetime.now() - timedelta(days=count) for name, count in days.items()})

    def _mails(self, contact):
        return self.env["mail.mail"].sudo().search([("recipient_ids", "in", contact.ids)], order="id")
