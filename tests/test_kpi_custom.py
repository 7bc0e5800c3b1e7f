from datetime import datetime

from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import tagged
from odoo.tools import mute_logger

from .kpi_common import KpiCase

NOT_UNDERSTOOD = "^“Expected Leads”: its filter (cannot be understood: .|is no list of conditions)"


@tagged("post_install", "-at_install")
class TestKpiCustomFigures(KpiCase):
    """What a manager's own KPIs say."""

    def test_count_takes_the_first_and_the_last_day_of_the_period(self):
        kpi = self._create_kpi()
        for day in ("2026-02-28", "2026-03-01", "2026-03-31", "2026-04-01"):
            self._create_lead(day)
        self._refresh(kpi)
        self.assertEqual(self._number(kpi), 2)

    def test_one_record_counts_once_in_each_kind_of_period(self):
        kpi = self._create_kpi()
        self._create_lead("2026-03-10")
        self._refresh(kpi, since="2026-01-01")
        found = {
            (value.period, str(value.date_from)): value.value
            for value in self.values.search([("kpi_id", "=", kpi.id)]) if value.value
        }
        self.assertEqual(found, {("week", "2026-03-09"): 1, ("month", "2026-03-01"): 1, ("quarter", "2026-01-01"): 1})

    def test_each_aggregate_gives_the_number_that_one_would_work_out_by_hand(self):
        for revenue, priority in ((100.0, "0"), (250.0, "1"), (40.0, "1"), (0.0, "2")):
            self._create_lead(expected_revenue=revenue, priority=priority)
        for vals, value, numerator, denominator in (
            ({"aggregate": "count"}, 4, 4, 0),
            ({"aggregate": "count", "domain": "[('priority', '=', '1')]"}, 2, 2, 0),
            ({"aggregate": "sum", "field": "expected_revenue", "unit": "money"}, 390, 390, 0),
            ({"aggregate": "avg", "field": "expected_revenue", "unit": "money"}, 97.5, 390, 4),
            ({"aggregate": "distinct", "field": "priority"}, 3, 3, 0),
            ({"aggregate": "share", "unit": "ratio", "part_domain": "[('priority', '=', '1')]"}, 0.5, 2, 4),
            ({"aggregate": "share", "unit": "ratio", "domain": "[('priority', '!=', '2')]",
              "part_domain": "[('expected_revenue', '>', 200)]"}, 1 / 3, 1, 3),
        ):
            with self.subTest(**vals):
                kpi = self._create_kpi(name=str(vals), **vals)
                self._refresh(kpi)
                row = self._value(kpi)
                self.assertTrue(row.is_known)
                self.assertAlmostEqual(row.value, value, 5)
                self.assertEqual((row.numerator, row.denominator), (numerator, denominator))

    def test_without_records_counts_and_sums_are_zero_means_and_shares_unknown(self):
        for vals, expected in (
            ({"aggregate": "count"}, 0), ({"aggregate": "sum", "field": "expected_revenue"}, 0),
            ({"aggregate": "distinct", "field": "priority"}, 0),
            ({"aggregate": "avg", "field": "expected_revenue"}, None),
            ({"aggregate": "share", "unit": "ratio", "part_domain": "[('priority', '=', '1')]"}, None),
        ):
            with self.subTest(**vals):
                kpi = self._create_kpi(name=str(vals), **vals)
                self._refresh(kpi)
                self.assertEqual(self._number(kpi), expected)
                self.assertFalse(kpi.error)

    def test_instants_count_on_the_day_that_it_is_at_the_company(self):
        self.company.lifecycle_tz = "Asia/Tokyo"  # nine hours ahead
        kpi = self._create_kpi(date_field="date_conversion")
        for moment in ("2026-02-28 14:59:59", "2026-02-28 15:00:00", "2026-03-31 14:59:59", "2026-03-31 15:00:00"):
            self._create_lead(name=moment, date_conversion=moment)
        self._refresh(kpi, on="2026-04-02")
        self.assertEqual(self._number(kpi), 2)
        self.assertEqual(
            sorted(self._counted(self._value(kpi).action_open_records()).mapped("name")),
            ["2026-02-28 15:00:00", "2026-03-31 14:59:59"],
        )

    def test_days_are_days_wherever_the_company_is(self):
        self.company.lifecycle_tz = "Pacific/Kiritimati"
        kpi = self._create_kpi()
        self._create_lead("2026-03-01")
        self._create_lead("2026-04-01")
        self._refresh(kpi, on="2026-04-02")
        self.assertEqual(self._number(kpi), 1)

    def test_today_is_that_of_the_company(self):
        self.company.lifecycle_tz = "Pacific/Kiritimati"  # 14 hours ahead: the first of April already
        kpi = self._create_kpi()
        self._refresh(kpi, on=datetime(2026, 3, 31, 12))
        self.assertEqual(self._value(kpi, "2026-04-01").is_open, True)
        self.assertEqual(self._value(kpi, "2026-03-01").is_open, False)

    def test_records_of_another_company_are_left_out(self):
        other = self._create_company("Other")
        kpi = self._create_kpi()
        self._create_lead()
        self._create_lead(company=other)
        self._create_lead(company=other)
        self._refresh(kpi)
        self._refresh(kpi, company=other)
        self.assertEqual(self._number(kpi), 1)
        self.assertEqual(self._number(kpi, company=other), 2)

    def test_shared_records_count_in_the_main_company_alone(self):
        kpi = self._create_kpi(domain="[('name', '=', 'Of nobody')]")
        self._create_lead(name="Of nobody").company_id = False
        self._refresh(kpi)
        self._refresh(kpi, company=self.main)
        self.assertEqual(self._number(kpi), 0)
        self.assertEqual(self._number(kpi, company=self.main), 1)

    def test_kpi_of_a_company_is_computed_there_alone(self):
        kpi = self._create_kpi(company_id=self.company.id)
        self._refresh(kpi)
        self._refresh(kpi, company=self.main)
        self.assertEqual(self.values.search([("kpi_id", "=", kpi.id)]).company_id, self.company)

    def test_archived_records_do_not_count(self):
        kpi = self._create_kpi()
        self._create_lead()
        self._create_lead().active = False
        self._refresh(kpi)
        self.assertEqual(self._number(kpi), 1)

    def test_each_team_has_its_own_number_and_the_total_all_of_them(self):
        kpi = self._create_share()
        for team, priority in ((self.team, "1"), (self.team, "0"), (self.other_team, "0"), (None, "1"), (None, "1")):
            self._create_lead(team_id=team and team.id, priority=priority)
        self._refresh(kpi)
        self.assertEqual(self._number(kpi, team=self.team), 0.5)
        self.assertEqual(self._number(kpi, team=self.other_team), 0)
        self.assertAlmostEqual(self._number(kpi), 0.6, 5)

    def test_team_that_lost_its_only_record_goes_to_zero(self):
        kpi = self._create_kpi()
        lead = self._create_lead(team_id=self.team.id)
        self._refresh(kpi)
        self.assertEqual(self._number(kpi, team=self.team), 1)
        lead.team_id = self.other_team
        self._refresh(kpi)
        self.assertEqual(self._number(kpi, team=self.other_team), 1)
        self.assertEqual(self._number(kpi, team=self.team), 0)

    def test_records_opened_are_those_counted(self):
        """Also of a team, and both parts of a share."""
        kpi = self._create_kpi(
            aggregate="share", unit="ratio", domain="[('priority', '!=', '2')]",
            part_domain="[('expected_revenue', '>', 200)]",
        )
        other = self._create_company("Other")
        mine = [
            self._create_lead(expected_revenue=revenue, priority=priority, team_id=team.id)
            for revenue, priority, team in (
                (300.0, "0", self.team), (100.0, "0", self.team), (300.0, "1", self.other_team),
                (900.0, "2", self.team),
            )
        ]
        self._create_lead("2026-04-01", expected_revenue=300.0)
        self._create_lead(company=other, expected_revenue=300.0)
        self._refresh(kpi)
        for team, part, expected in (
            (None, "", [0, 1, 2]), (None, "denominator", [0, 1, 2]), (None, "numerator", [0, 2]),
            (self.team, "numerator", [0]), (self.team, "denominator", [0, 1]), (self.other_team, "denominator", [2]),
        ):
            with self.subTest(team=team and team.name, part=part):
                value = self._value(kpi, team=team)
                action = value.with_user(self.maker)._records_action(part)
                counted = self._counted(action, self.maker)
                self.assertEqual(set(counted.ids), {mine[place].id for place in expected})
                if part:
                    self.assertEqual(len(counted), value[part])

    def test_money_in_other_currencies_is_added_up_in_that_of_the_company(self):
        dollars = self.env.ref("base.USD") if self.company.currency_id != self.env.ref("base.USD") else self.env.ref(
            "base.EUR")
        dollars.active = True
        self.env["res.currency.rate"].create({
            "name": "2026-01-01", "rate": 2.0, "currency_id": dollars.id, "company_id": self.company.id,
        })
        foreign = self.env["product.pricelist"].create({"name": "Foreign", "currency_id": dollars.id})
        own = self.env["product.pricelist"].create({"name": "Own", "currency_id": self.company.currency_id.id})
        for pricelist in (own, foreign):
            self._create_order(
                self.partner, confirm=False, company_id=self.company.id, pricelist_id=pricelist.id,
                commitment_date="2026-03-10 12:00:00", price=100.0,
            )
        kpi = self._create_kpi(
            model="sale.order", date_field="commitment_date", field="amount_untaxed", aggregate="sum", unit="money",
        )
        self._refresh(kpi)
        self.assertEqual(self._number(kpi), 150.0)


