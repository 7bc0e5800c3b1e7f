import io
import re
from datetime import date, timedelta

from markupsafe import Markup

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import HttpCase, freeze_time, tagged
from odoo.tools.pdf import PdfReader

from .contract_common import PNG, ContractCase


class PrintCase(ContractCase):
    """Prints as HTML: what the PDF is made of."""

    def _print(self, contracts, report="clm.action_report_contract", user=None, context=(), **data):
        """:return: the text of a print, tags and repeated white space left out"""
        html = self._print_html(contracts, report, user, context, **data)
        return " ".join(re.sub(r"<[^>]+>", " ", html).split())

    def _print_html(self, contracts, report="clm.action_report_contract", user=None, context=(), **data):
        user = user or self.user
        reports = self.env["ir.actions.report"].with_user(user).with_context(**dict(context))
        reports = reports.sudo(user.share)  # the portal prints with these rights
        html, __ = reports._render_qweb_html(report, contracts.ids, data=data)
        articles = re.findall(r'<div class="article.*?(?=<div class="footer)', html.decode(), re.DOTALL)
        return "".join(articles)


@tagged("post_install", "-at_install")
class TestContractPrint(PrintCase):
    """The printed contract says what was agreed, and what it is: a draft, an offer to sign, or signed."""

    # === DRAFTS AND VERSIONS === #

    def test_draft_when_printed_then_marked_as_draft_on_every_page(self):
        contract = self._create_contract(title="Coffee for the office")
        text = self._print(contract)
        self.assertIn("DRAFT", text)
        self.assertNotIn("DRAFT, version", text)
        self.assertIn(f"Coffee for the office {contract.name}", text)
        self.assertIn("background-image: url(data:image/svg+xml", self._print_html(contract))

    def test_negotiated_contract_when_printed_then_names_its_version(self):
        contract = self._share(self._create_contract())
        self.assertIn("DRAFT, version 1", self._print(contract))

    def test_edited_contract_when_printed_then_says_that_it_changed_after_the_version(self):
        contract = self._share(self._create_contract())
        contract.clause_ids[2].body = "<p>Unlimited liability.</p>"
        text = self._print(contract)
        self.assertIn("DRAFT, changed after version 1", text)
        self.assertIn("Unlimited liability.", text)

    def test_cancelled_contract_when_printed_then_marked(self):
        contract = self._create_contract()
        contract.action_cancel()
        self.assertIn("CANCELLED", self._print(contract))

    def test_contract_out_for_signature_when_printed_then_no_draft(self):
        contract = self._create_contract()
        self._send(contract)
        html = self._print_html(contract)
        self.assertNotIn("DRAFT", html)
        self.assertNotIn("background-image", html)

    def test_other_party_when_it_prints_then_gets_what_was_shared(self):
        contract = self._share(self._create_contract())
        contract.clause_ids[2].body = "<p>Not for their eyes yet.</p>"
        text = self._print(contract, user=self.portal)
        self.assertIn("Liability is limited to the yearly price.", text)
        self.assertNotIn("Not for their eyes", text)
        self.assertIn("DRAFT, version 1", text)

    def test_contract_when_not_shared_then_the_other_party_cannot_print_it(self):
        with self._refuse("not shared yet"):
            self._print(self._create_contract(), user=self.portal)

    def test_contract_without_signatures_when_concluded_then_its_last_version_is_printed(self):
        contract = self._create_active(signature_required="none")
        contract._unlocked().clause_ids[2].body = "<p>Forged.</p>"
        self.assertNotIn("Forged", self._print(contract))

    def test_version_when_asked_for_then_printed(self):
        contract = self._share(self._create_contract())
        first = contract.version_ids
        contract.clause_ids[2].body = "<p>Second wording.</p>"
        contract.action_save_version()
        text = self._print(contract, context={"clm_version_id": first.id})
        self.assertIn("Liability is limited", text)
        self.assertNotIn("Second wording.", text)

    def test_version_of_another_contract_when_asked_for_then_ignored(self):
        contract = self._create_contract()
        other = self._share(self._create_contract())
        other.clause_ids[2].body = "<p>Of another contract.</p>"
        other.action_save_version()
        text = self._print(contract, context={"clm_version_id": other.version_ids[:1].id})
        self.assertNotIn("Of another contract.", text)

    # === CONTENT === #

    def test_clauses_when_printed_then_numbered_and_filled(self):
        text = self._print(self._create_contract())
        self.assertIn(f"1. Parties Between {self.env.company.name} and Azure Interior.", text)
        self.assertIn("3. Liability Liability is limited to the yearly price.", text)
        self.assertNotIn("{{", text)

    def test_key_terms_when_printed_then_in_words(self):
        contract = self._create_contract(date_start=date(2027, 1, 1), renewal_policy="auto", uplift=3.5, notice_count=2)
        terms = {row["label"]: row["value"] for row in contract._print_values()["terms"]}
        self.assertEqual(terms, {
            "Start": "01/01/2027",
            "End": "12/31/2027",
            "Notice period": "2 months (at the latest on 10/31/2027)",
            "At the end": "Renews for 1 year at a time unless notice is given",
            "Price increase at renewal": "3.5 %",
            "Billing": "Every month, in advance",
        })

    def test_endless_contract_when_printed_then_no_fixed_end(self):
        contract = self._create_contract(term_months=0, renewal_policy="evergreen", minimum_months=6)
        terms = {row["key"]: row["value"] for row in contract._print_values()["terms"]}
        self.assertEqual(terms["date_end"], "No fixed date")
        self.assertEqual(terms["notice"], "1 month")
        self.assertEqual(terms["minimum"], "6 months")

    def test_limited_renewals_when_printed_then_their_number_is_said(self):
        contract = self._create_contract(renewal_policy="auto", renewal_limit=2)
        terms = {row["key"]: row["value"] for row in contract._print_values()["terms"]}
        self.assertEqual(terms["renewal"], "Renews for 1 year at a time unless notice is given, at most 2 times")

    def test_parties_when_printed_then_with_contact_address_and_vat(self):
        self.partner.write({"street": "1 Rue Bleue", "zip": "69001", "vat": "FR23334175221"})
        contact = self._create_partner("Theo Them", parent_id=self.partner.id)
        ours, theirs = self._create_contract(partner_id=contact.id)._print_values()["parties"]
        self.assertEqual(ours["name"], self.env.company.name)
        self.assertEqual(
            (theirs["name"], theirs["contact"], theirs["vat"]), ("Azure Interior", "Theo Them", "FR23334175221")
        )
        self.assertNotIn("", theirs["address"])

    def test_price_schedule_when_printed_then_lines_and_sums_by_period(self):
        tax = self.env["account.tax"].create({"name": "VAT 20%", "amount": 20.0})
        contract = self._create_contract(line_ids=[
            Command.create(self._prepare_line(
                name="Beans", quantity=3, price_unit=100.0, discount=10.0, tax_ids=[Command.set(tax.ids)],
            )),
            Command.create(self._prepare_line(name="Cups", price_unit=30.5, billing="arrears")),
            Command.create(self._prepare_line(name="Machine", price_unit=900.0, recurrence_unit="once")),
        ])
        paper = contract._print_values()
        columns = ("name", "quantity", "price", "discount", "taxes", "billing", "amount")
        self.assertEqual([tuple(line[column] for column in columns) for line in paper["lines"]], [
            ("Beans", "3", "100.00", "10 %", "VAT 20%", "every month, in advance", 270.0),
            ("Cups", "1", "30.50", "", "", "every month, in arrears", 30.5),
            ("Machine", "1", "900.00", "", "", "once", 900.0),
        ])
        symbol = contract.currency_id.symbol
        sums = [(period, amount.replace("\N{NO-BREAK SPACE}", "").strip(symbol)) for period, amount in paper["totals"]]
        self.assertEqual(sums, [("Every month", "300.50"), ("Once", "900.00")])
        self.assertTrue(paper["has_discount"] and paper["has_taxes"])

    def test_price_with_tax_included_when_printed_then_the_amount_is_without(self):
        tax = self.env["account.tax"].create({
            "name": "Incl", "amount": 25.0, "price_include_override": "tax_included",
        })
        contract = self._create_contract(line_ids=[
            Command.create(self._prepare_line(price_unit=125.0, tax_ids=[Command.set(tax.ids)])),
        ])
        self.assertEqual(contract._print_values()["lines"][0]["amount"], 100.0)

    def test_columns_when_no_line_needs_them_then_left_out(self):
        html = self._print_html(self._create_contract())
        self.assertNotIn(">Discount<", html)
        self.assertNotIn(">Taxes<", html)

    def test_hostile_texts_when_printed_then_harmless(self):
        contract = self._create_contract(title="<script>alert(1)</script>", line_ids=[
            Command.create(self._prepare_line(name="<img src=x onerror=alert(1)>")),
        ])
        contract.clause_ids[0].body = Markup("<p>Fine</p><script>alert(2)</script>")
        html = self._print_html(contract)
        self.assertNotIn("<script", html)
        self.assertNotIn("<img src", html)

    def test_headings_in_clauses_when_printed_then_one_highest_heading_is_left(self):
        contract = self._create_contract()
        contract.clause_ids[0].body = Markup("<h1>Big</h1><p>Text</p><h2>Less</h2>")
        html = self._print_html(contract)
        self.assertEqual(html.count("<h1"), 1)
        self.assertIn("<h6>Big</h6>", html)

    def test_supplier_contract_when_printed_then_both_parties_are_named(self):
        supplies = self._create_type(name="Supplies", direction="supplier")
        text = self._print(self._create_contract(type_id=supplies.id))
        self.assertIn("For Azure Interior", text)
        self.assertIn(f"For {self.env.company.name}", text)

    def test_language_of_the_other_party_when_printed_then_used(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.partner.lang = "fr_FR"
        contract = self._create_contract(date_start=date(2027, 1, 31))
        html = self._print_html(contract)
        self.assertIn('data-oe-lang="fr_FR"', html)
        self.assertIn("31/01/2027", html)

    def test_viewer_when_printing_then_may(self):
        contract = self._create_active()
        self.assertIn(contract.name, self._print(contract, user=self.viewer))

    def test_file_when_printed_then_named_after_number_and_title(self):
        contract = self._create_contract(title="A/B test")
        report = self.env.ref("clm.action_report_contract")
        self.assertEqual(report.print_report_name, "object._get_report_base_filename()")
        self.assertEqual(contract._get_report_base_filename(), f"{contract.name} A/B test".replace("/", "-"))

    # === SIGNATURES === #

    def test_unsigned_contract_when_printed_then_room_to_sign_and_no_audit_page(self):
        text = self._print(self._create_contract())
        self.assertEqual(text.count("Place and date"), 2)
        self.assertNotIn("Audit page", text)

    def test_one_signature_when_only_theirs_is_needed_then_one_block(self):
        blocks = self._create_contract(signature_required="them")._print_values()["signatures"]
        self.assertEqual([block["party"] for block in blocks], ["Azure Interior"])

    def test_contract_when_no_signature_is_needed_then_no_block(self):
        text = self._print(self._create_contract(signature_required="none"))
        self.assertNotIn("Place and date", text)

    @freeze_time("2027-01-04 23:30:15")
    def test_signed_contract_when_printed_then_the_audit_page_says_who_when_and_where(self):
        self.env.company.lifecycle_tz = "Asia/Tokyo"
        contract = self._create_contract()
        self._send(contract)
        contract._audit("viewed", name="Theo Them", ip="2001:db8::1", user_agent="Reader")
        self._sign_all(contract)
        html, text = self._print_html(contract), self._print(contract)
        self.assertIn(f"Audit page of {contract.name}", text)
        self.assertEqual(html.count("data:image/png;base64"), 2)
        for part in (
            "Ursula Us", "Theo Them", "IP address 192.0.2.7", "Asia/Tokyo", "(UTC+0900)", "2001:db8::1",
            contract.signature_ids[0].sha256, "Drawn or typed",
        ):
            self.assertIn(part, text)
        # half past eleven at night in UTC is the next morning there
        self.assertIn("01/05/2027", contract._print_values()["audit"]["signatures"][0]["when"])
        self.assertNotIn("Place and date", text)

    def test_half_signed_contract_when_printed_then_one_block_is_empty(self):
        contract = self._create_contract()
        self._send(contract)
        contract._sign("them", "Theo Them", PNG)
        ours, theirs = contract._print_values()["signatures"]
        self.assertEqual((ours["name"], theirs["name"]), ("", "Theo Them"))
        self.assertIn("Audit page", self._print(contract))

    def test_contract_signed_on_paper_when_printed_then_says_so_with_its_day(self):
        contract = self._create_contract(date_start=self.today - timedelta(days=30))
        self._approve(contract)
        contract._sign_on_paper("scan.pdf", b"%PDF-1.4", "Ursula", "Theo", self.today - timedelta(days=7))
        blocks = contract._print_values()["signatures"]
        self.assertEqual([block["paper"] for block in blocks], [True, True])
        day = contract.signed_on.strftime("%m/%d/%Y")
        self.assertEqual([block["date"] for block in blocks], [day, day])

    def test_signed_text_when_the_record_was_tampered_with_then_printed_as_signed(self):
        contract = self._create_active()
        contract._unlocked().clause_ids[2].body = "<p>Forged.</p>"
        contract._unlocked().line_ids.price_unit = 1.0
        contract._unlocked().title = "Forged title"
        text = self._print(contract)
        self.assertNotIn("Forged", text)
        self.assertIn("Liability is limited to the yearly price.", text)
        self.assertEqual(contract._print_values()["lines"][0]["amount"], 100.0)

    def test_declined_contract_when_printed_then_its_signatures_are_gone(self):
        contract = self._create_contract()
        self._send(contract)
        contract._sign("them", "Theo Them", PNG)
        contract._decline("Too expensive", name="Theo Them")
        text = self._print(contract)
        self.assertNotIn("Audit page", text)
        self.assertIn("DRAFT", text)

    def test_audit_page_when_printed_then_without_our_inner_acts(self):
        contract = self._create_active()
        contract.action_verify()
        acts = {act["what"] for act in contract._print_values()["audit"]["acts"]}
        self.assertEqual(acts, {"Signed"})

    def test_several_contracts_when_printed_then_one_article_each(self):
        contracts = self._create_contract() + self._create_active()
        html = self._print_html(contracts)
        self.assertEqual(re.findall(r'data-oe-id="(\d+)"', html), [str(contract.id) for contract in contracts])


@tagged("post_install", "-at_install")
class TestAmendmentPrint(PrintCase):
    """An amendment says what it changes, and nothing else."""

    def setUp(self):
        super().setUp()
        self.contract = self._create_active(
            title="Coffee", line_ids=[
                Command.create(self._prepare_line(name="Beans", price_unit=100.0)),
                Command.create(self._prepare_line(name="Cups", price_unit=30.0)),
                Command.create(self._prepare_line(name="Milk", price_unit=20.0)),
            ],
        )
        self.start = self.today + timedelta(days=10)
        self.end = self.contract.date_end + timedelta(days=31)
        self.amendment = self.contract._amend(self.start, self.end, "More coffee")
        beans, __, milk = self.amendment.line_ids
        beans.write({"price_unit": 120.0, "name": "Better beans"})
        milk.unlink()
        self.amendment.write({"line_ids": [Command.create(self._prepare_line(name="Sugar", price_unit=5.0))]})
        self.amendment.clause_ids[2].body = "<p>Liability is limited to twice the yearly price.</p>"

    def _changes(self):
        return self.amendment._print_values()["amendment"]

    def _kinds(self):
        return [(line["kind"], line["name"], line["before"], line["after"]) for line in self._changes()["lines"]]

    def test_amendment_when_printed_then_says_what_it_changes_and_from_when(self):
        text = self._print(self.amendment)
        self.assertIn(f"Amendment to {self.contract.name}", text)
        self.assertIn(f"The changes apply from {self.start.strftime('%m/%d/%Y')}", text)
        self.assertIn("How to read the changes", text)
        self.assertIn(f"Price schedule from {self.start.strftime('%m/%d/%Y')}", text)
        self.assertIn("For Azure Interior", text)

    def test_terms_when_changed_then_old_and_new_are_told(self):
        by_label = {term["label"]: term for term in self._changes()["terms"]}
        self.assertEqual(set(by_label), {"End", "Notice period"})  # the deadline moves with the end
        self.assertEqual(by_label["End"]["before"], self.contract.date_end.strftime("%m/%d/%Y"))
        self.assertEqual(by_label["End"]["after"], self.end.strftime("%m/%d/%Y"))

    def test_lines_when_changed_then_old_and_new_are_told(self):
        self.assertEqual(self._kinds(), [
            ("changed", "Better beans", "Beans, 1 x 100.00 USD, every month, in advance",
             "Better beans, 1 x 120.00 USD, every month, in advance"),
            ("new", "Sugar", "", "1 x 5.00 USD, every month, in advance"),
            ("gone", "Milk", "1 x 20.00 USD, every month, in advance", ""),
        ])

    def test_clauses_when_changed_then_only_these_are_printed_as_redline(self):
        [clause] = self._changes()["clauses"]
        self.assertEqual((clause["number"], clause["name"], clause["old_name"]), (3, "Liability", ""))
        self.assertRegex(str(clause["html"]), r'<ins class="clm_ins">\s*twice')
        self.assertNotIn("1. Parties", self._print(self.amendment))

    def test_title_of_a_clause_when_changed_then_both_are_told(self):
        self.amendment.clause_ids[0].name = "The parties"
        clause, __ = self._changes()["clauses"]
        self.assertEqual((clause["name"], clause["old_name"], clause["kind"]), ("The parties", "Parties", "changed"))

    def test_portal_user_when_printing_without_the_portal_then_refused(self):
        reports = self.env["ir.actions.report"].with_user(self.portal)
        with self.assertRaises(AccessError):
            reports._render_qweb_html("clm.action_report_contract", self.contract.ids)

    def test_applied_amendment_when_printed_then_says_the_same(self):
        before = self._changes()
        with freeze_time(self.start):
            self._activate(self.amendment)
            self.assertEqual(self.amendment.close_reason, "applied")
            self.env.invalidate_all()
            self.assertEqual(self._changes(), before)

    def test_amended_contract_when_printed_then_as_signed_with_a_note(self):
        with freeze_time(self.start):
            self._activate(self.amendment)
            paper = self.contract._print_values()
        self.assertEqual([line["name"] for line in paper["lines"]], ["Beans", "Cups", "Milk"])
        self.assertEqual([later["name"] for later in paper["changed_by"]], [self.amendment.display_name])
        self.assertIn("It was changed by", self._print(self.contract))

    def test_second_amendment_when_printed_then_compares_with_the_first(self):
        with freeze_time(self.start):
            self._activate(self.amendment)
        with freeze_time(self.start + timedelta(days=5)):
            second = self.contract._amend(self.start + timedelta(days=20), None, "Cheaper")
            second.line_ids.filtered(lambda line: line.name == "Better beans").price_unit = 110.0
            [change] = second._print_values()["amendment"]["lines"]
        self.assertEqual(change["before"], f"1 x 120.00 USD, every month, in advance, From {self.start:%m/%d/%Y}")
        self.assertEqual(change["after"], f"1 x 110.00 USD, every month, in advance, From {self.start:%m/%d/%Y}")

    def test_amendment_when_nothing_was_changed_then_says_so(self):
        self.amendment.action_cancel()
        empty = self.contract._amend(self.start)
        self.assertIn("Nothing was changed yet.", self._print(empty))


@tagged("post_install", "-at_install")
class TestRedlinePrint(PrintCase):
    """The redline of two versions, with terms and lines."""

    REPORT = "clm.action_report_contract_redline"

    def setUp(self):
        super().setUp()
        self.contract = self._share(self._create_contract())
        self.contract.clause_ids[2].body = "<p>Liability is limited to the monthly price.</p>"
        self.contract.line_ids.price_unit = 90.0
        self.contract.action_save_version()
        self.first, self.second = self.contract.version_ids.sorted("number")

    def _save(self):
        self.contract.action_save_version()
        return self.contract.version_ids.sorted("number")[-1]

    def test_version_when_printed_then_compared_with_the_one_before(self):
        html = self._print_html(self.second, self.REPORT)
        self.assertRegex(html, r'<ins class="clm_ins">\s*monthly')
        self.assertRegex(html, r'<del class="clm_del">\s*yearly')
        self.assertIn("1 x 90.00 USD", html)
        text = self._print(self.second, self.REPORT)
        self.assertRegex(text, r"From Version 1, .* To Version 2, ")
        self.assertIn("How to read the changes", text)

    def test_version_when_another_one_is_named_then_compared_with_that(self):
        self.contract.clause_ids[2].body = "<p>Liability is limited to the daily price.</p>"
        html = self._print_html(self._save(), self.REPORT, old=self.first.id)
        self.assertRegex(html, r'<del class="clm_del">\s*yearly')
        self.assertRegex(html, r'<ins class="clm_ins">\s*daily')
        self.assertNotIn("monthly", html)

    def test_nothing_when_named_to_compare_with_then_all_is_new(self):
        html = self._print_html(self.second, self.REPORT, old=False)
        self.assertIn('<ins class="clm_ins">1. Parties</ins>', html)

    def test_first_version_when_printed_then_all_is_new(self):
        text = self._print(self.first, self.REPORT)
        self.assertIn("This is the first version.", text)

    def test_equal_texts_when_printed_then_said(self):
        self.assertIn("The text is the same", self._print(self.second, self.REPORT, old=self.second.id))

    def test_version_of_another_contract_when_named_then_refused(self):
        other = self._share(self._create_contract())
        with self._refuse("one contract"):
            self._print(self.second, self.REPORT, old=other.version_ids.id)

    def test_ids_when_they_come_in_the_context_then_printed(self):
        reports = self.env["ir.actions.report"].with_user(self.user).with_context(active_ids=self.second.ids)
        html, __ = reports._render_qweb_html(self.REPORT, None, data={"old": self.first.id})
        self.assertIn(b"monthly", html)

    def test_headings_of_clauses_when_printed_then_below_that_of_the_document(self):
        self.contract.clause_ids[0].body = Markup("<h1>Big</h1>")
        self.assertEqual(self._print_html(self._save(), self.REPORT).count("<h1"), 1)


@tagged("post_install", "-at_install")
class TestContractRegister(PrintCase):
    """The register of a period: who counts, in which group, and the sums."""

    REPORT = "clm.action_report_contract_register"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.company = cls.env["res.company"].create({"name": "Register Ltd"})
        cls.user.company_ids |= cls.company
        cls.user.company_id = cls.company
        cls.other_type = cls._create_type(name="Lease", sequence=1)

    def _register(self, **vals):
        return self.env["clm.contract.register"].with_user(self.user).create({
            "date_from": date(2026, 1, 1), "date_to": date(2026, 12, 31), "company_id": self.company.id, **vals,
        })

    def _create_dated(self, start, end=False, state="active", **vals):
        """Create a contract of the company with these dates, in this state without its history."""
        vals = {"company_id": self.company.id, "term_months": 0, "notice_count": 0, **vals}
        contract = self._create_contract(date_start=start, date_end=end, **vals)
        contract._unlocked().write({"state": state})
        return contract

    def test_contract_when_in_force_at_some_time_of_the_period_then_listed(self):
        inside = [
            self._create_dated(date(2020, 1, 1)),
            self._create_dated(date(2025, 1, 1), date(2026, 1, 1)),
            self._create_dated(date(2026, 12, 31), date(2027, 12, 30), "signed"),
        ]
        self._create_dated(date(2025, 1, 1), date(2025, 12, 31), "closed")
        self._create_dated(date(2027, 1, 1), state="signed")
        self._create_dated(date(2026, 1, 1), state="draft")
        left = self._create_dated(date(2025, 1, 1), date(2027, 1, 1), "closed")
        left._unlocked().closed_on = date(2025, 6, 30)
        self.assertEqual(set(self._register()._contracts()), set(inside))

    def test_contract_when_it_begins_or_ends_in_the_period_then_listed_by_that(self):
        begins = self._create_dated(date(2026, 5, 1))
        ends = self._create_dated(date(2025, 1, 1), date(2026, 12, 31))
        left = self._create_dated(date(2025, 1, 1), date(2027, 12, 31), "closed")
        left._unlocked().closed_on = date(2026, 3, 31)
        self.assertEqual(self._register(scope="start")._contracts(), begins)
        self.assertEqual(set(self._register(scope="end")._contracts()), {ends, left})

    def test_states_types_and_direction_when_limited_then_the_others_are_left_out(self):
        active = self._create_dated(date(2026, 1, 1))
        draft = self._create_dated(date(2026, 1, 1), state="draft")
        lease = self._create_dated(date(2026, 1, 1), type_id=self.other_type.id)
        cancelled = self._create_dated(date(2026, 1, 1), state="cancelled")
        self.assertEqual(set(self._register(states="active")._contracts()), {active, lease})
        self.assertEqual(self._register(states="open")._contracts(), draft)
        self.assertNotIn(cancelled, self._register(states="all")._contracts())
        self.assertEqual(self._register(type_ids=self.other_type.ids)._contracts(), lease)
        self.assertFalse(self._register(direction="supplier")._contracts())

    def test_amendment_when_it_is_open_then_not_listed(self):
        contract = self._create_dated(date(2026, 1, 1), date(2027, 12, 31))
        contract._amend(date(2026, 6, 1))
        self.assertEqual(self._register(states="all")._contracts(), contract)

    def test_contract_of_another_company_when_in_force_then_not_listed(self):
        other = self._create_dated(date(2026, 1, 1), company_id=self.env.company.id)
        self.assertFalse(self._register()._contracts())
        self.assertEqual(self._register(company_id=self.env.company.id)._contracts() & other, other)

    def test_register_when_printed_then_by_type_with_sums_by_currency(self):
        euro, dollar = self.env.ref("base.EUR"), self.env.ref("base.USD")
        (euro | dollar).active = True
        self.company.currency_id = dollar
        self.env["res.currency.rate"].create({
            "currency_id": euro.id, "company_id": self.company.id, "name": date(2020, 1, 1), "rate": 0.5,
        })
        term = {"start": date(2026, 1, 1), "end": date(2026, 12, 31)}
        self._create_dated(**term)  # 12 x 100
        self._create_dated(**term, line_ids=[Command.create(self._prepare_line(price_unit=50.0))])
        self._create_dated(**term, currency_id=euro.id, type_id=self.other_type.id)
        register = self._register()._print_values()
        self.assertEqual([group["type"] for group in register["groups"]], ["Lease", "Agreement"])
        lease, agreement = (group["sums"] for group in register["groups"])

        def plain(sums):
            amounts = [(total["currency"], total["acv"], total["tcv"]) for total in sums["currencies"]]
            clean = re.compile(r"[^\d.]")
            return (
                sums["count"], [(name, clean.sub("", acv), clean.sub("", tcv)) for name, acv, tcv in amounts],
                clean.sub("", sums["company_tcv"]),
            )

        self.assertEqual(plain(lease), (1, [("EUR", "1200.00", "1200.00")], "2400.00"))
        self.assertEqual(plain(agreement), (2, [("USD", "1800.00", "1800.00")], "1800.00"))
        self.assertEqual(
            plain(register["sums"]),
            (3, [("USD", "1800.00", "1800.00"), ("EUR", "1200.00", "1200.00")], "4200.00"),
        )
        text = self._print(self._register(), self.REPORT)
        self.assertIn("Total of all types (3)", text)
        self.assertIn("Register Ltd, 01/01/2026", text)

    def test_register_when_opened_as_list_then_the_same_contracts(self):
        contracts = self._create_dated(date(2026, 1, 1)) + self._create_dated(date(2020, 1, 1), date(2026, 1, 1))
        action = self._register().action_open()
        found = self.env[action["res_model"]].with_context(**action["context"]).search(action["domain"])
        self.assertEqual(set(found.ids), set(contracts.ids))

    def test_register_when_empty_then_printing_is_refused(self):
        with self._refuse("No contract fits"):
            self._register().action_print()

    def test_register_when_it_has_contracts_then_the_print_is_asked_for(self):
        self._create_dated(date(2026, 1, 1))
        register = self._register()
        self.assertEqual(register.action_print()["report_name"], "clm.report_contract_register")

    def test_period_when_it_ends_before_it_begins_then_refused(self):
        with self._refuse("ends before it begins"):
            self._register(date_to=date(2025, 1, 1))

    def test_viewer_when_printing_the_register_then_may(self):
        self._create_contract(date_start=self.today)._unlocked().state = "active"
        register = self.env["clm.contract.register"].with_user(self.viewer).create({})
        self.assertIn("Contract register", self._print(register, self.REPORT, user=self.viewer))


@tagged("post_install", "-at_install")
class TestContractPdf(ContractCase, HttpCase):
    """Real files of the real printer."""

    real_pdf = True

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if cls.env["ir.actions.report"].get_wkhtmltopdf_state() != "ok":
            cls.skipTest(cls, "wkhtmltopdf is missing or too old")

    def _pages(self, contracts):
        """:return: the text of each page"""
        reports = self.env["ir.actions.report"].with_context(force_report_rendering=True)
        content, kind = reports._render_qweb_pdf("clm.action_report_contract", contracts.ids)
        self.assertEqual(kind, "pdf")
        return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages]

    def test_ten_contracts_when_printed_in_one_go_then_each_once_and_on_fresh_pages(self):
        contracts = self.env["clm.contract"]
        for number in range(10):
            contracts += self._create_contract(
                title=f"Contract number {number}",
                line_ids=[Command.create(self._prepare_line(name=f"Line {line}")) for line in range(1 + number * 6)],
            )
        for contract in contracts[::3]:
            contract.clause_ids[0].body = Markup("<p>Text</p>") * 60 + Markup("<h1>Highest heading on page two</h1>")
            self._send(contract)
            self._sign_all(contract)
        pages = self._pages(contracts)
        first_pages = [number for number, page in enumerate(pages) if re.search(r"Contract number \d C/", page)]
        self.assertEqual(len(first_pages), 10, pages)
        self.assertEqual(first_pages[0], 0)
        titles = [re.search(r"Contract number (\d)", pages[number])[1] for number in first_pages]
        self.assertEqual(titles, [str(number) for number in range(10)])
        for start, end in zip(first_pages, [*first_pages[1:], len(pages)], strict=True):
            for position, page in enumerate(pages[start:end], start=1):
                self.assertIn(f"Page {position} / {end - start}", page)

    def test_signature_block_when_the_page_is_full_then_goes_to_the_next_as_a_whole(self):
        for lines in (18, 22, 26, 30):
            contract = self._create_contract(line_ids=[
                Command.create(self._prepare_line(name=f"Line {number}")) for number in range(lines)
            ])
            [block] = [page for page in self._pages(contract) if "Place and date" in page]
            self.assertEqual(block.count("Place and date"), 2)
            self.assertIn("Signatures", block)
            self.assertIn("For Azure Interior", block)

    def test_last_signature_when_given_then_the_file_with_its_hash_is_kept(self):
        contract = self._create_contract()
        self._send(contract)
        contract = contract.with_context(force_report_rendering=True)
        self._sign_all(contract)
        content = contract.sudo().signed_attachment_id.raw
        self.assertTrue(content.startswith(b"%PDF"))
        text = " ".join(page.extract_text() for page in PdfReader(io.BytesIO(content)).pages)
        self.assertIn(contract.signature_ids[0].sha256, text.replace("\n", "").replace(" ", ""))
        self.assertEqual(contract._verify(), [])
