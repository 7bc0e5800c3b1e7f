import io
from datetime import timedelta

from lxml import html

from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged
from odoo.tools.pdf import PdfReader
from odoo.tools.safe_eval import safe_eval

from .page_common import PageCase

REPORT = "clm.action_report_customer_summary"


@tagged("post_install", "-at_install")
class TestCustomerSummary(PageCase):
    """The page to take along to a visit."""

    def _print(self, user=None, partner=None):
        """:return: the text of the summary, white space made even"""
        self.env.flush_all()
        self.env.invalidate_all()
        report = self.env["ir.actions.report"].with_user(user or self.seller)
        content = report._render_qweb_html(REPORT, (partner or self.partner).ids)[0]
        page = html.fromstring(content).xpath("//div[contains(@class, 'clm_summary')]")
        self.assertEqual(len(page), 1)
        return " ".join(page[0].text_content().split())

    def test_summary_when_printed_then_what_the_page_says(self):
        self._create_order(self.contact, self.days_ago(3), price=250.0)
        self._create_billed(self.today - timedelta(days=320), title="Hosting", term_months=12, notice_count=1)
        day = self.today - timedelta(days=40)
        self._create_invoice(self.partner, day, price=70.0, invoice_date_due=day)
        text = self._print()
        for words in ("Azure Interior", "Ask for the payment", "Hosting", "decide now", "Coffee", "250.00", "Overdue"):
            self.assertIn(words, text)

    def test_contact_when_printed_then_the_summary_of_its_company(self):
        self.assertIn("Azure Interior", self._print(partner=self.contact))

    def test_viewer_when_amounts_are_not_for_all_then_dashes(self):
        self._create_order(self.partner, self.days_ago(3), price=777.0)
        self.assertIn("777.00", self._print(self.viewer))
        self._hide_amounts()
        text = self._print(self.viewer)
        self.assertNotIn("777", text)
        self.assertIn("Amounts are for those who sell or keep the books.", text)
        self.assertIn("777.00", self._print(self.seller))

    def test_colleague_when_without_the_lifecycle_then_refused(self):
        with self.assertRaises(AccessError):
            self._print(self.internal)

    def test_customer_when_nothing_is_known_then_printed_all_the_same(self):
        self.assertIn("Deco Addict", self._print(partner=self.other_partner))

    def test_busy_customer_when_printed_then_on_one_page(self):
        for number in range(12):
            self._create_order(self.contact, self.days_ago(number + 1))
            self._create_billed(
                self.today - timedelta(days=320 + number), title="A contract with a rather long title " * 4,
                term_months=12, notice_count=1)
            day = self.today - timedelta(days=40 + number)
            self._create_invoice(self.partner, day, invoice_date_due=day)
        self._print()
        summary = self.env["report.clm.report_customer_summary"].with_user(self.seller)
        values = summary._get_report_values(self.partner.ids)["summaries"][self.partner]
        self.assertEqual((len(values["contracts"]), len(values["dates"]), len(values["events"])), (4, 4, 10))
        self.assertTrue(all(len(row["name"]) <= 70 for row in values["contracts"]))

    def test_name_of_the_file_when_the_customer_has_a_slash_then_none(self):
        self.partner.name = "A/B"
        name = safe_eval(self.env.ref(REPORT).print_report_name, {"object": self.contact})
        self.assertEqual(name, "Customer Summary - A-B")


@tagged("post_install", "-at_install")
class TestCustomerSummaryPdf(PageCase, HttpCase):
    """Real files of the real printer, with the styles that it fetches."""

    real_pdf = True

    def test_pdf_of_a_busy_customer_when_made_then_has_one_page(self):
        reports = self.env["ir.actions.report"].with_user(self.seller).with_context(force_report_rendering=True)
        if reports.get_wkhtmltopdf_state() != "ok":
            self.skipTest("wkhtmltopdf is missing or too old")
        for number in range(12):
            self._create_order(self.contact, self.days_ago(number + 1))
            self._create_billed(self.today - timedelta(days=320 + number), term_months=12, notice_count=1)
        self.env.flush_all()
        content, kind = reports._render_qweb_pdf(REPORT, self.partner.ids)
        self.assertEqual(kind, "pdf")
        pages = PdfReader(io.BytesIO(content)).pages
        self.assertEqual(len(pages), 1)
        self.assertIn("Azure Interior", pages[0].extract_text())