@tagged("post_install", "-at_install")
class TestKpiCustomChecks(KpiCase):
    """What cannot be measured is refused with a sentence, and nothing is written."""

    def _assert_refused(self, sentence, user=None, error=ValidationError, **vals):
        before = self.kpis.with_context(active_test=False).search_count([])
        with self.assertRaises(error) as caught, self.env.cr.savepoint(), mute_logger("odoo.sql_db"):
            self._create_kpi(user, **vals)
        self.env.invalidate_all()
        self.assertRegex(str(caught.exception), sentence)
        self.assertEqual(self.kpis.with_context(active_test=False).search_count([]), before)
        return str(caught.exception)

    def test_missing_or_foreign_date_is_refused(self):
        for date_field in (False, self._field("sale.order", "date_order").id):
            with self.subTest(date_field=date_field):
                self._assert_refused("needs a date of its records", date_field_id=date_field)

    def test_field_that_is_no_date_is_refused_as_date(self):
        for name in ("name", "expected_revenue", "day_close"):
            with self.subTest(name=name):
                self._assert_refused("no date that is stored", date_field=name)

    def test_date_that_is_not_stored_is_refused(self):
        field = self.env["ir.model.fields"].search(
            [("model", "=", "crm.lead"), ("store", "=", False), ("ttype", "in", ("date", "datetime"))], limit=1)
        self.assertTrue(field)
        self._assert_refused("no date that is stored", date_field_id=field.id)

    def test_missing_foreign_or_unstored_field_is_refused(self):
        not_stored = self.env["ir.model.fields"].search(
            [("model", "=", "crm.lead"), ("store", "=", False), ("ttype", "in", ("integer", "float"))], limit=1)
        self.assertTrue(not_stored)
        foreign = self._field("sale.order", "amount_total")
        for aggregate in ("sum", "avg", "distinct"):
            for field in (False, foreign.id, not_stored.id):
                with self.subTest(aggregate=aggregate, field=field):
                    self._assert_refused("needs a field to measure", aggregate=aggregate, field_id=field)

    def test_sum_of_what_is_no_number_is_refused_but_its_different_values_are_counted(self):
        for aggregate in ("sum", "avg"):
            with self.subTest(aggregate=aggregate):
                self._assert_refused("no number. Choose a number", aggregate=aggregate, field="contact_name")
        self.assertTrue(self._create_kpi(aggregate="distinct", field="contact_name"))

    def test_dialogs_abstract_models_and_none_are_refused(self):
        for name in ("crm.lead2opportunity.partner", "mail.thread", None):
            with self.subTest(model=name):
                model = self.env["ir.model"]._get(name) if name else self.env["ir.model"]
                self._assert_refused(
                    "needs records to measure|no date that is stored|needs a date", model_id=model.id,
                    date_field_id=self._field(name, "create_date").id if name else False,
                )

    def test_model_that_the_manager_may_not_read_is_refused(self):
        self._assert_refused(
            "You may not read", error=AccessError, model="ir.config_parameter", date_field="create_date")
        self._assert_refused("You may not read Lead", self.manager, error=AccessError)

    def test_field_that_the_manager_may_not_read_is_refused(self):
        self.assertEqual(self.env["res.partner"]._fields["signup_type"].groups, "base.group_erp_manager")
        common = {"model": "res.partner", "date_field": "create_date"}
        for vals in (
            {"aggregate": "distinct", "field": "signup_type"},
            {"domain": "[('signup_type', '=', 'reset')]"},
            {"aggregate": "share", "unit": "ratio", "part_domain": "[('signup_type', '!=', False)]"},
        ):
            with self.subTest(**vals):
                self._assert_refused("signup_type|Signup", error=UserError, **common, **vals)

    def test_filter_that_cannot_be_understood_is_refused(self):
        for text in (
            "[", "hello", "5", "None", "{}", "'abc'", "[1, 2]", "[('name', '=')]", "['&']", "['!']", "[[[]]]",
            "[('nope', '=', 1)]", "[('partner_id.nope', '=', 1)]", "[('name', 'foo', 1)]",
            "[('date_deadline', '=', 'soon')]", "[('name', 'in', {'a': 1})]", "[('create_uid', '=', uid)]",
            "[('id', 'any!', [('id', '=', 1)])]", "[('id', 'inselect', ('SELECT 1', []))]",
        ):
            with self.subTest(text=text):
                sentence = self._assert_refused(NOT_UNDERSTOOD, domain=text)
                self.assertNotIn("object at 0x", sentence)

    def test_second_filter_is_checked_like_the_first(self):
        for text in ("[", "[('nope', '=', 1)]", "[('expected_revenue', '>', 'abc')]"):
            with self.subTest(text=text):
                self._assert_refused("its filter", aggregate="share", unit="ratio", part_domain=text)

    def test_filter_that_fails_in_the_database_is_refused(self):
        for text in (
            "[('expected_revenue', '>', 'abc')]", "[('name', '=', 'a\\0b')]", "[('create_uid.password', '=', 'x')]",
        ):
            with self.subTest(text=text):
                self._assert_refused(
                    "“Expected Leads”: its filter (does not work with|cannot be understood)", domain=text)

    def test_filter_of_an_attacker_is_never_run(self):
        for text in (
            "__import__('os').system('id')", "[('name', '=', __import__('os').getcwd())]",
            "[('name', '=', open('/etc/passwd').read())]", "(lambda: 1)()", "[('id', 'in', 9**9**9)]",
            "[(" * 5000, "(" * 300, "[" * 90, "['|'] * 100000", str([("id", "=", 1)] * 20000),
            "[('partner_id', 'any', " * 200 + "[]" + ")]" * 200,
        ):
            with self.subTest(text=text[:40]):
                sentence = self._assert_refused(NOT_UNDERSTOOD, domain=text)
                self.assertLess(len(sentence), 300)

    def test_percent_are_for_shares_and_shares_in_percent(self):
        self._assert_refused("a share is shown in percent", unit="ratio")
        self._assert_refused("a share is shown in percent", unit="count", aggregate="share")

    def test_only_managers_make_change_or_delete_kpis(self):
        kpi = self._create_kpi()
        salesman = self._create_user("c-salesman", "sales_team.group_sale_salesman_all_leads")
        for user in (self.viewer, self.user, self.internal, salesman):
            with self.subTest(user=user.login):
                self._assert_refused("not allowed", user, error=AccessError)
                for act in (
                    lambda own: own.write({"name": "Mine"}), lambda own: own.unlink(), lambda own: own.copy(),
                    lambda own: own.action_fill(),
                ):
                    with self.assertRaises(AccessError):
                        act(kpi.with_user(user))

    def test_kpi_in_use_cannot_be_made_wrong(self):
        kpi = self._create_kpi(domain="[('priority', '=', '1')]")
        self.env.invalidate_all()
        for vals in ({"domain": "[('nope', '=', 1)]"}, {"date_field_id": False}, {"aggregate": "sum"}):
            with self.subTest(**vals), self.assertRaises(ValidationError), self.env.cr.savepoint():
                kpi.with_user(self.maker).write(vals)
        self.env.invalidate_all()
        self.assertEqual((kpi.domain, kpi.aggregate), ("[('priority', '=', '1')]", "count"))
        self.assertTrue(kpi.date_field_id)

    def test_built_in_measure_never_changes(self):
        mrr = self._built_in("mrr")
        with self.assertRaisesRegex(UserError, "Make a KPI of your own"), self.env.cr.savepoint():
            mrr.with_user(self.manager).measure = "arpa"
        with self.assertRaises(UserError), self.env.cr.savepoint():
            mrr.with_user(self.manager).measure = False
        self.env.invalidate_all()
        self.assertEqual(mrr.measure, "mrr")

    def test_copy_is_measured_like_the_original_under_a_code_of_its_own(self):
        for kpi in (self._built_in("days_in_acquisition"), self._create_share()):
            with self.subTest(kpi=kpi.name):
                copy = kpi.with_user(self.maker).copy({"stage_id": self.conversion.id})
                self.assertEqual((copy.measure, copy.part_domain), (kpi.measure, kpi.part_domain))
                self.assertNotEqual(copy.code, kpi.code)
                self.assertTrue(copy.fill_until)

    def test_kpis_of_one_name_get_codes_of_their_own(self):
        codes = (self._create_kpi() | self._create_kpi() | self.kpis.with_user(self.maker).create(
            [self._prepare_kpi(), self._prepare_kpi()])).mapped("code")
        self.assertEqual(len(set(codes)), 4)

    def test_manager_chooses_records_field_and_date_in_the_client(self):
        """Without the rights of a system administrator."""
        self.assertFalse(self.maker.has_group("base.group_erp_manager"))
        found = self.env["ir.model"].with_user(self.maker).name_search("Lead", [("transient", "=", False)])
        self.assertIn(self.model_lead.id, [model_id for model_id, _name in found])
        dates = self.env["ir.model.fields"].with_user(self.maker).search_read(
            [("model_id", "=", self.model_lead.id), ("store", "=", True), ("ttype", "=", "date")], ["display_name"])
        self.assertIn(self._field("crm.lead", "date_deadline").id, [field["id"] for field in dates])


