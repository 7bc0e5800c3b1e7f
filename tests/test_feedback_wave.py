from time import monotonic
from unittest.mock import patch

from odoo import fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .feedback_common import FeedbackCase


@tagged("post_install", "-at_install")
class TestFeedbackWave(FeedbackCase):
    """The same question to many customers."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager = cls._create_user("f-manager", "clm.group_manager")

    def _create_customers(self, count, **vals):
        people = self._create_people(count, comment="wave", **vals)
        self.engine._sync(people.ids)
        return people

    def _create_wave(self, user=None, **vals):
        return self.env["clm.feedback.wave"].with_user(user or self.manager).create({
            "name": "Autumn", "partner_domain": "[('comment', 'ilike', 'wave')]", **vals,
        })

    def _run(self):
        self.env["clm.feedback.wave"]._cron_send()
        self.Feedback._cron_run()

    def test_a_wave_asks_the_customers_found_and_counts_answers_rate_and_score(self):
        people = self._create_customers(5)
        wave = self._create_wave()
        self.assertEqual(wave.preview_count, 5)
        wave.action_start()
        self._run()
        requests = wave.request_ids.sorted("id").sudo()
        self.assertEqual(requests.contact_id, people)
        for request, score in zip(requests, (10, 9, 9, 3), strict=False):
            request._answer(score)
        wave.invalidate_recordset()
        self.assertRecordValues(wave, [{
            "state": "done", "request_count": 5, "sent_count": 5, "answer_count": 4, "waiting_count": 0,
            "response_rate": 0.8, "score": "NPS +50", "progress": 100.0,
        }])
        self.assertEqual(set(requests.mapped("origin")), {"wave"})

    def test_who_cannot_be_asked_is_counted_and_named_with_the_reason(self):
        people = self._create_customers(4)
        people[1].email = "none"
        people[2].lifecycle_consent = "refused"
        wave = self._create_wave()
        wave.action_start()
        self._run()
        self.assertEqual((wave.sent_count, wave.skipped_count), (2, 2))
        self.assertEqual(len(wave.skipped.splitlines()), 2)
        self.assertIn("none is not a mail address", wave.skipped)

    def test_a_wave_waits_for_its_day(self):
        self._create_customers(1)
        wave = self._create_wave(date=fields.Date.add(self.company._lifecycle_today(), days=1))
        wave.action_start()
        self._run()
        self.assertRecordValues(wave, [{"state": "running", "request_count": 0}])
        wave.date = self.company._lifecycle_today()
        self._run()
        self.assertRecordValues(wave, [{"state": "done", "sent_count": 1}])

    def test_a_wave_that_was_interrupted_goes_on_where_it_was_and_asks_nobody_twice(self):
        people = self._create_customers(5)
        wave = self._create_wave()
        wave.action_start()
        with patch("odoo.addons.clm.models.clm_feedback_wave.BATCH_SIZE", 2):
            with patch.object(type(self.env["clm.due.mixin"]), "_clm_commit", return_value=False):
                self.env["clm.feedback.wave"]._cron_send()
            self.assertEqual(wave.request_ids.contact_id, people[:2])
            self._run()
            self._run()
        self.assertEqual(wave.request_ids.contact_id.sorted("id"), people)
        self.assertEqual(wave.request_count, 5)
        self.assertEqual([len(self._mails(person)) for person in people], [1] * 5)

    def test_customers_are_committed_in_batches_and_none_lasts_five_seconds(self):
        self._create_customers(450)
        wave = self._create_wave()
        wave.action_start()
        times, clock = [], [monotonic()]

        def commit(engine, processed, remaining):
            self.env.flush_all()
            times.append(monotonic() - clock[0])
            clock[0] = monotonic()
            return True

        with patch.object(type(self.env["clm.due.mixin"]), "_clm_commit", commit):
            self._run()
        self.assertEqual(wave.sent_count, 450)
        self.assertGreaterEqual(len(times), 3 + 9)
        self.assertLess(max(times), 5.0)

    def test_only_customers_that_the_responsible_may_see_are_asked(self):
        mine, foreign = self._create_customers(2)
        foreign.company_id = self.env["res.company"].create({"name": "Elsewhere"})
        wave = self._create_wave()
        wave.action_start()
        self._run()
        self.assertEqual(wave.request_ids.contact_id, mine)

    def test_a_filter_that_cannot_be_read_is_refused(self):
        for text in ("[('no_such_field', '=', 1)]", "[(", "__import__('os')", "x"):
            with self.subTest(text=text), self.assertRaisesRegex(ValidationError, "cannot be read"):
                self._create_wave(partner_domain=text)

    def test_what_goes_wrong_stands_on_the_wave_and_stops_no_other(self):
        people = self._create_customers(1)
        bad, good = self._create_wave(), self._create_wave(kind="csat")
        (bad | good).action_start()
        ask = type(bad)._ask

        def fail(wave, customers):
            if wave == bad:
                raise UserError("Boom")  # pylint: disable=translation-required
            return ask(wave, customers)

        with patch.object(type(bad), "_ask", fail), mute_logger("odoo.addons.clm.models.clm_feedback_wave"):
            self._run()
        self.assertRecordValues(bad | good, [
            {"state": "running", "error": "Boom", "sent_count": 0}, {"state": "done", "error": False, "sent_count": 1},
        ])
        self._run()
        self.assertRecordValues(bad, [{"state": "done", "error": False, "sent_count": 1}])
        self.assertEqual(bad.request_ids.contact_id, people)

    def test_a_cancelled_wave_asks_nobody_else_and_its_links_stay_valid(self):
        self._create_customers(2)
        wave = self._create_wave()
        wave.action_start()
        self.env["clm.feedback.wave"]._cron_send()
        first, second = wave.request_ids.sudo()
        first._send()
        wave.action_cancel()
        self._run()
        self.assertEqual((first.state, second.state, wave.state), ("sent", "cancelled", "cancelled"))
        first._answer(9)
        wave.invalidate_recordset()
        self.assertEqual(wave.answer_count, 1)

    def test_an_empty_wave_does_not_start_and_a_started_one_keeps_its_question(self):
        wave = self._create_wave(partner_domain="[('name', '=', 'Nobody at all')]")
        with self.assertRaisesRegex(UserError, "Nobody"):
            wave.action_start()
        self._create_customers(1)
        wave.partner_domain = "[('comment', 'ilike', 'wave')]"
        wave.action_start()
        for vals in ({"kind": "csat"}, {"partner_domain": "[]"}):
            with self.assertRaisesRegex(UserError, "started"):
                wave.write(vals)
        self._run()
        with self.assertRaisesRegex(UserError, "asked already"):
            wave.unlink()

    def test_the_reminder_follows_the_days_of_the_wave(self):
        self._create_customers(1)
        for kind, days in (("nps", 3), ("csat", 0)):
            wave = self._create_wave(kind=kind, reminder_days=days)
            wave.action_start()
            self._run()
            request = wave.request_ids
            self.assertEqual(request.remind_at and (request.remind_at - request.sent_at).days, days and 3)

    def test_users_see_waves_and_only_managers_make_them(self):
        wave = self._create_wave()
        self.assertEqual(wave.with_user(self.seller).name, "Autumn")
        with self.assertRaises(AccessError):
            wave.with_user(self.seller).action_start()
        with self.assertRaises(AccessError):
            self._create_wave(self.seller)
