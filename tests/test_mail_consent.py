from datetime import timedelta

from psycopg2.errors import CheckViolation

from odoo import fields
from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .common import ClmCase


@tagged("post_install", "-at_install")
class TestMailConsent(ClmCase):
    """No automatic mail goes to whom it must not go, and not too many to the others."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env["res.partner"].create({
            "name": "Azure", "is_company": True, "email": "office@example.com",
        })
        cls.contact = cls.env["res.partner"].create({
            "name": "Ada", "parent_id": cls.company.id, "email": "ada@example.com",
        })

    def test_contact_with_an_address_may_be_written_to(self):
        self.assertEqual(self.contact._lifecycle_mail_refusal(), "")
        self.assertIsNone(self.contact._lifecycle_mail_wait())

    def test_reasons_against_a_mail(self):
        cases = [
            ({"email": False}, "has no mail address"),
            ({"email": "   "}, "has no mail address"),
            ({"email": "nobody at nowhere"}, "is not a mail address"),
            ({"email": "@"}, "is not a mail address"),
            ({"active": False}, "is archived"),
            ({"lifecycle_consent": "refused"}, "refused automatic mails"),
        ]
        for vals, reason in cases:
            with self.subTest(vals=vals):
                contact = self.env["res.partner"].create({"name": "Bob", "email": "bob@example.com", **vals})
                self.assertIn(reason, contact._lifecycle_mail_refusal())

    def test_opted_out_address_is_respected_at_once(self):
        self.assertFalse(self.contact._lifecycle_mail_refusal())
        self.env["mail.blacklist"]._add("ada@example.com")
        self.assertIn("want no mails", self.contact._lifecycle_mail_refusal())
        self.env["mail.blacklist"]._remove("ada@example.com")
        self.assertFalse(self.contact._lifecycle_mail_refusal())

    def test_what_a_company_refused_its_contacts_refused(self):
        self.company.lifecycle_consent = "refused"
        self.contact.lifecycle_consent = "given"
        self.assertIn("refused", self.contact._lifecycle_mail_refusal())

    def test_contact_of_an_archived_company_gets_nothing(self):
        other = self.env["res.partner"].create({"name": "Gone", "is_company": True})
        contact = self.env["res.partner"].create({"name": "X", "email": "x@example.com", "parent_id": other.id})
        other.active = False
        contact.active = True
        self.assertIn("archived", contact._lifecycle_mail_refusal())

    def test_consent_that_is_needed_may_be_the_companys(self):
        self.assertIn("did not agree", self.contact._lifecycle_mail_refusal(needs_consent=True))
        self.company.lifecycle_consent = "given"
        self.assertEqual(self.contact._lifecycle_mail_refusal(needs_consent=True), "")

    def test_consent_is_dated_tracked_and_not_copied(self):
        self.assertFalse(self.contact.lifecycle_consent_at)
        self.contact.lifecycle_consent = "given"
        self.assertTrue(self.contact.lifecycle_consent_at)
        copy = self.contact.copy()
        self.assertFalse(copy.lifecycle_consent or copy.lifecycle_consent_at)
        self.contact.lifecycle_consent = False
        self.assertFalse(self.contact.lifecycle_consent_at)
        self.assertTrue(self.env["res.partner"]._fields["lifecycle_consent"].tracking)

    def test_many_contacts_are_checked_in_few_queries(self):
        def check(count):
            partners = self.env["res.partner"].create([
                {"name": f"P{i}", "email": f"p{i}@example.com"} for i in range(count)
            ])
            self.env.flush_all()
            self.env.invalidate_all()
            start = self.env.cr.sql_log_count
            self.assertEqual(set(partners._lifecycle_mail_refusals().values()), {""})
            return self.env.cr.sql_log_count - start

        check(1)
        self.assertEqual(check(2), check(40))

    # === WAIT === #

    def test_customer_waits_after_a_mail_to_any_contact(self):
        self.contact._lifecycle_mailed()
        for partner in (self.contact, self.company):
            wait = partner._lifecycle_mail_wait()
            self.assertEqual((wait - self.company.lifecycle_mailed_at).days, 7)
        self.company.lifecycle_mailed_at = fields.Datetime.now() - timedelta(days=7, minutes=1)
        self.assertIsNone(self.contact._lifecycle_mail_wait())

    def test_company_sets_the_days_and_0_means_no_limit(self):
        self.contact._lifecycle_mailed()
        self.env.company.clm_mail_days = 30
        self.assertEqual((self.contact._lifecycle_mail_wait() - self.company.lifecycle_mailed_at).days, 30)
        self.env.company.clm_mail_days = 0
        self.assertIsNone(self.contact._lifecycle_mail_wait())

    @mute_logger("odoo.sql_db")
    def test_impossible_days_are_refused(self):
        for days in (-1, 366):
            with self.subTest(days=days), self.assertRaises(CheckViolation), self.env.cr.savepoint():
                self.env.company.clm_mail_days = days
                self.env.flush_all()

    # === MERGE, RIGHTS === #

    def test_merged_contacts_keep_the_refusal_and_the_latest_mail(self):
        one, two = self.env["res.partner"].create([
            {"name": "One", "email": "one@example.com", "lifecycle_consent": "given"},
            {"name": "Two", "email": "two@example.com", "lifecycle_consent": "refused"},
        ])
        two._lifecycle_mailed()
        mailed_at = two.lifecycle_mailed_at
        self.env["base.partner.merge.automatic.wizard"]._merge((one | two).ids, one)
        self.assertEqual((one.lifecycle_consent, one.lifecycle_mailed_at), ("refused", mailed_at))

    def test_reason_is_told_to_those_who_must_not_read_the_field(self):
        self.contact.lifecycle_consent = "refused"
        internal = self._create_user("m-internal")
        contact = self.contact.with_user(internal)
        self.assertIn("refused", contact._lifecycle_mail_refusal())
        with self.assertRaises(AccessError):
            contact.read(["lifecycle_consent"])
