import base64
from datetime import date
from pathlib import Path

from odoo.exceptions import AccessError, ValidationError
from odoo.modules import get_module_path
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .kpi_common import KpiBuilders
from .screen_common import ScreenCase

MODELS = ("clm.kpi", "clm.kpi.target", "clm.kpi.value", "clm.spend")
WIZARDS = ("clm.kpi.fill", "clm.kpi.suggest")
ACTIONS = (
    "clm_kpi_action", "clm_kpi_target_action", "clm_kpi_value_action", "clm_kpi_value_action_goals", "clm_spend_action",
)


class KpiScreenCase(KpiBuilders, ScreenCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.team | cls.other_team).member_ids = False  # they belong to another company
        cls._set_up_kpis()
        cls.leads_kpi, cls.win_rate, cls.spend_kpi = (
            cls._built_in(code) for code in ("new_leads", "win_rate", "acquisition_spend")
        )

    @classmethod
    def _create_value(cls, kpi, number, month="2026-01", kind="month", last="28", **vals):
        """:param number: None: not known"""
        return cls.values.create({
            "kpi_id": kpi.id, "company_id": cls.company.id, "period": kind, "date_from": f"{month}-01",
            "date_to": f"{month}-{last}", "value": number or 0.0, "is_known": number is not None, **vals,
        })


