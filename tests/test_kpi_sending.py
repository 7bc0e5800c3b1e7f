import io
from base64 import b64decode
from datetime import date
from unittest.mock import patch

from openpyxl import load_workbook
from psycopg2.errors import CheckViolation

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.fields import Command
from odoo.tests import tagged
from odoo.tools import mute_logger

from .kpi_report_common import KpiReportCase

MODULE = "odoo.addons.clm.models.clm_kpi_sending"


@tagged("post_install", "-at_install")
class TestKpiSending(KpiReportCase):
    """Scorecards that are mailed on their day, once, to those who may have them."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._store_all()
        cls.company.clm_kpi_computed_at = "2030-01-01 00:00:00"  # the numbers are fresh, unless a test says otherwise
        cls.outside = cls.env["res.partner"].create({"name": "Ann Outside", "email": "ann@example.com"})

    def _create_sending(self, user=None, **vals):
        return self.env["clm.kpi.sending"].with_user(user or self.manager).create({
            "name": "Board", "user_ids": [Command.set(self.viewer.ids)], "next_date": "2026-04-10",
            "company_id": self.company.id, **vals,
        }).with_env(self.env)

    def _run(self, day):
        with self.at(day):
            self.env["clm.kpi.sending"]._cron_send()

    def _mails(self, sending):
        return self.env["mail.mail"].search([
            ("model", "=", "clm.kpi.sending"), ("res_id", "in", sending.ids),
        ], order="id")

    def _send(self, **vals):
        """:return: the one mail that goes out"""
        sending = self._create_sending(**vals)
        self._run(self.today)
        mails = self._mails(sending)
        self.assertEqual(len(mails), 1)
        return mails

    # === WHEN === #

    def test_sending_when_due_then_goes_out_once(self):
        sending = self._create_sending()
        self._run("2026-04-09")
        self.assertFalse(self._mails(sending))
        self._run("2026-04-10")
        self._run("2026-04-10")
        self.assertEqual(len(self._mails(sending)), 1)
        self.assertEqual(sending.next_date, date(2026, 5, 10))
        self._run("2026-05-10")
        self.assertEqual(len(self._mails(sending)), 2)

    def test_dates_when_missed_then_made_up_by_one_mail(self):
        sending = self._create_sending(interval="weekly", next_date="2026-03-06")  # a Friday
        self._run("2026-04-08")
        self.assertEqual(len(self._mails(sending)), 1)
        self.assertEqual(sending.next_date, date(2026, 4, 10))
        self.assertEqual(sending.next_date.weekday(), 4)

    def test_dates_when_on_the_31st_then_do_not_drift(self):
        sending = self._create_sending(next_date="2026-01-31")
        found = []
        for day in ("2026-01-31", "2026-02-28", "2026-03-31", "2026-04-30"):
            self._run(day)
            found.append(str(sending.next_date))
        self.assertEqual(found, ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"])
        self.assertEqual(len(self._mails(sending)), 4)

    def test_dates_when_every_three_months_then_so(self):
        sending = self._create_sending(interval="quarterly", next_date="2026-01-15")
        self._run("2026-04-10")
        self.assertEqual((sending.period, sending.next_date), ("quarter", date(2026, 4, 15)))

    def test_next_date_when_written_then_the_following_ones_are_counted_from_it(self):
        sending = self._create_sending(next_date="2026-01-31")
        sending.next_date = "2026-04-05"
        self._run("2026-04-10")
        self.assertEqual(sending.next_date, date(2026, 5, 5))

    def test_day_when_it_begins_at_the_company_then_due(self):
        self.company.lifecycle_tz = "Pacific/Auckland"
        self.company.clm_kpi_computed_at = "2030-01-01 00:00:00"
        sending = self._create_sending(next_date="2026-04-11")
        self._run("2026-04-10")  # noon UTC: it is the 11th there
        self.assertEqual(len(self._mails(sending)), 1)

    def test_sending_when_archived_then_stays(self):
        sending = self._create_sending(active=False)
        self._run("2026-05-10")
        self.assertFalse(self._mails(sending))

    def test_period_when_proposed_then_that_of_the_interval(self):
        self.assertEqual(
            [self._create_sending(interval=each).period for each in ("weekly", "monthly", "quarterly")],
            ["week", "month", "quarter"],
        )
        self.assertEqual(self._create_sending(interval="weekly", period="month").period, "month")

    def test_send_now_when_clicked_then_goes_out_and_the_next_date_stays(self):
        sending = self._create_sending(next_date="2026-05-01")
        with self.at(self.today):
            action = sending.with_user(self.manager).action_send_now()
        self.assertIn(self.viewer.name, action["params"]["message"])
        self.assertEqual(len(self._mails(sending)), 1)
        self.assertEqual(str(sending.next_date), "2026-05-01")

    # === WHAT === #

    def test_mail_when_sent_then_has_pdf_spreadsheet_and_the_misses(self):
        mail = self._send()
        self.assertEqual(mail.recipient_ids, self.viewer.partner_id)
        self.assertEqual(mail.subject, "Clean: Board Mar 2026")
        for part in ("Clean", "Mar 2026", "Off track: 1", "Renewed", "goal 2"):
            self.assertIn(part, " ".join(mail.body_html.split()))
        self.assertEqual(
            sorted(mail.attachment_ids.mapped("name")),
            ["KPI scorecard Mar 2026.pdf", "KPI scorecard Mar 2026.xlsx"],
        )
        pdf, xlsx = (mail.attachment_ids.filtered(lambda file, kind=kind: file.name.endswith(kind)).raw
                     for kind in ("pdf", "xlsx"))
        self.assertIn(b"KPI scorecard", pdf)  # tests get the page that is printed
        self.assertEqual(load_workbook(io.BytesIO(xlsx)).sheetnames[0], "Scorecard")

    def test_files_when_chosen_then_only_these(self):
        mail = self._send(send_pdf=False)
        self.assertEqual(mail.attachment_ids.mapped("name"), ["KPI scorecard Mar 2026.xlsx"])
        with self.assertRaises(CheckViolation), mute_logger("odoo.sql_db"), self.env.cr.savepoint():
            self._create_sending(send_pdf=False, send_xlsx=False)

    def test_parts_and_period_when_chosen_then_these(self):
        mail = self._send(has_stages=False, has_renewal=False, period="quarter", send_pdf=False)
        book = load_workbook(io.BytesIO(b64decode(mail.attachment_ids.datas)))
        self.assertEqual(book.sheetnames, ["Scorecard", "Contracts", "Definitions"])
        self.assertIn("Q1 2026", mail.subject)

    def test_recipients_when_of_two_languages_then_each_reads_their_own(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.leads_kpi.with_context(lang="de_DE").name = "Anfragen"
        self.renewal_kpi.with_context(lang="de_DE").name = "Erneuert"
        self.outside.lang = "de_DE"
        sending = self._create_sending(partner_ids=[Command.set(self.outside.ids)])
        self._run(self.today)
        mails = self._mails(sending)
        self.assertEqual(len(mails), 2)
        bodies = {mail.recipient_ids: mail.body_html for mail in mails}
        self.assertIn("Erneuert", bodies[self.outside])
        self.assertNotIn("Erneuert", bodies[self.viewer.partner_id])

    def test_recipients_when_several_then_none_sees_the_others(self):
        sending = self._create_sending(
            user_ids=[Command.set((self.viewer | self.manager).ids)], partner_ids=[Command.set(self.outside.ids)])
        self._run(self.today)
        mails = self._mails(sending)
        self.assertEqual(sorted(len(mail.recipient_ids) for mail in mails), [1, 1, 1])
        self.assertEqual(
            mails.recipient_ids, (self.viewer | self.manager).partner_id | self.outside)

    def test_recipient_when_named_twice_then_one_mail(self):
        mail = self._send(partner_ids=[Command.set(self.viewer.partner_id.ids)])
        self.assertEqual(mail.recipient_ids, self.viewer.partner_id)

    def test_numbers_when_not_computed_today_then_computed_before(self):
        for computed, expected in (("2026-04-09 23:00:00", 1), ("2026-04-10 00:30:00", 0), (False, 1)):
            with self.subTest(computed=computed), patch.object(
                self.env.registry["clm.kpi"], "_refresh_now", autospec=True,
            ) as refresh:
                self.company.clm_kpi_computed_at = computed
                self._create_sending()
                self._run(self.today)
                self.assertEqual(refresh.call_count, expected)

    # === TO WHOM === #

    def test_user_when_without_the_lifecycle_then_refused(self):
        with self.assertRaisesRegex(ValidationError, "may not see the lifecycle"):
            self._create_sending(user_ids=[Command.set(self.internal.ids)])
        with self.assertRaisesRegex(ValidationError, "may not see the lifecycle"):
            self._create_sending(partner_ids=[Command.set(self.internal.partner_id.ids)])

    def test_user_when_of_another_company_then_refused(self):
        other = self._create_company("Other")
        stranger = self._create_user("s-viewer", "clm.group_viewer", company_id=other.id,
                                     company_ids=[Command.set(other.ids)])
        with self.assertRaisesRegex(ValidationError, "does not work in Clean"):
            self._create_sending(user_ids=[Command.set(stranger.ids)])

    def test_people_outside_when_a_manager_names_them_then_get_it(self):
        sending = self._create_sending(user_ids=False, partner_ids=[Command.set(self.outside.ids)])
        self._run(self.today)
        self.assertEqual(self._mails(sending).recipient_ids, self.outside)

    def test_recipient_when_without_address_then_refused(self):
        self.outside.email = False
        with self.assertRaisesRegex(ValidationError, "no mail address"):
            self._create_sending(partner_ids=[Command.set(self.outside.ids)])
        with self.assertRaisesRegex(ValidationError, "Choose who gets"):
            self._create_sending(user_ids=False)

    def test_user_when_the_right_was_lost_then_left_out_and_said(self):
        sending = self._create_sending(user_ids=[Command.set((self.viewer | self.manager).ids)])
        self.viewer.group_ids -= self.env.ref("clm.group_viewer")
        self._run(self.today)
        self.assertEqual(self._mails(sending).recipient_ids, self.manager.partner_id)
        self.assertIn(self.viewer.name, sending.left_out)
        self.assertFalse(sending.error)

    def test_sending_when_nobody_may_get_it_any_more_then_says_so_and_stays_due(self):
        sending = self._create_sending()
        self.viewer.active = False
        with mute_logger(MODULE):
            self._run(self.today)
        self.assertFalse(self._mails(sending))
        self.assertIn("Nobody may get it", sending.error)
        self.assertEqual(str(sending.next_date), "2026-04-10")

    def test_sending_when_it_fails_then_says_so_and_the_others_go_out(self):
        broken, fine = self._create_sending(name="Broken"), self._create_sending(name="Fine")
        send = type(broken)._attachments

        def fail(sending, scorecard):
            if sending.name == "Broken":
                raise UserError("No paper")  # pylint: disable=translation-required
            return send(sending, scorecard)

        with patch.object(self.env.registry["clm.kpi.sending"], "_attachments", fail), mute_logger(MODULE):
            self._run(self.today)
        self.assertFalse(self._mails(broken))
        self.assertEqual((broken.error, str(broken.next_date)), ("No paper", "2026-04-10"))
        self.assertEqual(len(self._mails(fine)), 1)
        self._run(self.today)
        self.assertEqual(len(self._mails(broken)), 1)
        self.assertFalse(broken.error)

    def test_sending_when_done_then_the_record_tells_to_whom(self):
        sending = self._create_sending()
        self._run(self.today)
        self.assertTrue(sending.last_sent_on)
        self.assertIn(f"Sent to {self.viewer.name}.", sending.message_ids.mapped("preview"))

    # === WHO === #

    def test_sendings_when_read_or_made_then_by_managers_of_the_company_alone(self):
        sending = self._create_sending()
        for user in (self.viewer, self.user, self.internal):
            with self.subTest(user=user.login):
                with self.assertRaises(AccessError):
                    sending.with_user(user).read(["name"])
                with self.assertRaises(AccessError):
                    self._create_sending(user)
                with self.assertRaises(AccessError):
                    sending.with_user(user).action_send_now()
        other = self._create_company("Other")
        self.manager.write({"company_ids": [Command.set(other.ids)], "company_id": other.id})
        with self.assertRaises(AccessError):
            sending.with_user(self.manager).read(["name"])

    def test_team_when_of_another_company_then_refused(self):
        self.other_team.company_id = self._create_company("Other")
        with self.assertRaises(UserError):
            self._create_sending(team_id=self.other_team.id)

    def test_preview_when_asked_for_then_prints_what_would_be_sent(self):
        sending = self._create_sending(has_contract=False)
        with self.at(self.today):
            action = sending.with_user(self.manager).action_preview()
        self.assertEqual(action["report_name"], "clm.report_kpi_scorecard")
        scorecard = self.env["clm.kpi.scorecard"].browse(action["context"]["active_ids"])
        self.assertEqual((scorecard.company_id, scorecard.has_contract), (self.company, False))
