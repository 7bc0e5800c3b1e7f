import random
from collections import defaultdict
from datetime import date, datetime, timedelta

from odoo.exceptions import AccessError, UserError
from odoo.tests import freeze_time, new_test_user, tagged
from odoo.tools import SQL

from ..tools.funnel import funnel, percentile
from ..tools.replay import Visit
from .common import ClmCase

REPORTS = ("clm.visit.report", "clm.funnel.report", "clm.cohort.report")


class ReportCase(ClmCase):
    """Reports on visits that the test made, and no others."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.visit_report = cls.env["clm.visit.report"]
        cls.funnel_report = cls.env["clm.funnel.report"]
        cls.cohort_report = cls.env["clm.cohort.report"]
        cls.stages = cls.env["clm.stage"].search([])
        cls.env.cr.execute(SQL("DELETE FROM clm_visit"))
        cls.env.invalidate_all()

    def _create_visits(self, partner, *stays, superseded_at=None):
        """:param stays: (stage, cycle, entered at), in order; the last one lasts"""
        values = []
        for number, (stage, cycle, entered_at) in enumerate(stays, 1):
            exited_at = stays[number][2] if number < len(stays) else False
            values.append({
                "partner_id": partner.id, "number": number, "cycle": cycle, "stage_id": stage.id,
                "entered_at": entered_at, "exited_at": exited_at, "origin": "rule",
                "days": (exited_at - entered_at) / timedelta(days=1) if exited_at else False,
                "superseded_at": superseded_at, "active": not superseded_at,
            })
        visits = self.env["clm.visit"].create(values)
        visits.flush_recordset()
        # an open visit has no number of days, not 0
        self.env.cr.execute(SQL("UPDATE clm_visit SET days = NULL WHERE exited_at IS NULL"))
        return visits

    def _create_random_visits(self, customers=60, seed=1):
        """:return: dict partner id -> list of ``tools.replay.Visit``: jumps, steps back, lapses and new cycles"""
        chance = random.Random(seed)
        partners = self.env["res.partner"].create([{"name": f"Customer {number}"} for number in range(customers)])
        made = {}
        for partner in partners:
            entered_at = datetime(2023, 1, 1) + timedelta(hours=chance.randrange(30000))
            cycle, position, stays = 1, chance.choice([0, 0, 0, 1, 2]), []
            for __ in range(chance.randint(1, 9)):
                stays.append((self.stages[position], cycle, entered_at))
                cycle += self.stages[position].is_lapsed
                step = position + chance.choice([1, 1, 1, 2, -1, 5])
                position = max(0, step) % len(self.stages)
                if self.stages[position] == stays[-1][0]:
                    break
                entered_at += timedelta(hours=chance.choice([0, chance.randrange(6000)]))
            made[partner.id] = [
                Visit(visit.number, visit.cycle, visit.stage_id.id, visit.entered_at, visit.exited_at or None,
                      "rule", None, None, None, None)
                for visit in self._create_visits(partner, *stays)
            ]
        return made


@tagged("post_install", "-at_install")
class TestVisitReport(ReportCase):
    """Time in stage and conversion between stages."""

    def _row(self, partner, stage):
        return self.visit_report.search([("partner_id", "=", partner.id), ("stage_id", "=", stage.id)])

    def test_visit_knows_the_stages_before_and_after(self):
        partner = self._create_partner()
        self._create_visits(
            partner, (self.awareness, 1, self.days_ago(50)), (self.conversion, 1, self.days_ago(40)),
            (self.loyalty, 1, self.days_ago(15)),
        )
        row = self._row(partner, self.conversion)
        self.assertRecordValues(row, [{
            "previous_stage_id": self.awareness.id, "next_stage_id": self.loyalty.id, "days": 25.0,
            "moved_on": 1.0, "still_there": 0,
        }])
        self.assertRecordValues(self._row(partner, self.loyalty), [{
            "previous_stage_id": self.conversion.id, "next_stage_id": False, "moved_on": 0.0, "still_there": 1,
        }])

    def test_report_follows_real_documents(self):
        partner = self._create_partner(known_since=self.days_ago(30), country_id=self.env.ref("base.be").id)
        self._create_order(partner, self.days_ago(10))
        self.engine._process_queue()
        row = self._row(partner, self.awareness)
        self.assertAlmostEqual(row.days, 20.0)
        self.assertEqual(row.next_stage_id, self.conversion)
        self.assertEqual(row.country_id, self.env.ref("base.be"))

    def test_superseded_visits_are_left_out(self):
        partner = self._create_partner()
        self._create_visits(partner, (self.loyalty, 1, self.days_ago(50)), superseded_at=self.now)
        self._create_visits(partner, (self.awareness, 1, self.days_ago(50)), (self.conversion, 1, self.days_ago(1)))
        self.assertFalse(self._row(partner, self.loyalty))
        self.assertEqual(self._row(partner, self.awareness).next_stage_id, self.conversion)

    def test_open_visits_have_no_days(self):
        partner = self._create_partner()
        self._create_visits(partner, (self.awareness, 1, self.days_ago(50)))
        [(median, average)] = self.visit_report._read_group(
            [("partner_id", "=", partner.id)], [], ["days_median:avg", "days:avg"]
        )
        self.assertFalse(median)
        self.assertFalse(average)

    def test_median_and_p90_equal_those_of_python(self):
        days = defaultdict(list)
        for visits in self._create_random_visits().values():
            for visit in visits:
                if visit.exited_at:
                    days[visit.stage_id].append((visit.exited_at - visit.entered_at) / timedelta(days=1))
        rows = self.visit_report._read_group(
            [("exited_at", "!=", False)], ["stage_id"], ["__count", "days_median:avg", "days_p90:avg"]
        )
        self.assertEqual({stage.id for stage, *__ in rows}, days.keys())
        for stage, count, median, p90 in rows:
            self.assertEqual(count, len(days[stage.id]))
            self.assertAlmostEqual(median, percentile(days[stage.id], 0.5))
            self.assertAlmostEqual(p90, percentile(days[stage.id], 0.9))

    def test_median_is_that_of_all_rows_in_the_totals_of_the_pivot(self):
        made = self._create_random_visits()
        days = [
            (visit.exited_at - visit.entered_at) / timedelta(days=1)
            for visits in made.values() for visit in visits if visit.exited_at
        ]
        total, by_stage = self.visit_report._read_grouping_sets(
            [], [[], ["stage_id", "next_stage_id"]], ["days_median:avg"]
        )
        self.assertAlmostEqual(total[0][0], percentile(days, 0.5))
        self.assertGreater(len(by_stage), 5)

    def test_median_reaches_the_client(self):
        self._create_random_visits()
        [group] = self.visit_report.formatted_read_group([], [], ["days_p90:avg", "partner_id:count_distinct"])
        self.assertGreater(group["days_p90:avg"], 0)
        self.assertEqual(group["partner_id:count_distinct"], 60)

    def test_share_is_that_of_the_stage(self):
        for number in range(4):
            target = self.retention if number else self.lapsed
            self._create_visits(
                self._create_partner(), (self.conversion, 1, self.days_ago(9)), (target, 1, self.days_ago(5)),
                (self.loyalty, 1, self.days_ago(2)),
            )
        total, by_next, cells = self.visit_report._read_grouping_sets(
            [("exited_at", "!=", False)], [[], ["next_stage_id"], ["stage_id", "next_stage_id"]], ["share:avg"]
        )
        self.assertEqual(total, [(1.0,)])
        self.assertEqual(dict(by_next), {self.retention: 3 / 8, self.loyalty: 4 / 8, self.lapsed: 1 / 8})
        self.assertEqual({(stage, following): share for stage, following, share in cells}, {
            (self.conversion, self.retention): 0.75, (self.conversion, self.lapsed): 0.25,
            (self.retention, self.loyalty): 1.0, (self.lapsed, self.loyalty): 1.0,
        })

    def test_conversion_needs_one_query(self):
        self._create_random_visits()
        sets = [[], ["stage_id"], ["next_stage_id"], ["stage_id", "next_stage_id"]]
        self.visit_report._read_grouping_sets([], sets, ["__count", "share:avg", "days_p90:avg"])  # warm the cache
        with self.assertQueryCount(1):
            self.visit_report._read_grouping_sets([], sets, ["__count", "share:avg", "days_p90:avg"])


@tagged("post_install", "-at_install")
class TestFunnelReport(ReportCase):
    """The funnel page and its SQL say what ``tools.funnel`` says."""

    def _assert_like_the_pure_function(self, made, **period):
        report = self.funnel_report
        start, end = report._period_bounds(*report._period_days(**period))
        stage_ids = [stage.id for stage in self.stages if not stage.is_lapsed]
        data = report.get_funnel(*period.values())
        self.assertEqual([stage["id"] for stage in data["stages"]], stage_ids)
        for mode in ("strict", "any"):
            steps = funnel(made, stage_ids, start or datetime.min, end or datetime.max, mode)
            for stage, step in zip(data["stages"], steps, strict=True):
                cell = stage[mode]
                self.assertEqual(
                    (stage["name"], cell["count"], cell["rate"], cell["cumulative"]),
                    (stage["name"], step.customers, step.conversion, step.cumulative), mode,
                )
                # every number opens its records
                partners = self.env["res.partner"].with_context(active_test=False)
                self.assertEqual(partners.search_count(cell["domain"]), step.customers)

    def test_funnel_of_all_time_equals_the_pure_function(self):
        self._assert_like_the_pure_function(self._create_random_visits(), period="all")

    def test_funnel_of_a_year_equals_the_pure_function(self):
        made = self._create_random_visits(seed=2)
        for year in (2023, 2024, 2025):
            self._assert_like_the_pure_function(
                made, period="custom", date_from=f"{year}-01-01", date_to=f"{year}-12-31"
            )

    def test_funnel_of_a_month_equals_the_pure_function(self):
        made = self._create_random_visits(seed=3)
        for month in range(1, 13):
            self._assert_like_the_pure_function(
                made, period="custom", date_from=f"2024-{month:02}-01", date_to=f"2024-{month:02}-28"
            )

    def test_half_open_period_equals_the_pure_function(self):
        made = self._create_random_visits(seed=4)
        self._assert_like_the_pure_function(made, period="custom", date_from="2024-06-01", date_to=False)
        self._assert_like_the_pure_function(made, period="custom", date_from=False, date_to="2024-06-01")

    def test_superseded_visits_count_nowhere(self):
        partner = self._create_partner()
        self._create_visits(partner, (self.loyalty, 1, self.days_ago(5)), superseded_at=self.now)
        self._create_visits(partner, (self.awareness, 1, self.days_ago(5)))
        first, *__, last = self.funnel_report.get_funnel("all")["stages"]
        self.assertEqual((first["any"]["count"], last["any"]["count"]), (1, 0))
        partners = self.env["res.partner"].with_context(active_test=False)
        self.assertFalse(partners.search(last["any"]["domain"]))

    def test_archived_customers_are_counted(self):
        partner = self._create_partner()
        self._create_visits(partner, (self.awareness, 1, self.days_ago(5)))
        partner.action_archive()
        self.assertEqual(self.funnel_report.get_funnel()["stages"][0]["strict"]["count"], 1)

    def test_days_are_those_of_who_left_in_the_period(self):
        for days in (10, 20, 60):
            self._create_visits(
                self._create_partner(), (self.awareness, 1, self.days_ago(days + 1)),
                (self.conversion, 1, self.days_ago(1)),
            )
        awareness, *__, loyalty = self.funnel_report.get_funnel()["stages"]
        self.assertEqual((awareness["days"]["count"], awareness["days"]["median"]), (3, 20.0))
        self.assertAlmostEqual(awareness["days"]["p90"], 52.0)
        self.assertEqual(self.visit_report.search_count(awareness["days"]["domain"]), 3)
        self.assertEqual((loyalty["days"]["count"], loyalty["days"]["median"]), (0, None))

    def test_nothing_to_divide_by_gives_no_ratio(self):
        for stage in self.funnel_report.get_funnel()["stages"]:
            for mode in ("strict", "any"):
                cell = stage[mode]
                self.assertEqual((cell["count"], cell["rate"], cell["cumulative"]), (0, None, None))

    def test_rows_tell_how_far_a_customer_got_in_each_cycle(self):
        partner = self._create_partner()
        self._create_visits(
            partner, (self.awareness, 1, datetime(2024, 1, 1)), (self.conversion, 1, datetime(2024, 2, 1)),
            (self.lapsed, 1, datetime(2025, 2, 1)), (self.retention, 2, datetime(2025, 3, 1)),
        )
        rows = self.funnel_report.search([("partner_id", "=", partner.id)], order="entered_at")
        began = {"cycle": 1, "cohort_at": datetime(2024, 1, 1)}
        self.assertRecordValues(rows, [
            {"stage_id": self.awareness.id, "position": 1, "is_strict": True, **began},
            {"stage_id": self.conversion.id, "position": 3, "is_strict": False, **began},
            {"stage_id": self.retention.id, "position": 4, "is_strict": False, "cycle": 2, "cohort_at": False},
        ])

    def test_step_back_leaves_the_entry_in_order(self):
        partner = self._create_partner()
        self._create_visits(
            partner, (self.acquisition, 1, datetime(2024, 1, 1)), (self.awareness, 1, datetime(2024, 2, 1)),
            (self.acquisition, 1, datetime(2024, 3, 1)), (self.loyalty, 1, datetime(2024, 4, 1)),
        )
        rows = self.funnel_report.search([("partner_id", "=", partner.id)], order="position")
        self.assertRecordValues(rows, [
            {"stage_id": self.awareness.id, "entered_at": datetime(2024, 2, 1), "is_strict": True},
            {"stage_id": self.acquisition.id, "entered_at": datetime(2024, 3, 1), "is_strict": True},
            {"stage_id": self.loyalty.id, "entered_at": datetime(2024, 4, 1), "is_strict": False},
        ])

    def test_edits_that_wait_do_not_change_the_funnel(self):
        self.retention.with_context(clm_policy_edit=True).sequence = 1
        names = [stage["name"] for stage in self.funnel_report.get_funnel()["stages"]]
        self.assertEqual(names[0], self.awareness.name)

    def test_unknown_period_is_refused(self):
        for period in ("yesterday", "", None, ["all"], "__class__"):
            with self.assertRaises(UserError):
                self.funnel_report.get_funnel(period)

    def test_days_that_are_none_are_refused(self):
        for day in ("soon", "2026-13-01", "1 OR 1=1"):
            with self.assertRaises(UserError):
                self.funnel_report.get_funnel("custom", day, False)

    def test_period_that_ends_before_it_begins_is_refused(self):
        with self.assertRaisesRegex(UserError, "later last day"):
            self.funnel_report.get_funnel("custom", "2026-02-01", "2026-01-01")

    @freeze_time("2026-03-15 12:00:00")
    def test_periods_are_whole_days(self):
        periods = ("last_12_months", "this_year", "last_year")
        days = {period: self.funnel_report._period_days(period) for period in periods}
        self.assertEqual(days, {
            "last_12_months": (date(2025, 3, 16), date(2026, 3, 15)),
            "this_year": (date(2026, 1, 1), date(2026, 3, 15)),
            "last_year": (date(2025, 1, 1), date(2025, 12, 31)),
        })

    @freeze_time("2025-12-31 20:00:00")
    def test_days_begin_at_midnight_of_the_company(self):
        self.env.company.lifecycle_tz = "Asia/Tokyo"
        first, last = self.funnel_report._period_days("this_year")
        self.assertEqual((first, last), (date(2026, 1, 1), date(2026, 1, 1)))
        self.assertEqual(
            self.funnel_report._period_bounds(first, last), (datetime(2025, 12, 31, 15), datetime(2026, 1, 1, 15))
        )


@tagged("post_install", "-at_install")
class TestCohortReport(ReportCase):
    """Customers by the month of their first purchase."""

    def _rows(self, *partners):
        rows = self.cohort_report.search([("partner_id", "in", [partner.id for partner in partners])])
        return {
            (row.partner_id.name, row.cohort_date, row.age): (row.orders, row.revenue) for row in rows
        }

    def _create_purchases(self):
        ada, bob = self._create_partner("Ada"), self._create_partner("Bob")
        for partner, *when, price in (
            (ada, 2024, 1, 5, 10.0), (ada, 2024, 1, 31, 20.0), (ada, 2024, 2, 1, 30.0), (ada, 2025, 1, 1, 40.0),
            (bob, 2024, 1, 20, 50.0),
        ):
            self._create_order(partner, datetime(*when, 12), price=price)
        return ada, bob

    def test_one_row_for_each_month_with_purchases(self):
        self.assertEqual(self._rows(*self._create_purchases()), {
            ("Ada", date(2024, 1, 1), 0): (2, 30.0),
            ("Ada", date(2024, 1, 1), 1): (1, 30.0),
            ("Ada", date(2024, 1, 1), 12): (1, 40.0),
            ("Bob", date(2024, 1, 1), 0): (1, 50.0),
        })

    def test_invoice_without_order_is_a_purchase_and_credit_note_is_none(self):
        partner = self._create_partner("Ada")
        self._create_invoice(partner, date(2024, 5, 10), 70.0)
        self._create_invoice(partner, date(2024, 6, 10), 20.0, move_type="out_refund")
        self.assertEqual(self._rows(partner), {("Ada", date(2024, 5, 1), 0): (1, 70.0)})

    def test_quotations_and_leads_are_no_purchases(self):
        partner = self._create_partner("Ada")
        self._create_order(partner, datetime(2024, 5, 10), confirm=False)
        self.env["crm.lead"].create({"name": "Lead", "partner_id": partner.id})
        self.assertFalse(self._rows(partner))

    def test_retention_is_the_share_of_the_cohort(self):
        domain = [("partner_id", "in", [partner.id for partner in self._create_purchases()])]
        cells = self.cohort_report._read_group(
            domain, ["cohort_date:month", "age"], ["partner_id:count_distinct", "retention:avg"]
        )
        self.assertEqual([cell[1:] for cell in cells], [(0, 2, 1.0), (1, 1, 0.5), (12, 1, 0.5)])

    def test_retention_keeps_to_the_filter(self):
        ada, __ = self._create_purchases()
        cells = self.cohort_report._read_group(
            [("partner_id", "=", ada.id)], ["cohort_date:month", "age"], ["retention:avg"]
        )
        self.assertEqual([cell[-1] for cell in cells], [1.0, 1.0, 1.0])

    def test_retention_is_no_number_where_there_is_no_cohort(self):
        domain = [("partner_id", "in", [partner.id for partner in self._create_purchases()])]
        total, by_age, without_start = (
            self.cohort_report._read_grouping_sets(domain, [[], ["cohort_date:month"]], ["retention:avg"])[0],
            self.cohort_report._read_group(domain, ["age"], ["retention:avg"]),
            self.cohort_report._read_group(
                [*domain, ("age", ">", 0)], ["cohort_date:month", "age"], ["retention:avg"]
            ),
        )
        for *__, retention in [*total, *by_age, *without_start]:
            self.assertFalse(retention)

    def test_cohorts_equal_those_of_python(self):
        chance = random.Random(5)
        partners = [self._create_partner(f"Customer {number}") for number in range(6)]
        months = defaultdict(list)
        for __ in range(25):
            partner = chance.choice(partners)
            day = date(2024, 1, 1) + timedelta(days=chance.randrange(500))
            self._create_order(partner, datetime.combine(day, datetime.min.time()) + timedelta(hours=12))
            months[partner].append(day.year * 12 + day.month)
        expected = {
            (partner.id, month - min(bought)): bought.count(month)
            for partner, bought in months.items() for month in bought
        }
        rows = self.cohort_report.search([("partner_id", "in", [partner.id for partner in partners])])
        self.assertEqual({(row.partner_id.id, row.age): row.orders for row in rows}, expected)


@tagged("post_install", "-at_install")
class TestSaleReport(ClmCase):
    """New against repeat revenue in Odoo's sales analysis."""

    def test_revenue_splits_into_new_and_repeat(self):
        partner = self._create_partner(known_since=self.days_ago(90))
        for days, price in ((60, 10.0), (40, 20.0), (20, 40.0)):
            self._create_order(partner, self.days_ago(days), price=price)
        self.engine._process_queue()
        self.env.flush_all()
        rows = self.env["sale.report"]._read_group(
            [("partner_id", "=", partner.id)], ["purchase_type"], ["price_subtotal:sum"]
        )
        self.assertEqual(dict(rows), {"new": 10.0, "repeat": 60.0})

    def test_quotations_are_neither(self):
        partner = self._create_partner()
        self._create_order(partner, confirm=False)
        self.engine._process_queue()
        self.env.flush_all()
        rows = self.env["sale.report"]._read_group(
            [("partner_id", "=", partner.id)], ["purchase_type", "lifecycle_stage_id"], ["__count"]
        )
        self.assertEqual(rows, [(False, self.env["clm.stage"], 1)])

    def test_report_splits_by_stage_and_number(self):
        partner = self._create_partner(known_since=self.days_ago(90))
        self._create_order(partner, self.days_ago(60))
        self._create_order(partner, self.days_ago(40))
        self.engine._process_queue()
        self.env.flush_all()
        rows = self.env["sale.report"]._read_group(
            [("partner_id", "=", partner.id)], ["purchase_number", "lifecycle_stage_id"], ["__count"]
        )
        self.assertEqual(rows, [(1, self.conversion, 1), (2, self.retention, 1)])