@tagged("post_install", "-at_install")
class TestKpiScreens(KpiScreenCase):
    """What the screens of KPIs, goals, values and spend show, and to whom."""

    # === VIEWS === #

    def test_every_view_opens_for_every_role(self):
        for name in ACTIONS:
            action = self.env.ref(f"clm.{name}")
            for user in self.viewer | self.user | self.manager:
                with self.subTest(action=name, user=user.login):
                    views = [*action.views, (action.search_view_id.id, "search")]
                    found = self.env[action.res_model].with_user(user).get_views(views)
                    self.assertEqual(set(found["views"]), {kind for __, kind in views})

    def test_every_filter_of_a_search_view_can_be_used(self):
        for name in MODELS:
            for user in (self.viewer, self.manager):
                self._assert_filters_work(name, user)

    def test_every_button_has_a_public_method_that_needs_no_argument(self):
        views = self._views(*MODELS, *WIZARDS)
        self.assertGreater(len(views), 18)
        for view in views:
            model = self.env.registry[view.model]
            for button in self._arch(view.model, view.type, self.manager, view.id).xpath("//button[@type='object']"):
                with self.subTest(view=view.name, button=button.get("name")):
                    method = getattr(model, button.get("name"))
                    self.assertEqual(method.__code__.co_argcount - 1 - len(method.__defaults__ or ()), 0)

    def test_forms_open_for_every_role(self):
        target = self._create_target(self.win_rate, 0.4)
        value = self._create_value(self.win_rate, 0.3)
        spend = self.env["clm.spend"].create({"name": "Ads", "amount": 10.0, "company_id": self.company.id})
        for record in (self.win_rate, target, value, spend):
            for user in (self.viewer, self.user, self.manager):
                with self.subTest(record=record._name, user=user.login):
                    self.env.invalidate_all()
                    form = Form(record.with_user(user))
                    self.assertEqual(form.record, record)

    def test_values_cannot_be_changed_on_any_screen(self):
        for view in self._views("clm.kpi.value").filtered(lambda view: view.type in ("list", "form", "kanban")):
            root = self._arch("clm.kpi.value", view.type, self.manager, view.id)
            with self.subTest(view=view.name):
                self.assertEqual([root.get(name) for name in ("create", "edit", "delete")], ["0"] * 3)

    # === MENUS === #

    def test_cockpit_is_the_first_menu_and_everybody_finds_what_is_theirs(self):
        def shown(user):
            ids = self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()
            names = ("cockpit", "kpi_values", "kpi_goals_reached", "kpi_targets", "kpis", "spend", "configuration")
            return {name for name in names if self.env.ref(f"clm.clm_menu_{name}").id in ids}

        reading = {"cockpit", "kpi_values", "kpi_goals_reached", "kpi_targets", "kpis", "spend"}
        self.assertEqual(shown(self.viewer), reading)
        self.assertEqual(shown(self.user), reading)
        self.assertEqual(shown(self.manager), {*reading, "configuration"})
        root = self.env.ref("clm.clm_menu_root")
        self.assertNotIn(root.id, self.env["ir.ui.menu"].with_user(self.internal)._visible_menu_ids())
        first = self.env["ir.ui.menu"].search([("parent_id", "=", root.id)], limit=1)
        self.assertEqual(first, self.env.ref("clm.clm_menu_cockpit"))
        self.assertEqual((first.action.tag, first.action.path), ("clm.cockpit", "cockpit"))

    def test_users_enter_spend_and_viewers_only_read_it(self):
        vals = {"name": "Ads", "amount": 10.0}
        with Form(self.env["clm.spend"].with_user(self.user)) as form:
            form.name = "Ads"
            form.amount = 10.0
        self.assertEqual(form.record.company_amount, 10.0)
        with self.assertRaises(AccessError):
            self.env["clm.spend"].with_user(self.viewer).create(vals)

    # === KPIS === #

    def test_groups_of_kpis_stand_in_the_order_of_the_lifecycle(self):
        self._built_in("renewal_rate", "cycle_time")
        groups = self.kpis.with_context(read_group_expand=True).web_read_group([], ["section"], ["__count"])["groups"]
        self.assertEqual([group["section"] for group in groups], ["stage", "renewal", "contract"])
        self.assertEqual(self.kpis.search([]).mapped("section"), ["stage"] * 3 + ["renewal", "contract"])

    def test_kpi_is_found_by_its_code(self):
        self.assertEqual(self.kpis.name_search("win_rate", operator="="), [(self.win_rate.id, "Win Rate")])

    def test_filter_of_status_finds_what_the_list_shows(self):
        self._create_target(self.win_rate, 0.4)
        self._create_target(self.leads_kpi, 5)
        with self.at("2026-03-20"):
            self._create_value(self.win_rate, 0.3, "2026-03", last="31")._compare()
            self._create_value(self.leads_kpi, 30, "2026-03", last="31")._compare()
            for status, kpis in (("off", self.win_rate), ("on", self.leads_kpi), ("na", self.spend_kpi)):
                with self.subTest(status=status):
                    self.assertEqual(self.kpis.search([("latest_status", "=", status)]), kpis)
            self.assertEqual(self.win_rate.latest_goal, "40.0 %")

    def test_counts_of_buttons_are_those_of_what_they_open(self):
        target = self._create_target(self.win_rate, 0.4)
        value = self._create_value(self.win_rate, 0.3)
        self.env.invalidate_all()
        self.assertEqual((self.win_rate.value_count, self.win_rate.target_count), (1, 1))
        self.assertEqual(self.leads_kpi.value_count, 0)
        self.assertEqual(self._follow(self.win_rate.action_view_targets(), self.manager), target)
        self.assertEqual(self._follow(self.win_rate.action_view_values(), self.manager), value)
        self.assertEqual(self._follow(target.action_view_values(), self.manager), target.value_ids)

    def test_what_a_built_in_kpi_measures_is_read_only_on_its_form(self):
        with Form(self.win_rate.with_user(self.manager)) as form:
            form.user_id = self.mate
            for field, value in (("unit", "count"), ("formula", "Else"), ("is_cumulative", True)):
                with self.subTest(field=field), self.assertRaisesRegex(AssertionError, "readonly"):
                    setattr(form, field, value)
        self.assertEqual(self.win_rate.user_id, self.mate)

    def test_own_kpi_is_made_on_the_form(self):
        with Form(self.kpis.with_user(self.maker)) as form:
            form.name = "Open Leads"
            form.stage_id = self.acquisition
            form.model_id = self.model_lead
            form.aggregate = "sum"
            form.field_id = self._field("crm.lead", "expected_revenue")
            form.date_field_id = self._field("crm.lead", "date_deadline")
        self.assertTrue(form.record.is_custom)
        self._create_lead(expected_revenue=70.0)
        self._refresh(form.record)
        self.assertEqual(self._number(form.record), 70.0)

    # === GOALS === #

    def test_share_above_a_thousand_percent_is_refused_with_what_was_meant(self):
        with self.assertRaisesRegex(ValidationError, r"9,?000.0 %.*0.9 in a file"), self.env.cr.savepoint():
            self._create_target(self.win_rate, 90)
        self.assertEqual(self._create_target(self.leads_kpi, 90).value, 90)
        with self.assertRaisesRegex(ValidationError, "percent"), self.env.cr.savepoint():
            self._create_target(self.win_rate, -0.1)

    def test_status_of_a_list_of_goals_takes_the_same_queries_whatever_its_length(self):
        kpis = self._built_in("aov", "clv", "revenue", "cac", "mrr")
        targets = self.targets.union(*(self._create_target(kpi, 5) for kpi in kpis))
        for kpi in kpis:
            self._create_value(kpi, 9)._compare()

        def queries(goals):
            self.env.invalidate_all()
            self.targets.search_count([])
            before = self.cr.sql_log_count
            goals.mapped("status")
            return self.cr.sql_log_count - before

        queries(targets)  # what is cached for good is read now
        self.assertEqual(queries(targets[:1]), queries(targets))

    def test_goal_shows_the_value_that_says_something_about_it(self):
        target = self._create_target(self.leads_kpi, 5)
        with self.at("2026-03-20"):
            self._create_value(self.leads_kpi, 3, "2026-02")._compare()
            self._create_value(self.leads_kpi, None, "2026-03", last="31")._compare()
            self._create_value(self.leads_kpi, 9, "2026-04", last="30")._compare()
            self.env.invalidate_all()
            self.assertEqual((target.latest, target.status), ("3", "off"))
            self.assertEqual(target._latest_values()[target].date_from, date(2026, 2, 1))
            self.assertEqual(self.targets.search([("status", "=", "off")]), target)

    # === VALUES === #

    def _mean(self, measure, *groups):
        rows = self.values.formatted_read_group([], list(groups), [f"{measure}:avg"])
        return [row[f"{measure}:avg"] for row in rows]

    def test_mean_of_values_leaves_out_what_is_not_known(self):
        self._create_value(self.win_rate, 0.4)
        self._create_value(self.win_rate, 0.6, "2026-02")
        self._create_value(self.win_rate, None, "2026-03")
        self.assertEqual(self._mean("value"), [0.5])
        self.assertEqual(self._mean("figure"), [50.0])

    def test_values_of_different_kpis_have_no_mean(self):
        self._create_value(self.win_rate, 0.4)
        self._create_value(self.leads_kpi, 20)
        self.assertFalse(any(self._mean("figure")))
        self.assertEqual(sorted(self._mean("figure", "kpi_id")), [20.0, 40.0])

    def test_share_of_goals_reached_compares_kpis_of_every_unit(self):
        for kpi, goal, value in ((self.win_rate, 0.4, 0.2), (self.spend_kpi, 100, 200), (self.leads_kpi, 10, 15)):
            self._create_target(kpi, goal)
            self._create_value(kpi, value)._compare()
        self.env.flush_all()
        self.assertEqual(sorted(self._mean("attainment", "kpi_id")), [0.5, 0.5, 1.5])
        value = self.values.search([("kpi_id", "=", self.spend_kpi.id)])
        self.assertEqual((value.attainment, value.display_goal), (0.5, self.kpis._format_value(
            100, "money", self.company.currency_id)))
        self._create_target(self._built_in("logo_churn"), 0.1)
        self._create_value(self._built_in("logo_churn"), 0.0)._compare()
        self.assertEqual(len([mean for mean in self._mean("attainment", "kpi_id") if mean]), 3)