@tagged("post_install", "-at_install")
class TestKpiCustomLater(KpiCase):
    """What becomes of a KPI when its records change under it, and who sees it."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.field = cls.env["ir.model.fields"].create([
            {"name": "x_day", "field_description": "Day", "model_id": cls.model_lead.id, "ttype": "date"},
            {"name": "x_size", "field_description": "Size", "model_id": cls.model_lead.id, "ttype": "float"},
        ])

    def setUp(self):
        # done last: when what the test deleted is there again
        self.addCleanup(self.registry._setup_models__, self.cr)
        super().setUp()

    def test_kpi_whose_field_is_gone_tells_so_and_keeps_its_values(self):
        broken = (
            self._create_kpi(name="By day", date_field="x_day"),
            self._create_kpi(name="By size", aggregate="sum", field="x_size"),
            self._create_kpi(name="By filter", domain="[('x_size', '>', 1)]"),
        )
        sound = self._create_kpi(name="Sound")
        self._create_lead(x_day="2026-03-02", x_size=5.0)
        kpis = sound.union(*broken)
        self._refresh(kpis)
        self.assertEqual([self._number(kpi) for kpi in broken], [1, 5, 1])
        self.field.unlink()
        self._create_lead()
        with self.assertLogs("odoo.addons.clm", "WARNING"):
            self._refresh(kpis)
        self.assertEqual(self._number(sound), 2)
        self.assertFalse(sound.error)
        for kpi, sentence, known in zip(
            broken, ("needs a date", "needs a field", "its filter cannot be understood"), (1, 5, 1), strict=True,
        ):
            with self.subTest(kpi=kpi):
                self.assertTrue(kpi.exists())
                self.assertRegex(kpi.error, sentence)
                self.assertEqual(self._number(kpi), known)

    def test_problem_is_gone_once_the_kpi_is_mended(self):
        kpi = self._create_kpi(domain="[('x_size', '>', 1)]")
        self.field.unlink()
        with self.assertLogs("odoo.addons.clm", "WARNING"):
            self._refresh(kpi)
        self.assertTrue(kpi.error)
        kpi.with_user(self.maker).domain = "[]"
        self._create_lead()
        self._refresh(kpi)
        self.assertFalse(kpi.error)
        self.assertEqual(self._number(kpi), 1)

    def test_viewer_sees_the_number_and_cannot_open_the_records(self):
        kpi = self._create_kpi()
        self._create_lead()
        self._refresh(kpi)
        value = self._value(kpi)
        self.env.invalidate_all()
        own = value.with_user(self.viewer)
        self.assertEqual((own.value, own.display_value), (1, "1"))
        self.assertEqual(own.kpi_id.name, "Expected Leads")
        with self.assertRaises(AccessError):
            own.action_open_records()

    def test_kpi_can_be_looked_at_by_viewers(self):
        kpi = self._create_kpi(aggregate="sum", field="expected_revenue")
        self.env.invalidate_all()
        row = kpi.with_user(self.viewer).web_read({
            "name": {}, "model_id": {"fields": {"display_name": {}}}, "field_id": {"fields": {"display_name": {}}},
            "date_field_id": {"fields": {"display_name": {}}}, "latest": {}, "is_custom": {},
        })[0]
        self.assertEqual(row["name"], "Expected Leads")
        self.assertIn("Revenue", row["field_id"]["display_name"])
