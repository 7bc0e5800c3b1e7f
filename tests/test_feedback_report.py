import random
from ast import literal_eval
from collections import defaultdict
from datetime import datetime
from math import sqrt
from statistics import fmean, pstdev

from odoo.exceptions import AccessError
from odoo.tests import tagged
from odoo.tools import SQL

from ..tools import kpi_math
from .common import ClmCase
from .test_feedback_event import AnswerBuilders

Z = 1.959964
MEASURES = ("answers:sum", "score:avg", *(
    f"{kind}{limit}:avg" for kind in ("nps", "csat") for limit in ("", "_low", "_high")
))


def expect(answers):
    """:return: the measures of some answers, pairs (kind, score), by name"""
    recommended = [100.0 * ((score >= 9) - (score <= 6)) for kind, score in answers if kind == "nps"]
    satisfied = [score >= 4 for kind, score in answers if kind == "csat"]
    reach = Z * pstdev(recommended) / sqrt(len(recommended)) if recommended else None
    nps = kpi_math.nps(recommended.count(100), recommended.count(-100), len(recommended))
    low, high = kpi_math.wilson(sum(satisfied), len(satisfied)) or (None, None)
    return {
        "answers:sum": len(answers),
        "score:avg": fmean(score for _kind, score in answers) if len({kind for kind, _s in answers}) == 1 else None,
        "nps:avg": nps,
        "nps_low:avg": max(nps - reach, -100) if recommended else None,
        "nps_high:avg": min(nps + reach, 100) if recommended else None,
        "csat:avg": kpi_math.csat(sum(satisfied), len(satisfied)),
        "csat_low:avg": low,
        "csat_high:avg": high,
    }