@tagged("post_install", "-at_install")
class TestGoalImport(KpiScreenCase):
    """Goals from a file, by the import of Odoo."""

    def _import(self, text):
        """:return: what the import says"""
        wizard = self.env["base_import.import"].with_user(self.manager).create({
            "res_model": "clm.kpi.target", "file": base64.b64decode(base64.b64encode(text.encode())),
            "file_type": "text/csv", "file_name": "goals.csv",
        })
        options = {"quoting": '"', "separator": ",", "has_headers": True, "encoding": "utf-8"}
        preview = wizard.parse_preview(options)
        return wizard.execute_import(preview["headers"], preview["headers"], {**options, **preview["options"]})

    def test_template_can_be_imported_as_it_is(self):
        self._built_in("new_customers", "cac")
        template, = self.targets.get_import_templates()
        file = Path(get_module_path("clm")) / template["template"].removeprefix("/clm/")
        result = self._import(file.read_text())
        self.assertFalse(result["messages"])
        self.assertEqual(
            [(target.kpi_id.code, target.value, target.period) for target in self.targets.browse(result["ids"])],
            [("win_rate", 0.35, "month"), ("new_customers", 12, "month"), ("cac", 450, "quarter")],
        )

    @mute_logger("odoo.sql_db")
    def test_rows_that_are_wrong_are_named_and_nothing_is_written(self):
        head = "kpi_id,value,period,date_from,date_to\nWin Rate,0.4,month,2026-01-01,2026-12-31\n"
        for row, sentence in (
            ("Vin Rate,0.4,month,2026-01-01,2026-12-31", "Vin Rate"),
            ("New Leads,4,year,2026-01-01,2026-12-31", "year"),
            ("New Leads,4,month,2026-12-31,2026-01-01", "ends before it begins"),
            ("win_rate,0.5,month,2026-06-01,2026-06-30", "already has a goal"),
            ("win_rate,90,week,2026-01-01,2026-12-31", "9,?000.0 %"),
            ("New Leads,many,month,2026-01-01,2026-12-31", "many"),
        ):
            with self.subTest(row=row):
                result = self._import(head + row + "\n")
                self.assertRegex(" ".join(message["message"] for message in result["messages"]), sentence)
                self.assertFalse(result.get("ids"))
                self.assertFalse(self.targets.search([]))
