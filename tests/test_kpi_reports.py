import io
import re
from ast import literal_eval
from datetime import datetime

from openpyxl import load_workbook

from odoo.exceptions import AccessError, ValidationError
from odoo.fields import Command
from odoo.tests import HttpCase, tagged
from odoo.tools.pdf import PdfReader

from .kpi_report_common import KpiReportCase

SHAPES = {"on": "circle", "off": "polygon", "few": "rect"}


@tagged("post_install", "-at_install")
class TestKpiScorecard(KpiReportCase):
    """The PDF of a scorecard, as the viewer prints it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._store_all()

    def _html(self, scorecard=None, user=None, **vals):
        with self.at(self.today):
            scorecard = scorecard or self._scorecard(user, **vals)
            reports = self.env["ir.actions.report"].with_user(user or self.viewer)
            return reports._render_qweb_html("clm.report_kpi_scorecard", scorecard.ids)[0].decode()

    def _values(self, user=None, **vals):
        with self.at(self.today):
            return self._scorecard(user, **vals)._print_values()

    def _row(self, name, **vals):
        sections = self._values(**vals)["sections"]
        return next(row for section in sections for row in section["rows"] if row["name"] == name)

    def _text(self, html):
        return " ".join(re.sub(r"<[^>]+>", " ", html).split())

    def test_period_when_not_chosen_then_the_last_one_that_is_over(self):
        for kind, label in (("week", "W14 2026"), ("month", "Mar 2026"), ("quarter", "Q1 2026")):
            with self.subTest(kind=kind), self.at(self.today):
                self.assertEqual(self._scorecard(period=kind).period_label, label)

    def test_fiscal_year_when_another_one_then_its_quarters(self):
        self.company.write({"fiscalyear_last_month": "4", "fiscalyear_last_day": 30})
        with self.at(self.today):
            self.assertEqual(self._scorecard(period="quarter").period_label, "Q3 2025-2026")

    def test_row_when_printed_then_has_value_goal_attainment_status_change_and_owner(self):
        row = self._row("Leads")
        self.assertEqual(
            [row[key] for key in ("value", "goal", "attainment", "status_label", "change", "owner")],
            ["12", "10", "120 %", "On track", "+20.0 %", self.manager.name],
        )
        self.assertEqual(len(row["trend"].lines[0].split()), 3)

    def test_lower_is_better_when_above_the_goal_then_off_track(self):
        row = self._row("Renewed")
        self.assertEqual((row["status"], row["attainment"], row["change"]), ("off", "40 %", "+25.0 %"))

    def test_too_few_data_when_printed_then_with_their_interval(self):
        row = self._row("Share Won")
        self.assertEqual((row["status_label"], row["value"]), ("Too few data", "20.0 %"))
        self.assertEqual(row["interval"], "between 3.6 % and 62.4 %")

    def test_summary_when_printed_then_counts_each_status(self):
        counts = {count["status"]: count["count"] for count in self._values()["counts"]}
        self.assertEqual(counts, {"on": 1, "off": 1, "few": 1, "none": 1})

    def test_misses_when_printed_then_before_the_parts(self):
        text = self._text(self._html())
        self.assertLess(text.index("Off track KPI"), text.index("Acquisition KPI"))
        self.assertLess(text.index("Renewed Renewal"), text.index("Acquisition KPI"))

    def test_statuses_when_printed_then_as_shape_and_word(self):
        html = self._html()
        for status, shape in SHAPES.items():
            with self.subTest(status=status):
                label = {"on": "On track", "off": "Off track", "few": "Too few data"}[status]
                self.assertRegex(html, rf'<svg class="clm_mark"[^>]*>\s*<{shape} [^>]*>[^§]*?</svg>\s*<span>{label}<')

    def test_trends_when_printed_then_drawn_with_the_goal_dashed(self):
        html = self._html()
        lines = re.findall(r"<polyline [^>]*>", html)
        dashed = [line for line in lines if "stroke-dasharray" in line]
        self.assertEqual(len(dashed), 4)  # three goals, one of them among the misses as well
        self.assertEqual(len(lines) - len(dashed), 3)  # two KPIs have more than one month
        for line in lines:
            self.assertRegex(line, r'points="[\d., ]+"')

    def test_definitions_when_printed_then_at_the_end(self):
        text = self._text(self._html())
        self.assertIn("Share Won Won leads / leads. (By day) Leads Percent The higher the better", text)
        self.assertGreater(text.index("How each KPI is computed"), text.index("Renewal KPI"))

    def test_heading_when_printed_then_says_company_period_currency_and_day(self):
        self.company.clm_kpi_computed_at = datetime(2026, 4, 10, 1, 0)
        text = self._text(self._html())
        for part in ("KPI scorecard Mar 2026", "Clean", "03/01/2026 – 03/31/2026", self.company.currency_id.name,
                     "The numbers are those of 04/10/2026", "Printed on 04/10/2026"):
            self.assertIn(part, text)
        self.assertNotIn("not over", text)

    def test_period_when_running_then_said(self):
        self.assertIn("The period is not over", self._html(date="2026-04-02"))

    def test_number_when_of_any_kpi_then_that_of_the_cockpit(self):
        for options in ({}, {"period": "week"}, {"team_id": self.team.id}, {"date": "2026-02-02"}):
            with self.subTest(options=options), self.at(self.today):
                scorecard = self._scorecard(**options)
                cockpit = self.env["clm.cockpit"].with_user(self.viewer).with_context(
                    allowed_company_ids=self.company.ids).get_cockpit({
                        "period": scorecard.period, "date": str(scorecard.date), "team_id": scorecard.team_id.id})
                scoped = scorecard._scoped()
                self.assertEqual(scoped._sections(scoped._view()), cockpit["sections"])

    def test_parts_when_chosen_then_only_these(self):
        for vals, names in (
            ({"has_stages": False}, ["Renewal", "Contracts"]),
            ({"has_renewal": False, "has_contract": False}, ["Acquisition", "Conversion"]),
            ({"stage_ids": [Command.set(self.conversion.ids)], "has_contract": False}, ["Conversion", "Renewal"]),
        ):
            with self.subTest(vals=vals):
                self.assertEqual([section["name"] for section in self._values(**vals)["sections"]], names)

    def test_nothing_when_chosen_then_refused(self):
        with self.assertRaisesRegex(ValidationError, "Choose what is shown"):
            self._scorecard(has_stages=False, has_renewal=False, has_contract=False)

    def test_company_when_without_values_then_everything_is_na(self):
        empty = self._create_company("Empty")
        self.viewer.company_ids |= empty
        rows = [row for section in self._values(company_ids=[Command.set(empty.ids)])["sections"]
                for row in section["rows"]]
        self.assertEqual({row["status"] for row in rows}, {"na"})
        self.assertIn("Empty", self._html(company_ids=[Command.set(empty.ids)]))

    def test_team_when_chosen_then_its_values(self):
        self._store(self.leads_kpi, "2026-03-01", 3, team=self.team)
        self.assertEqual(self._row("Leads", team_id=self.team.id)["value"], "3")
        self.assertIn("team North", self._text(self._html(team_id=self.team.id)))

    def test_two_companies_when_in_two_currencies_then_added_in_that_of_the_main_one(self):
        other = self._create_foreign_company(rate=2.0)
        self._store(self.money_kpi, "2026-03-01", 1000, company=other)
        both = {"company_ids": [Command.set((self.company | other).ids)]}
        shown = self._row("Expected Money", **both)["value"]
        self.assertIn("1,734.50", shown)
        self.assertIn(self.company.currency_id.symbol, shown)
        self.assertIn("Clean, Foreign", self._text(self._html(**both)))
        alone = self._row("Expected Money", company_ids=[Command.set(other.ids)])["value"]
        self.assertEqual(alone.replace("\N{NO-BREAK SPACE}", " ").split(), ["1,000.00", "Z"] if alone[0] != "Z"
                         else ["Z", "1,000.00"])

    def test_company_when_not_of_the_user_then_refused(self):
        other = self._create_company("Secret")
        with self.at(self.today):
            scorecard = self._scorecard(self.manager)
            scorecard.sudo().company_ids = other
            for method in ("_print_values", "_book"):
                with self.subTest(method=method), self.assertRaises(AccessError):
                    getattr(scorecard, method)()

    def test_users_when_without_the_lifecycle_then_no_scorecard(self):
        with self.assertRaises(AccessError):
            self._scorecard(self.internal)
        with self.at(self.today), self.assertRaises(AccessError):
            self._scorecard(self.viewer).with_user(self.internal)._book()

    def test_names_when_hostile_then_harmless(self):
        self.leads_kpi.name = "<script>alert(1)</script>"
        self.leads_kpi.formula = "<b>bold</b>"
        html = self._html()
        self.assertNotIn("<script>alert", html)
        self.assertNotIn("<b>bold", html)

    def test_language_when_of_the_reader_then_labels_follow(self):
        self.env["res.lang"]._activate_lang("de_DE")
        self.leads_kpi.with_context(lang="de_DE").name = "Anfragen"
        self.viewer.lang = "de_DE"
        with self.at(self.today):
            scorecard = self._scorecard().with_context(lang="de_DE")
            rows = [row for section in scorecard._print_values()["sections"] for row in section["rows"]]
        row = next(row for row in rows if row["name"] == "Anfragen")
        self.assertTrue(row["change"].startswith("+20,0"), row["change"])

    def test_pdf_when_really_printed_then_says_the_numbers_without_header_and_footer(self):
        reports = self.env["ir.actions.report"].with_context(force_report_rendering=True)
        if reports.get_wkhtmltopdf_state() != "ok":
            self.skipTest("wkhtmltopdf is missing or too old")
        with self.at(self.today), self.allow_pdf_render():
            content, kind = reports._render_qweb_pdf("clm.action_report_kpi_scorecard", self._scorecard().ids)
        self.assertEqual(kind, "pdf")
        pages = [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]
        text = " ".join(" ".join(pages).split())
        for part in ("KPI scorecard Mar 2026", "Clean", "Off track", "Renewed", "1,234.50", "Won leads / leads."):
            self.assertIn(part, text)


class WorkbookCase(KpiReportCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls._store_all()

    def _workbook(self, **vals):
        with self.at(self.today):
            scorecard = self._scorecard(**vals)
            file = io.BytesIO()
            scorecard.env["clm.export"]._write_xlsx(file, scorecard._book())
        return load_workbook(io.BytesIO(file.getvalue()))

    def _table(self, sheet):
        """:return: list of dicts of the cells under the header, by label"""
        rows = list(sheet.iter_rows())
        header = next(n for n, row in enumerate(rows) if sum(cell.value is not None for cell in row) > 5)
        labels = [cell.value for cell in rows[header]]
        return [dict(zip(labels, row, strict=True)) for row in rows[header + 1:] if any(cell.value for cell in row)]


@tagged("post_install", "-at_install")
class TestKpiWorkbook(WorkbookCase):
    """The spreadsheet, read back."""

    def test_sheets_when_written_then_one_per_part_between_scorecard_and_definitions(self):
        self.assertEqual(self._workbook().sheetnames, [
            "Scorecard", "Acquisition", "Conversion", "Renewal", "Contracts", "Definitions",
        ])

    def test_scorecard_when_written_then_has_the_numbers_of_the_print(self):
        rows = {row["KPI"].value: row for row in self._table(self._workbook()["Scorecard"])}
        leads = rows["Leads"]
        self.assertEqual(
            [leads[label].value for label in ("Part", "Value", "Goal", "Attainment", "Status", "Owner")],
            ["Acquisition", 12, 10, 1.2, "On track", self.manager.name],
        )
        self.assertAlmostEqual(leads["Change to the period before"].value, 0.2)
        self.assertEqual([rows["Share Won"][label].value for label in ("95 % interval from", "to")], [0.036, 0.624])

    def test_history_when_written_then_two_years_oldest_first(self):
        for kind, length, first in (
            ("month", 24, datetime(2024, 4, 1)), ("week", 104, datetime(2024, 4, 8)),
            ("quarter", 8, datetime(2024, 4, 1)),
        ):
            with self.subTest(kind=kind):
                rows = self._table(self._workbook(period=kind)["Acquisition"])
                self.assertEqual((len(rows), rows[0]["From"].value), (length, first))

    def test_history_when_written_then_holds_what_is_stored(self):
        row = self._table(self._workbook()["Conversion"])[-1]
        labels = "KPI", "Period", "Value", "Numerator", "Denominator", "Goal", "Status", "Unit"
        self.assertEqual(
            [row[label].value for label in labels],
            ["Share Won", "Mar 2026", 0.2, 1, 5, 0.5, "Too few data", "Percent"],
        )
        unknown = self._table(self._workbook()["Conversion"])[-2]
        self.assertEqual((unknown["Value"].value, unknown["Status"].value), (None, "n/a"))

    def test_cells_when_written_then_of_the_kind_of_their_unit(self):
        book = self._workbook()
        share = self._table(book["Conversion"])[-1]
        self.assertEqual(share["Value"].number_format, "0.0%")
        self.assertEqual(share["From"].number_format, "yyyy-mm-dd")
        self.assertTrue(share["From"].is_date)
        self.assertEqual(self._table(book["Acquisition"])[-1]["Value"].number_format, "#,##0")
        money = self._table(book["Contracts"])[-1]["Value"]
        self.assertEqual(money.value, 1234.5)
        self.assertIn(self.company.currency_id.symbol, money.number_format)

    def test_charts_when_written_then_one_per_kpi_with_value_and_goal_of_its_rows(self):
        second = self._create_kpi(name="More Leads", stage_id=self.acquisition.id)
        self._store(second, "2026-03-01", 5)
        sheet = self._workbook()["Acquisition"]
        self.assertEqual(len(sheet._charts), 2)
        rows = {row["KPI"].value: [] for row in self._table(sheet)}
        for row in self._table(sheet):
            rows[row["KPI"].value].append(row["Value"].row)
        for chart, (name, lines) in zip(sheet._charts, rows.items(), strict=True):
            with self.subTest(kpi=name):
                references = [series.val.numRef.f for series in chart.series]
                self.assertEqual(references, [
                    f"Acquisition!${column}${lines[0]}:${column}${lines[-1]}" for column in "EH"
                ])
                self.assertEqual(
                    chart.title.tx.rich.p[0].r[0].t if chart.title.tx.rich else "", name)

    def test_definitions_when_written_then_every_kpi_has_its_own(self):
        rows = {row["KPI"].value: row for row in self._table(self._workbook()["Definitions"])}
        self.assertEqual(set(rows), set(self.all_kpis.mapped("name")))
        self.assertEqual(
            [rows["Share Won"][label].value for label in ("Part", "Formula", "Variant", "Data from", "Unit", "Better")],
            ["Conversion", "Won leads / leads.", "By day", "Leads", "Percent", "The higher the better"],
        )
        self.assertEqual(rows["Leads"]["Owner"].value, self.manager.name)
        self.assertEqual(rows["Renewed"]["Better"].value, "The lower the better")

    def test_stages_when_named_alike_or_as_other_sheets_then_each_has_its_sheet_and_charts(self):
        self.acquisition.name, self.conversion.name = "Scorecard", "definitions"
        book = self._workbook()
        self.assertEqual(book.sheetnames[:3], ["Scorecard", "Scorecard (2)", "definitions"])
        self.assertEqual(book.sheetnames[-1], "Definitions (2)")
        self.assertEqual([len(book[name]._charts) for name in book.sheetnames], [0, 1, 1, 1, 1, 0])

    def test_name_when_it_looks_like_a_formula_then_text(self):
        self.leads_kpi.name = "=1+1"
        cell = self._table(self._workbook()["Acquisition"])[0]["KPI"]
        self.assertEqual((cell.value, cell.data_type), ("=1+1", "s"))

    def test_parts_when_without_kpis_then_scorecard_and_definitions_are_empty(self):
        self.env["clm.kpi"].search([]).write({"active": False})
        book = self._workbook()
        self.assertEqual(book.sheetnames, ["Scorecard", "Definitions"])

    def test_two_companies_when_written_then_history_is_in_the_currency_of_the_main_one(self):
        other = self._create_foreign_company(rate=2.0)
        self._store(self.money_kpi, "2026-03-01", 1000, company=other)
        book = self._workbook(company_ids=[Command.set((self.company | other).ids)])
        row = self._table(book["Contracts"])[-1]
        self.assertAlmostEqual(row["Value"].value, 1734.5)


@tagged("post_install", "-at_install")
class TestKpiDownload(WorkbookCase, HttpCase):
    def test_workbook_when_downloaded_then_only_by_who_asked_for_it(self):
        self.viewer.password = self.manager.password = "password-of-a-test"
        scorecard = self._scorecard(date="2026-03-31")
        action = scorecard.action_export()
        self.authenticate(self.viewer.login, "password-of-a-test")
        response = self.url_open(action["url"])
        self.assertEqual(response.status_code, 200)
        self.assertIn("Scorecard", response.headers["Content-Disposition"])
        rows = self._table(load_workbook(io.BytesIO(response.content))["Scorecard"])
        self.assertEqual([row["Value"].value for row in rows if row["KPI"].value == "Leads"], [12])
        self.authenticate(self.manager.login, "password-of-a-test")
        self.assertEqual(self.url_open(action["url"]).status_code, 404)

    def test_pdf_when_downloaded_then_the_report_is_made(self):
        self.viewer.password = "password-of-a-test"
        scorecard = self._scorecard(date="2026-03-31")
        self.authenticate(self.viewer.login, "password-of-a-test")
        response = self.url_open(f"/report/html/clm.report_kpi_scorecard/{scorecard.id}")
        self.assertEqual(response.status_code, 200)
        self.assertIn("KPI scorecard", response.text)


FAVOURITES = {
    "filter_visit_median_days": "clm.visit.report", "filter_visit_days_salesperson": "clm.visit.report",
    "filter_cohort_retention": "clm.cohort.report", "filter_cohort_revenue": "clm.cohort.report",
    "filter_mrr_month": "clm.mrr.report", "filter_mrr_retention": "clm.mrr.report",
    "filter_value_country": "clm.customer.value.report", "filter_value_stage": "clm.customer.value.report",
    "filter_kpi_missed": "clm.kpi.value", "filter_kpi_team": "clm.kpi.value",
}


@tagged("post_install", "-at_install")
class TestFavourites(KpiReportCase):
    """Favourites that everybody finds in the reports."""

    def _favourite(self, name):
        return self.env.ref(f"clm.{name}").with_user(self.viewer)

    def test_favourites_when_opened_then_their_pivots_can_be_read(self):
        for name, model in FAVOURITES.items():
            with self.subTest(name=name):
                favourite = self._favourite(name)
                self.assertEqual((favourite.model_id, favourite.sudo().user_ids.ids), (model, []))
                context, domain = literal_eval(favourite.context), literal_eval(favourite.domain)
                measures = [self._measure(model, each) for each in context["pivot_measures"]]
                rows, columns = context["pivot_row_groupby"], context["pivot_column_groupby"]
                report = self.env[model].with_user(self.viewer)
                sets = [[], rows, columns, [*rows, *columns]]
                self.assertEqual(len(report.formatted_read_grouping_sets(domain, sets, ["__count", *measures])), 4)
                self.assertIsInstance(report.formatted_read_group(domain, context["group_by"], ["__count"]), list)

    def _measure(self, model, fname):
        if fname == "__count":
            return fname
        field = self.env[model]._fields[fname]
        self.assertTrue(field.aggregator, f"{model}.{fname} is no measure")
        return f"{fname}:{field.aggregator}"

    def test_favourites_when_listed_then_found_in_their_report_by_everybody(self):
        for name, model in FAVOURITES.items():
            with self.subTest(name=name):
                favourite = self._favourite(name)
                found = self.env["ir.filters"].with_user(self.viewer).get_filters(model, favourite.sudo().action_id.id)
                self.assertIn(favourite.id, [each["id"] for each in found])

    def test_missed_goals_when_opened_then_those_of_the_last_months(self):
        self._store_all()
        favourite = self._favourite("filter_kpi_missed")
        with self.at(self.today):
            found = self.env["clm.kpi.value"].with_user(self.viewer).search(literal_eval(favourite.domain))
        self.assertEqual(
            sorted((value.kpi_id.name, str(value.date_from)) for value in found),
            [("Leads", "2026-01-01"), ("Renewed", "2026-02-01"), ("Renewed", "2026-03-01")],
        )
