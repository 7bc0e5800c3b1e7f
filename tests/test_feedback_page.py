from lxml import html

from odoo import http
from odoo.tests import HttpCase, tagged
from odoo.tools import SQL, mute_logger

from .feedback_common import FeedbackCase

NASTY = "</textarea><script>alert('1')</script> שלום عولم 😀"


@tagged("post_install", "-at_install")
class TestFeedbackPage(FeedbackCase, HttpCase):
    """What a customer, a mail scanner or an attacker gets from the link."""

    def setUp(self):
        super().setUp()
        self.feedback = self._ask_and_send()
        self.path = self.feedback._path()

    def _post(self, path=None, token=True, **values):
        if token:
            self.authenticate(self.session_login, self.session_login)
            values["csrf_token"] = http.Request.csrf_token(self)
        return self.url_open(path or self.path, data=values)

    session_login = None

    def _page(self, response):
        return html.fromstring(response.content)

    def _row(self, feedback=None):
        """:return: the row as it stands in the database"""
        self.env.flush_all()
        return self.env.execute_query(SQL(
            "SELECT * FROM clm_feedback WHERE id = %s", (feedback or self.feedback).id))

    # === LOOKING === #

    def test_opening_a_link_or_its_head_changes_nothing_at_all(self):
        before = self._row()
        for score in ("", "?score=9", "?score=0", "?score=99", "?score=x", "?comment=hi&score=3"):
            for method in ("GET", "HEAD"):
                response = self.url_open(self.path + score, method=method)
                self.assertEqual(response.status_code, 200)
        self.assertEqual(self._row(), before)
        self.assertFalse(self.ada.lifecycle_consent)

    def test_the_score_of_the_link_is_chosen_and_one_off_the_scale_is_not(self):
        for query, chosen in (("?score=9", ["9"]), ("?score=0", ["0"]), ("", []), ("?score=11", []), ("?score=-1", [])):
            page = self._page(self.url_open(self.path + query))
            with self.subTest(query=query):
                self.assertEqual(page.xpath("//input[@type='radio'][@checked]/@value"), chosen)

    def test_the_page_works_without_scripts_and_for_screen_readers(self):
        page = self._page(self.url_open(self.path))
        form, = page.xpath("//form[.//textarea]")
        self.assertEqual((form.get("method"), form.get("action")), ("POST", self.path))
        self.assertTrue(form.xpath(".//input[@name='csrf_token']/@value")[0])
        self.assertIn(self.company.name, form.xpath(".//legend")[0].text_content())
        radios = form.xpath(".//input[@type='radio'][@name='score']")
        self.assertEqual([radio.get("value") for radio in radios], [str(score) for score in range(11)])
        for radio in radios:
            self.assertTrue(form.xpath(f".//label[@for='{radio.get('id')}']"))
        self.assertTrue(form.xpath(".//label[@for='feedback_comment']"))
        self.assertFalse(page.xpath("//*[@onclick or @onload or @onsubmit]"))

    def test_search_engines_caches_and_other_sites_learn_nothing(self):
        for path in (self.path, "/clm/feedback/1/x"):
            headers = self.url_open(path).headers
            self.assertIn("noindex", headers["X-Robots-Tag"])
            self.assertEqual(headers["Cache-Control"], "no-store")
            self.assertEqual(headers["Referrer-Policy"], "no-referrer")

    def test_the_page_is_in_the_language_of_the_person_asked_and_its_direction(self):
        self.env["res.lang"]._activate_lang("ar_001")
        self.ada.lang = "ar_001"
        page = self._page(self.url_open(self.path))
        self.assertEqual((page.get("dir"), page.get("lang")), ("rtl", "ar-001"))
        self.assertEqual(page.xpath("//div[@id='wrap']/@dir"), ["rtl"])

    # === LINKS THAT DO NOT WORK === #

    def test_forged_foreign_expired_cancelled_missing_and_unsent_all_get_the_same_page(self):
        other = self._ask_and_send(self._create_people(1))
        expired = self._ask_and_send(kind="csat")
        self._age(expired, expires_at=1)
        waiting = self._ask(other.contact_id, kind="csat")
        token = self.feedback.token
        cancelled = self._ask_and_send(self._create_people(1))
        cancelled.action_cancel()
        paths = [
            f"/clm/feedback/{self.feedback.id}/x",
            f"/clm/feedback/{self.feedback.id}/{token[:-1]}",
            f"/clm/feedback/{self.feedback.id}/{token}x",
            f"/clm/feedback/{self.feedback.id}/{token.swapcase()}",
            f"/clm/feedback/{self.feedback.id}/%C3%A9{token}",
            f"/clm/feedback/{self.feedback.id}/{'a' * 5000}",
            f"/clm/feedback/{other.id}/{token}",
            f"/clm/feedback/99999999/{token}",
            f"/clm/feedback/{2**40}/{token}",
            f"/clm/feedback/0/{'-' * 43}",
            expired._path(), waiting._path(), cancelled._path(),
        ]
        before = self._row(), self._row(other), self._row(expired), self._row(waiting), self._row(cancelled)
        pages = set()
        for path in paths:
            for suffix in ("", "/stop"):
                answers = [self._post(path + suffix, score="9")]
                if not suffix:
                    answers.append(self.url_open(path))
                for response in answers:
                    with self.subTest(path=path, suffix=suffix):
                        self.assertEqual(response.status_code, 404)
                        text = " ".join(self._page(response).xpath("//div[@id='wrap']")[0].text_content().split())
                        self.assertNotIn("Ada", text)
                        self.assertNotIn(self.company.name, text)
                        pages.add(text)
        self.assertEqual(len(pages), 1)
        after = self._row(), self._row(other), self._row(expired), self._row(waiting), self._row(cancelled)
        self.assertEqual(after, before)
        self.assertFalse(self.ada.lifecycle_consent)

    # === ANSWERING === #

    def test_sending_the_form_votes_once_and_the_link_says_so_afterwards(self):
        response = self._post(score="9", comment="Nice")
        self.assertIn("Thank you", response.text)
        self.assertRecordValues(self.feedback, [{"state": "answered", "score": 9, "comment": "Nice"}])
        for again in (self._post(score="0", comment="Other"), self.url_open(self.path + "?score=0")):
            self.assertEqual(again.status_code, 200)
            self.assertIn("answered already", again.text)
        self.assertRecordValues(self.feedback, [{"score": 9, "comment": "Nice"}])

    def test_a_form_without_its_token_of_the_session_is_refused(self):
        with mute_logger("odoo.http"):
            response = self._post(token=False, score="9")
        self.assertEqual(response.status_code, 400)
        self.assertEqual(self.feedback.state, "sent")

    def test_a_score_off_the_scale_is_refused_and_what_was_typed_stays(self):
        for score in ("11", "-1", "9.5", "x", "", "1" * 100):
            response = self._post(score=score, comment=NASTY)
            with self.subTest(score=score):
                self.assertEqual(response.status_code, 422)
                page = self._page(response)
                self.assertIn("Choose a number", page.xpath("//*[@role='alert']")[0].text_content())
                self.assertEqual(page.xpath("//textarea")[0].text_content(), NASTY)
                self.assertFalse(page.xpath("//script[contains(., 'alert')]"))
        self.assertRecordValues(self.feedback, [{"state": "sent", "score": 0, "comment": False}])

    def test_a_comment_of_a_megabyte_is_refused_and_its_beginning_stays(self):
        response = self._post(score="9", comment="x" * 1_000_000)
        self.assertEqual(response.status_code, 422)
        page = self._page(response)
        self.assertIn("5,000", page.xpath("//*[@role='alert']")[0].text_content())
        self.assertEqual(len(page.xpath("//textarea")[0].text_content()), 5000)
        self.assertEqual(page.xpath("//input[@type='radio'][@checked]/@value"), ["9"])
        self.assertRecordValues(self.feedback, [{"state": "sent", "comment": False}])
        self.assertLess(len(response.content), 50_000)

    def test_markup_is_stored_as_text_and_shown_escaped(self):
        self._post(score="9", comment=NASTY)
        self.assertEqual(self.feedback.comment, NASTY)

    def test_a_name_with_markup_is_escaped_on_the_page(self):
        self.company.name = "<img src=x onerror=alert(1)>"
        self.assertNotIn("<img src=x", self.url_open(self.path).text)

    def test_a_low_score_given_on_the_page_is_followed_up(self):
        self._post(score="2")
        self.assertEqual(self.feedback.activity_id.user_id, self.seller)

    def test_archived_customers_and_portal_users_answer_with_their_link(self):
        portal = self._create_portal("f-portal", password="f-portal", email="portal@example.com")
        feedback = self._ask_and_send(portal.partner_id)
        self.authenticate("f-portal", "f-portal")
        self.session_login = "f-portal"
        self.assertIn("Thank you", self._post(feedback._path(), score="8").text)
        self.assertEqual(feedback.score, 8)
        self.session_login = None
        self.ada.active = False
        self.assertIn("Thank you", self._post(score="7").text)

    def test_somebody_logged_in_gets_nothing_without_the_secret(self):
        self._create_portal("f-portal", password="f-portal", email="portal@example.com")
        self.authenticate("f-portal", "f-portal")
        self.assertEqual(self.url_open(f"/clm/feedback/{self.feedback.id}/x").status_code, 404)

    # === NO MORE === #

    def test_do_not_ask_again_is_a_refusal_and_needs_the_button(self):
        self._ask_and_send(kind="csat")
        self.assertIn(self.url_open(f"{self.path}/stop").status_code, (404, 405))
        self.assertFalse(self.ada.lifecycle_consent)
        response = self._post(f"{self.path}/stop")
        self.assertIn("not ask you again", response.text)
        self.assertEqual(self.ada.lifecycle_consent, "refused")
        requests, refused = self.Feedback._request(self.ada, "nps")
        self.assertFalse(requests)
        self.assertIn(self.ada.id, refused)
        self.assertEqual(
            sorted(self.Feedback.search([("contact_id", "=", self.ada.id)]).mapped("state")), ["cancelled", "sent"])
        self.assertFalse(self.feedback.remind_at)
