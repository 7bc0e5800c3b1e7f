import io
from datetime import datetime

from openpyxl import load_workbook

from odoo.exceptions import AccessError, UserError
from odoo.tests import HttpCase, tagged
from odoo.tools import SQL

from ..models import clm_export
from .test_billing_reports import BillingReportCase

REPORTS = ("reconciliation", "aged", "deferred", "schedule", "mrr", "expiring")


class ExportCase(BillingReportCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # what the database has already is billed elsewhere
        cls.env.cr.execute(SQL("UPDATE account_move_line SET clm_contract_id = NULL, clm_installment_id = NULL"))
        cls.env.cr.execute(SQL("DELETE FROM clm_installment"))
        cls.env.cr.execute(SQL("DELETE FROM clm_mrr_movement"))
        cls.env.invalidate_all()

    def _wizard(self, report, user=None, **vals):
        return self.env["clm.billing.export"].with_user(user or self.accountant).create({"report": report, **vals})

    def _workbook(self, book, env):
        file = io.BytesIO()
        env["clm.export"]._write_xlsx(file, book)
        return load_workbook(io.BytesIO(file.getvalue()))

    def _export(self, report, **vals):
        """:return: workbook of openpyxl, as the accountant gets it"""
        self.env.flush_all()
        wizard = self._wizard(report, **vals)
        return self._workbook(wizard._book(), wizard.env)

    def _lines(self, sheet, *labels):
        """:return: list of rows under the header, as dicts of the columns with these labels"""
        rows = list(sheet.iter_rows(values_only=True))
        header = next(number for number, row in enumerate(rows) if set(labels) <= set(row))
        places = [rows[header].index(label) for label in labels]
        return [tuple(row[place] for place in places) for row in rows[header + 1:]]

    def _html(self, report, **vals):
        wizard = self._wizard(report, **vals)
        return self.env["ir.actions.report"].with_user(self.accountant)._render_qweb_html(
            "clm.report_billing_export", wizard.ids)[0].decode()


@tagged("post_install", "-at_install")
class TestBillingExport(ExportCase):
    def test_every_report_is_written_as_spreadsheet_and_print_when_there_is_nothing(self):
        other = self.env["res.company"].create({"name": "Clm Empty"})
        self.accountant.company_ids |= other
        for report in REPORTS:
            with self.subTest(report=report):
                self.assertTrue(self._export(report, company_id=other.id).sheetnames)
                self.assertIn("Clm Empty", self._html(report, company_id=other.id))

    def test_reconciliation_has_numbers_and_totals_per_currency(self):
        currency = self.env["res.currency"].create({"name": "ZZC", "symbol": "Z", "rounding": 0.01})
        currency.rate_ids.create({"currency_id": currency.id, "name": "2025-01-01", "rate": 2.0,
                                  "company_id": self.company.id})
        with self.at("2026-02-10"):
            contracts = self._create_billed("2026-01-01")
            contracts += self._create_billed("2026-01-01", [{"price_unit": 30.0}])
            contracts += self._create_billed("2026-01-01", [{"price_unit": 10.0}], currency_id=currency.id)
            self._bill(contracts[0], "2026-01-15")
            book = self._export("reconciliation")
        sheet = book["Reconciliation"]
        own = self.company.currency_id.name
        self.assertEqual(
            self._lines(sheet, "Contract", "Currency", "Contracted", "Invoiced", "Leakage"),
            [
                (contracts[0].display_name, own, 200, 100, 100), (contracts[1].display_name, own, 60, 0, 60),
                (contracts[2].display_name, "ZZC", 20, 0, 20),
                *self._lines(sheet, "Contract", "Currency", "Contracted", "Invoiced", "Leakage")[3:],
            ],
        )
        totals = self._lines(sheet, "Currency", "Contracted", "Leakage in company currency")[3:]
        self.assertEqual({code for code, *_sums in totals if code}, {own, "ZZC"})
        for _code, contracted, leakage in totals:
            for formula in filter(None, (contracted, leakage)):
                self.assertTrue(formula.startswith("=S"), formula)
        formats = {cell.number_format for cell in sheet["D"] if isinstance(cell.value, int | float)}
        self.assertTrue(any("Z" in each for each in formats), formats)
        self.assertTrue(sheet.freeze_panes and sheet.auto_filter.ref)
        leaks = self._lines(book["Leakage by Row"], "Contract", "Cause", "Leakage")
        self.assertEqual(leaks[0], (contracts[0].display_name, "Not invoiced", 100))

    def test_schedule_has_real_dates_and_sums_by_month(self):
        with self.at("2026-01-10"):
            self._create_billed("2026-01-01", date_end="2026-03-31")
            book = self._export("schedule")
        self.assertEqual(self._lines(book["By Month"], "Month from", "Rows", "To invoice")[:3], [
            (datetime(2026, month, 1), 1, 100) for month in (1, 2, 3)
        ])
        self.assertEqual(
            self._lines(book["Rows"], "From", "Until", "State")[0],
            (datetime(2026, 1, 1), datetime(2026, 1, 31), "Planned"),
        )

    def test_aged_outstanding_has_a_column_per_age(self):
        with self.at("2026-05-02"):
            contract = self._create_billed("2026-01-01")
            moves = self._bill(contract)
            for move in moves:
                move.invoice_date_due = move.invoice_date
            moves[4].invoice_date_due = "2026-06-01"
            self._pay(moves[1])
            sheet = self._export("aged")["Aged Outstanding"]
        labels = "Outstanding", "Not due", "1-30 days", "31-60 days", "61-90 days", "Over 90 days"
        self.assertEqual(self._lines(sheet, *labels, "Days overdue at most")[0], (400, 100, None, 100, 100, 100, 121))

    def test_deferred_revenue_by_month_adds_up_to_what_was_invoiced(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-15", [{"price_unit": 1000.0, "recurrence_unit": "year"}])
            move = self._bill(contract)
            book = self._export("deferred", date="2026-02-28")
        months = self._lines(book["By Month of Service"], "Month of service from", "Invoiced", "Recognised", "Deferred")
        self.assertEqual(months[0], (datetime(2026, 1, 1), 46.58, 46.58, 0))
        self.assertEqual(round(sum(row[1] for row in months[:13]), 2), 1000.0)
        line = self._lines(book["Invoice Lines"], "Invoice", "From", "Until", "Invoiced", "Recognised", "Deferred")[0]
        self.assertEqual(line, (
            move.display_name, datetime(2026, 1, 15), datetime(2027, 1, 14), 1000, 123.29, 876.71))
        self.assertEqual(
            self._lines(book["Service and Invoice"], "Month of service from", "Month of invoice from", "Invoiced")[1],
            (datetime(2026, 2, 1), datetime(2026, 1, 1), 76.71),
        )

    def test_recurring_revenue_has_a_native_waterfall_that_adds_up(self):
        with self.at("2026-03-10"):
            self._create_billed("2026-01-01", [{"price_unit": 100.0}])
            self._create_billed("2026-02-01", [{"price_unit": 50.0}])
            book = self._export("mrr", date_from="2026-02-01", date_to="2026-03-31")
        steps = dict(self._lines(book["Waterfall"], "Step", "Amount"))
        self.assertEqual((steps["Start"], steps["Expansion"], steps["End"]), (100, 50, 150))
        self.assertEqual(sum(amount for step, amount in steps.items() if step not in ("Start", "End")), 50)
        self.assertEqual(len(book["Waterfall"]._charts), 1)
        rows = self._lines(book["Recurring Revenue"], "Month from", "Start", "End", "Net retention")
        self.assertEqual(rows[:2], [(datetime(2026, 2, 1), 100, 150, 1.5), (datetime(2026, 3, 1), 150, 150, 1)])

    def test_expiring_lists_contracts_by_end_or_notice(self):
        with self.at("2026-03-10"):
            ending = self._create_billed("2026-01-01", date_end="2026-06-30")
            notice = self._create_billed(
                "2026-01-01", date_end="2026-12-31", notice_count=6, notice_unit="month", renewal_policy="manual")
            self._create_billed("2026-01-01", date_end="2027-12-31")
            sheet = self._export("expiring", date_from="2026-06-01", date_to="2026-06-30")["Contracts Expiring"]
        self.assertEqual(self._lines(sheet, "Number", "End")[:3], [
            (ending.name, datetime(2026, 6, 30)), (notice.name, datetime(2026, 12, 31)), ("Total", None),
        ])

    def test_register_is_written_as_its_print_lists_it(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01")
            register = self.env["clm.contract.register"].with_user(self.accountant).create({})
            self.env.flush_all()
            sheet = self._workbook(register._book(), register.env)["Contract Register"]
            listed = register._contracts().mapped("name")
        rows = self._lines(sheet, "Number", "Start", "Yearly value")
        self.assertIn((contract.name, datetime(2026, 1, 1), contract.acv), rows)
        self.assertEqual(sorted(row[0] for row in rows if row[0] and row[1]), sorted(listed))

    def test_text_that_looks_like_a_formula_stays_text(self):
        self.partner.name = "=HYPERLINK(\"http://evil\",\"x\")"
        with self.at("2026-01-10"):
            self._create_billed("2026-01-01")
            sheet = self._export("reconciliation")["Reconciliation"]
        cell = next(cell for cell in sheet["B"] if cell.value and str(cell.value).startswith("="))
        self.assertEqual((cell.data_type, cell.value), ("s", self.partner.name))

    def test_more_rows_than_a_batch_are_all_written(self):
        with self.at("2026-12-10"):
            self._create_billed("2026-01-01")
            self.patch(clm_export, "BATCH_SIZE", 5)
            book = self._export("schedule", date_from="2026-01-01", date_to="2026-12-31")
        self.assertEqual(len([row for row in self._lines(book["Rows"], "From", "State") if row[1]]), 12)

    # === PRINT === #

    def test_print_shows_what_the_report_says(self):
        with self.at("2026-02-10"):
            contract = self._create_billed("2026-01-01", [{"price_unit": 1234.5}])
            self._bill(contract, "2026-01-15")
            html = self._html("reconciliation")
            self.assertIn(contract.name, html)
            for amount in ("2,469.00", "1,234.50"):
                self.assertIn(amount, html)
            self.assertIn("02/10/2026", html)
            self.assertIn("100.0%", self._html("mrr"))
            self.assertIn("Month of service", self._html("deferred"))

    def test_print_of_too_many_rows_is_refused(self):
        with self.at("2026-02-10"):
            self._create_billed("2026-01-01")
            self.patch(clm_export, "MAX_PRINTED", 3)
            with self.assertRaisesRegex(UserError, "too many to print"):
                self._wizard("schedule")._print_values()

    def test_markup_in_a_name_is_escaped_in_the_print(self):
        self.partner.name = "<b>Bold</b> & Co"
        with self.at("2026-02-10"):
            self._create_billed("2026-01-01")
            self.assertIn("&lt;b&gt;Bold&lt;/b&gt; &amp; Co", self._html("reconciliation"))

    # === RIGHTS AND WIZARD === #

    def test_salespeople_cannot_make_the_reports(self):
        with self.assertRaises(AccessError):
            self._wizard("reconciliation", self.user)

    def test_report_of_a_company_that_is_not_ones_own_is_refused(self):
        other = self.env["res.company"].create({"name": "Clm Other"})
        wizard = self._wizard("reconciliation", company_id=other.id)
        with self.assertRaises(AccessError):
            wizard._book()

    def test_period_that_ends_before_it_begins_is_refused(self):
        with self.assertRaisesRegex(UserError, "ends before"):
            self._wizard("schedule", date_from="2026-02-01", date_to="2026-01-01")

    def test_screen_opens_as_of_the_day(self):
        action = self._wizard("deferred", date="2026-02-28").action_open()
        self.assertEqual(action["context"]["clm_as_of"], "2026-02-28")
        self.assertEqual(action["res_model"], "clm.deferred.report")

    def test_report_is_in_the_currency_of_the_company_that_was_chosen(self):
        other = self.env["res.company"].create({
            "name": "Clm Swiss", "currency_id": self.env["res.currency"].with_context(active_test=False).search(
                [("name", "=", "CHF")]).id,
        })
        self.accountant.company_ids |= other
        book = self._wizard("deferred", company_id=other.id)._book()
        self.assertEqual(book.notes[0], "Clm Swiss")


@tagged("post_install", "-at_install")
class TestExportRoute(ExportCase, HttpCase):
    def test_spreadsheet_is_downloaded_by_its_owner_only(self):
        contract = self._create_billed("2026-01-01")
        self.accountant.password = self.bookkeeper.password = "password-of-a-test"
        wizard = self._wizard("reconciliation")
        url = f"/clm/export/billing/{wizard.id}"
        self.authenticate(self.accountant.login, "password-of-a-test")
        response = self.url_open(url)
        self.assertEqual(response.status_code, 200)
        self.assertIn("Reconciliation", response.headers["Content-Disposition"])
        self.assertEqual(int(response.headers["Content-Length"]), len(response.content))
        sheet = load_workbook(io.BytesIO(response.content))["Reconciliation"]
        self.assertIn(contract.display_name, [cell.value for cell in sheet["A"]])
        self.assertEqual(self.url_open("/clm/export/nothing/1").status_code, 404)
        self.authenticate(self.bookkeeper.login, "password-of-a-test")
        self.assertEqual(self.url_open(url).status_code, 404)
        self.authenticate(None, None)
        self.assertNotIn("spreadsheet", self.url_open(url).headers["Content-Type"])
