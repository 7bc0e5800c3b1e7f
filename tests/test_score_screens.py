from lxml import etree

from odoo.exceptions import AccessError
from odoo.tests import Form, tagged
from odoo.tools.safe_eval import safe_eval

from .score_common import ScoreCase


@tagged("post_install", "-at_install")
class TestScoreScreens(ScoreCase):
    """What customers, lists and forms show of scores, and to whom."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.Partner = cls.env["res.partner"]

    def _three(self):
        """:return: a customer who is green, one who is red and one of whom too little is known"""
        green, red, unknown = (self._customer(name) for name in ("Green", "Red", "Unknown"))
        self._buy(green, "2026-05-01", "2026-05-20", "2026-06-08")
        self._buy(red, "2026-01-01", "2026-01-11", "2026-01-21")
        self._create_invoice(unknown, "2026-06-01")
        self.env["clm.health.factor"].search([("code", "=", "recency")]).weight = 100
        self._refresh()
        self.env.cr.execute(
            "UPDATE clm_customer_score SET health = NULL, band = NULL, segment = NULL WHERE partner_id = %s",
            [unknown.id])
        self.env.cr.execute("UPDATE clm_customer_score SET change = -12 WHERE partner_id = %s", [red.id])
        self.env.invalidate_all()
        return green, red, unknown

    def test_fields_when_read_then_those_of_the_score_in_one_query(self):
        with self.at("2026-06-10"):
            customers = self.Partner.union(*self._three())
            customers = customers.with_user(self.viewer)
            self.assertEqual(customers.mapped("lifecycle_health_band"), ["green", "red", False])
            self.assertEqual(customers.mapped("lifecycle_health_change"), [0, -12, 0])
            self.assertEqual(customers.mapped("lifecycle_overdue_buyer"), [False, True, False])
            customers.invalidate_recordset()
            customers.mapped("name")
            with self.assertQueryCount(1):
                customers.mapped("lifecycle_health")

    def test_fields_when_searched_then_as_computed_and_unknown_is_not_zero(self):
        with self.at("2026-06-10"):
            green, red, unknown = self._three()
            among = [("id", "in", (green | red | unknown).ids)]
            for leaf, expected in (
                (("lifecycle_health_band", "=", "red"), red),
                (("lifecycle_health_band", "!=", "red"), green | unknown),
                (("lifecycle_health_band", "=", False), unknown),
                (("lifecycle_health_band", "!=", False), green | red),
                (("lifecycle_health_band", "in", ("red", False)), red | unknown),
                (("lifecycle_health", "<=", 50), red),
                (("lifecycle_health", "=", red.lifecycle_health), red),
                (("lifecycle_health", ">", 50), green),
                (("lifecycle_health_change", "<=", -10), red),
                (("lifecycle_overdue_buyer", "=", True), red),
                (("lifecycle_overdue_buyer", "=", False), green | unknown),
                (("lifecycle_next_purchase", "<", "2026-06-01"), red),
                (("lifecycle_next_purchase", "!=", False), green | red),
                (("lifecycle_segment", "=", False), unknown),
            ):
                with self.subTest(leaf):
                    self.assertEqual(self.Partner.with_user(self.viewer).search([*among, leaf]), expected)

    def test_customers_when_grouped_then_by_band_and_segment(self):
        with self.at("2026-06-10"):
            green, red, unknown = self._three()
            among = [("id", "in", (green | red | unknown).ids)]
            Partner = self.Partner.with_user(self.viewer)
            self.assertEqual(dict(Partner._read_group(among, ["lifecycle_health_band"], ["__count"])),
                             {"green": 1, "red": 1, False: 1})
            groups = Partner.formatted_read_group(among, ["lifecycle_segment"], ["__count"])
            self.assertEqual(sum(group["__count"] for group in groups), 3)
            for group in groups:
                self.assertEqual(Partner.search_count([*among, *group["__extra_domain"]]), group["__count"])

    def test_scores_when_grouped_by_what_the_customer_is_then_possible(self):
        with self.at("2026-06-10"):
            green, red, _unknown = self._three()
            green.user_id = self.user
            Score = self.score.with_user(self.viewer)
            groups = Score.formatted_read_group(
                [("partner_id", "in", (green | red).ids)], ["user_id"], ["__count", "health:avg"])
            self.assertEqual({group["user_id"] and group["user_id"][0] for group in groups}, {self.user.id, False})
            self.assertTrue(Score.formatted_read_group([], ["stage_id"], ["__count"]))
            self.assertTrue(Score.formatted_read_group([], ["country_id"], ["__count"]))

    def test_filters_of_the_screens_when_used_then_all_work(self):
        with self.at("2026-06-10"):
            self._three()
            for xmlid, model in (("clm.clm_customer_score_view_search", self.score),
                                 ("clm.res_partner_view_search_lifecycle", self.Partner)):
                arch = etree.fromstring(model.with_user(self.viewer).get_view(self.env.ref(xmlid).id, "search")["arch"])
                for node in arch.iter("filter"):
                    if not node.get("domain"):
                        continue
                    with self.subTest(node.get("name")):
                        domain = safe_eval(node.get("domain"), {"uid": self.viewer.id})
                        model.with_user(self.viewer).search(domain, limit=1)

    def test_forms_when_opened_then_the_health_is_explained(self):
        with self.at("2026-06-10"):
            green, _red, _unknown = self._three()
            table = green.with_user(self.viewer).lifecycle_health_table
            self.assertEqual((table["score"], table["band"]), (100, "green"))
            self.assertEqual([part["code"] for part in table["parts"]],
                             ["recency", "trend", "overdue", "feedback", "obligations", "notice"])
            known = [part for part in table["parts"] if part["value"] is not None]
            self.assertEqual([part["code"] for part in known], ["recency"])
            self.assertEqual(sum(part["points"] for part in known), 100)
            action = green.with_user(self.viewer).action_open_lifecycle_score()
            form = Form(self.score.with_user(self.viewer).browse(action["res_id"]))
            self.assertEqual(form.health_table["score"], 100)
            self.assertEqual(self._score(green).action_open_customer()["res_id"], green.id)

    def test_scores_when_looked_at_without_the_lifecycle_then_refused(self):
        with self.at("2026-06-10"):
            green, _red, _unknown = self._three()
        with self.assertRaises(AccessError):
            self.score.with_user(self.internal).search([])
        for name in ("lifecycle_health", "lifecycle_health_band", "lifecycle_health_table"):
            with self.subTest(name), self.assertRaises(AccessError):
                green.with_user(self.internal).read([name])
        with self.assertRaises(AccessError):
            self.Partner.with_user(self.internal).search([("lifecycle_health_band", "=", "red")])
        with self.assertRaises(AccessError):
            self.Partner.with_user(self.internal)._read_group([], ["lifecycle_segment"])

    def test_scores_when_written_by_hand_then_refused(self):
        with self.at("2026-06-10"):
            green, _red, _unknown = self._three()
        for user in (self.viewer, self.user, self.manager):
            with self.subTest(user.login), self.assertRaises(AccessError):
                self._score(green).with_user(user).health = 1

    def test_scores_when_the_customer_is_of_another_company_then_hidden(self):
        other = self.env["res.company"].create({"name": "Secret"})
        with self.at("2026-06-10"):
            green, red, _unknown = self._three()
            green.company_id = other
            scores = self.score.with_user(self.viewer).search([("partner_id", "in", (green | red).ids)])
            self.assertEqual(scores.partner_id, red)

    def test_amounts_when_not_for_viewers_then_neither_read_nor_searched(self):
        with self.at("2026-06-10"):
            green, _red, _unknown = self._three()
        score = self._score(green).with_user(self.viewer)
        self.assertEqual(score.read(["revenue"])[0]["revenue"], 300)
        self.env["ir.config_parameter"].set_param("clm.viewer_amounts", "False")
        with self.assertRaises(AccessError):
            score.read(["revenue"])
        with self.assertRaises(AccessError):
            score.search([("overdue_amount", ">", 0)])
        self.assertTrue(score.read(["health"]))
        self.assertNotIn("revenue", score.fields_get())