@tagged("post_install", "-at_install")
class TestFeedbackReport(AnswerBuilders, ClmCase):
    """The report over answers that the test made, and no others."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.report = cls.env["clm.feedback.report"]
        cls.viewer = cls._create_user("f-viewer", "clm.group_viewer")
        cls.env.cr.execute(SQL("DELETE FROM clm_feedback"))
        cls.env.cr.execute(SQL("UPDATE rating_rating SET consumed = FALSE"))
        cls.env.invalidate_all()

    def _row(self, partner, report=None):
        return (self.report if report is None else report).search([("partner_id", "=", partner.id)])

    def _assert_measures(self, found, answers, message=None):
        for name, value in expect(answers).items():
            number = found[name]
            if value is None:
                self.assertTrue(number is None or number is False, (name, number, message))
            else:
                self.assertAlmostEqual(float(number), value, 9, (name, message))

    # === ROWS === #

    def test_answer_to_a_request_then_row_with_what_was_stored_with_it(self):
        customer = self._create_partner("Azure", is_company=True)
        person = self._create_partner("Ada", parent_id=customer.id)
        team, wave = self.env["crm.team"].create({"name": "North"}), self.env["clm.feedback.wave"].search([], limit=1)
        answer = self._create_answer(
            person, 6, self.days_ago(4), comment="Late", stage_id=self.retention.id, user_id=self.env.uid,
            team_id=team.id, product_id=self.product.id, wave_id=wave.id,
        )
        row = self._row(customer)
        self.assertRecordValues(row, [{
            "contact_id": person.id, "stage_id": self.retention.id, "user_id": self.env.uid, "team_id": team.id,
            "product_tmpl_id": self.product.product_tmpl_id.id, "wave_id": wave.id, "kind": "nps", "score": 6.0,
            "sentiment": "bad", "comment": "Late", "date": self.days_ago(4), "source": "request",
            "company_id": self.env.company.id, "answers": 1,
        }])
        action = row.action_open()
        self.assertEqual((action["res_model"], action["res_id"]), ("clm.feedback", answer.id))

    def test_rating_then_row_with_the_stage_of_that_time(self):
        customer = self._create_partner("Azure", self.days_ago(30), is_company=True, user_id=self.env.uid)
        person = self._create_partner("Ada", parent_id=customer.id)
        self._create_order(customer, self.days_ago(10))
        self.engine._process_queue()
        early = self._create_rating(person, 2, self.days_ago(20), self.product.product_tmpl_id)
        late = self._create_rating(person, 3, self.days_ago(5), self.product)
        rows = self._row(customer)
        self.assertRecordValues(rows, [
            {"stage_id": self.conversion.id, "sentiment": "neutral", "score": 3.0, "res_id": late.id},
            {"stage_id": self.awareness.id, "sentiment": "bad", "score": 2.0, "res_id": early.id},
        ])
        self.assertEqual(rows.product_tmpl_id, self.product.product_tmpl_id)
        self.assertEqual(rows.contact_id, person)
        self.assertEqual(rows.user_id, self.env.user)
        self.assertEqual(set(rows.mapped("kind")), {"csat"})
        action = rows[0].action_open()
        self.assertEqual((action["res_model"], action["res_id"]), ("rating.rating", late.id))

    def test_requests_without_an_answer_then_no_row(self):
        partner = self._create_partner()
        self._create_answer(partner, 0, state="sent", answered_at=False)
        self._create_rating(partner, 0)
        self._create_rating(partner, 4, consumed=False)
        self.assertFalse(self._row(partner))

    # === MEASURES === #

    def _create_random(self, number=150, seed=3):
        """:return: list of (stage, kind, month, score)"""
        chance = random.Random(seed)
        partners = [self._create_partner(f"Customer {place}") for place in range(10)]
        made = []
        for _place in range(number):
            kind = chance.choice(("nps", "csat"))
            score = chance.randint(0, 10) if kind == "nps" else chance.randint(1, 5)
            stage, month = chance.choice((self.retention, self.loyalty, self.lapsed)), chance.randint(1, 4)
            self._create_answer(
                chance.choice(partners), score, datetime(2025, month, chance.randint(1, 28), 12), kind,
                stage_id=stage.id,
            )
            made.append((stage, kind, month, score))
        return made

    def test_measures_when_grouped_then_right_in_every_group_and_in_total(self):
        made = self._create_random()
        by_stage, by_cell = defaultdict(list), defaultdict(list)
        for stage, kind, month, score in made:
            by_stage[stage].append((kind, score))
            by_cell[stage, kind, month].append((kind, score))
        self.assertGreater(len(by_cell), 20)
        for stage, *numbers in self.report._read_group([], ["stage_id"], MEASURES):
            self._assert_measures(dict(zip(MEASURES, numbers, strict=True)), by_stage[stage], stage.name)
        cells = self.report._read_group([], ["stage_id", "kind", "date:month"], MEASURES)
        self.assertEqual(len(cells), len(by_cell))
        for stage, kind, month, *numbers in cells:
            self._assert_measures(
                dict(zip(MEASURES, numbers, strict=True)), by_cell[stage, kind, month.month], (stage.name, kind, month),
            )

    def test_pivot_when_asked_for_all_totals_then_each_is_right(self):
        made = self._create_random()
        domain = [("stage_id", "!=", self.lapsed.id)]
        shown = [(stage, kind, score) for stage, kind, _month, score in made if stage != self.lapsed]
        total, by_kind, cells = self.report.formatted_read_grouping_sets(
            domain, [[], ["kind"], ["stage_id", "kind"]], list(MEASURES),
        )
        self._assert_measures(total[0], [(kind, score) for _stage, kind, score in shown])
        for row in by_kind:
            self._assert_measures(row, [(kind, score) for _stage, kind, score in shown if kind == row["kind"]])
        self.assertEqual(len(cells), 4)
        for row in cells:
            self._assert_measures(row, [
                (kind, score) for stage, kind, score in shown
                if (stage.id, kind) == (row["stage_id"][0], row["kind"])
            ], row)

    def test_intervals_when_all_agree_then_within_the_scale(self):
        partner = self._create_partner()
        for kind, score in (("nps", 10), ("nps", 9), ("csat", 5), ("csat", 4), ("csat", 5)):
            self._create_answer(partner, score, kind=kind)
        [numbers] = self.report._read_group([], [], MEASURES)
        found = dict(zip(MEASURES, numbers, strict=True))
        self.assertEqual((found["nps:avg"], found["nps_low:avg"], found["nps_high:avg"]), (100, 100, 100))
        self.assertEqual((found["csat:avg"], found["csat_high:avg"]), (1, 1))
        self.assertAlmostEqual(found["csat_low:avg"], kpi_math.wilson(3, 3)[0], 9)
        self.assertIs(found["score:avg"], False, "0 to 10 and 1 to 5 have no mean together")

    def test_measures_when_nobody_answered_then_unknown(self):
        [numbers] = self.report._read_group([], [], MEASURES)
        self.assertEqual(set(map(repr, numbers[1:])), {"False"})

    # === RIGHTS, SCREENS === #

    def test_answers_of_other_companies_then_not_shown(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        partner = self._create_partner(company_id=other.id)
        self._create_answer(partner, 9, company_id=other.id)
        self._create_rating(partner, 4)
        self.assertEqual(len(self._row(partner)), 2)
        self.assertFalse(self._row(partner, self.report.with_user(self.viewer)))
        anywhere = self._create_partner()
        self._create_rating(anywhere, 4)
        self.assertTrue(self._row(anywhere, self.report.with_user(self.viewer)))

    def test_report_when_without_the_lifecycle_then_refused(self):
        internal, partner = self._create_user("f-internal"), self._create_partner()
        self._create_answer(partner, 9)
        with self.assertRaises(AccessError):
            self.report.with_user(internal).search([])
        with self.assertRaises(AccessError):
            self._row(partner, self.report.with_user(self.viewer)).write({"score": 1})

    def test_favourites_of_everybody_then_they_ask_for_what_there_is(self):
        self._create_answer(self._create_partner(), 9, product_id=self.product.id)
        found = self.env["ir.filters"].with_user(self.viewer).get_filters(
            "clm.feedback.report", self.env.ref("clm.clm_feedback_report_action").id,
        )
        self.assertEqual(len(found), 4)
        report = self.report.with_user(self.viewer)
        for favourite in found:
            context, domain = literal_eval(favourite["context"]), literal_eval(favourite["domain"])
            measures = [f"{name}:{self.report._fields[name].aggregator}" for name in context["pivot_measures"]]
            rows, columns = context["pivot_row_groupby"], context["pivot_column_groupby"]
            for group in report.formatted_read_grouping_sets(domain, [[], [*rows, *columns]], measures):
                self.assertEqual(sum(row["answers:sum"] for row in group), 1, favourite["name"])