@tagged("post_install", "-at_install")
class TestReportAccess(ReportCase):
    """Viewers read the reports, of their companies; nobody else does."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.viewer = cls._create_user("report-viewer", "clm.group_viewer")
        cls.outsiders = [
            cls._create_user("report-internal"),
            new_test_user(cls.env, "report-portal", groups="base.group_portal"),
            cls.env.ref("base.public_user"),
        ]

    def test_viewer_reads_every_report(self):
        for model in REPORTS:
            self.env[model].with_user(self.viewer).search_count([])
        self.assertTrue(self.funnel_report.with_user(self.viewer).get_funnel()["stages"])

    def test_others_read_none(self):
        for user in self.outsiders:
            for model in REPORTS:
                with self.assertRaises(AccessError):
                    self.env[model].with_user(user).search_count([])
            with self.assertRaises(AccessError):
                self.funnel_report.with_user(user).get_funnel()

    def test_nobody_writes(self):
        for model in REPORTS:
            for operation in ("write", "create", "unlink"):
                self.assertFalse(self.env[model].with_user(self.env.ref("base.user_admin")).has_access(operation))

    def test_customers_of_other_companies_are_out(self):
        other = self.env["res.company"].create({"name": "Other"})
        partner = self._create_partner("Theirs", company_id=other.id)
        self._create_visits(partner, (self.awareness, 1, self.days_ago(5)), (self.conversion, 1, self.days_ago(1)))
        shared = self._create_partner("Shared")
        self._create_visits(shared, (self.awareness, 1, self.days_ago(5)))
        for report in (self.visit_report, self.funnel_report):
            rows = report.with_user(self.viewer).search([("partner_id", "in", [partner.id, shared.id])])
            self.assertEqual(rows.partner_id, shared)
        first = self.funnel_report.with_user(self.viewer).get_funnel()["stages"][0]
        self.assertEqual((first["strict"]["count"], first["any"]["count"], first["days"]["count"]), (1, 1, 0))

    def test_sales_of_other_companies_are_out(self):
        other = self.env["res.company"].create({"name": "Other"})
        shared = self._create_partner("Shared")
        self._create_order(shared, datetime(2023, 1, 15), price=10.0, company_id=other.id)
        self._create_order(shared, datetime(2024, 1, 15), price=20.0)
        rows = self.cohort_report.with_user(self.viewer).search([("partner_id", "=", shared.id)])
        self.assertRecordValues(rows, [{"cohort_date": date(2024, 1, 1), "age": 0, "revenue": 20.0}])
