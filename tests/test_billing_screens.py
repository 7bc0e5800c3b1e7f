from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.tests import Form, tagged
from odoo.tools import mute_logger

from .billing_common import BillingCase
from .screen_common import ScreenCase

MODELS = ("clm.installment", "clm.billing.run", "clm.mrr.movement")
WIZARDS = ("clm.installment.skip", "clm.contract.index")
ACTIONS = (
    "clm_installment_action", "clm_installment_action_credit", "clm_billing_run_action", "clm_mrr_movement_action",
)


@tagged("post_install", "-at_install")
class TestBillingScreens(ScreenCase, BillingCase):
    """What the screens of billing show, to whom, and what their buttons do."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sales = cls._create_user("c-sales", "sales_team.group_sale_salesman", "clm.group_viewer")
        cls.chief = cls._create_user("c-chief", "account.group_account_manager", "clm.group_manager")

    # === VIEWS === #

    def _actions(self):
        return [self.env.ref(f"clm.{name}") for name in ACTIONS]

    def test_every_view_opens_for_every_role_that_reads_its_records(self):
        everybody = self.viewer | self.user | self.sales | self.manager | self.accountant | self.bookkeeper
        readers = {
            "clm.installment": everybody - self.viewer,
            "clm.billing.run": self.accountant | self.bookkeeper,
            "clm.mrr.movement": everybody,
        }
        for action in self._actions():
            for user in everybody:
                Model = self.env[action.res_model].with_user(user)
                with self.subTest(user=user.login, action=action.name):
                    if user not in readers[action.res_model]:
                        self.assertFalse(Model.has_access("read"))
                        continue
                    views = [*action.views, (action.search_view_id.id, "search")]
                    self.assertEqual(set(Model.get_views(views)["views"]), {view_type for __, view_type in views})

    def test_every_button_has_a_public_method_that_needs_no_argument(self):
        views = self._views(*MODELS, *WIZARDS)
        self.assertGreater(len(views), 15)
        for view in views:
            model = self.env.registry[view.model]
            for button in self._arch(view.model, view.type, self.chief, view.id).xpath(
                    "//button[@type='object'][not(ancestor::field)]"):
                with self.subTest(view=view.name, button=button.get("name")):
                    method = getattr(model, button.get("name"))
                    self.assertEqual(method.__code__.co_argcount - 1 - len(method.__defaults__ or ()), 0)

    def test_every_filter_of_a_search_view_can_be_used(self):
        for name in MODELS:
            self._assert_filters_work(name, self.chief)

    def test_menus_are_shown_to_those_who_may_open_them(self):
        def shown(user):
            ids = self.env["ir.ui.menu"].with_user(user)._visible_menu_ids()
            names = ("billing_schedule", "billing_credits", "billing_runs", "billing_index", "mrr_movements")
            return {name for name in names if self.env.ref(f"clm.clm_menu_{name}").id in ids}

        self.assertEqual(shown(self.viewer), {"mrr_movements"})
        self.assertEqual(shown(self.user), {"billing_schedule", "billing_credits", "mrr_movements"})
        self.assertEqual(
            shown(self.accountant), {"billing_schedule", "billing_credits", "billing_runs", "mrr_movements"})
        self.assertEqual(
            shown(self.manager), {"billing_schedule", "billing_credits", "billing_index", "mrr_movements"})

    # === CONTRACT FORM === #

    def _spec(self, user):
        """:return: what the web client reads to open the form of a contract"""
        spec = {}
        for node in self._arch("clm.contract", user=user).iter("field"):
            if node.xpath("ancestor::field"):
                continue
            field = self.env["clm.contract"]._fields[node.get("name")]
            spec[field.name] = {}
            if field.type == "many2one":
                spec[field.name] = {"fields": {"display_name": {}}}
            elif field.type == "one2many":
                comodel = self.env[field.comodel_name]
                columns = node.xpath("./list/field/@name")
                spec[field.name] = {"fields": {
                    name: {"fields": {"display_name": {}}} if comodel._fields[name].relational else {}
                    for name in columns
                }}
        return spec

    def test_form_of_a_billed_contract_opens_for_every_role(self):
        with self.at("2026-03-10"):
            contract = self._create_billed(
                "2026-01-01", journal_id=self.sale_journal.id, client_order_ref="PO 7",
                payment_term_id=self.env.ref("account.account_payment_term_30days").id,
                analytic_account_id=self.env["account.analytic.account"].create({
                    "name": "Azure", "plan_id": self.env["account.analytic.plan"].create({"name": "Clm"}).id,
                }).id,
            )
            moves = self._run(contract)
        self.env.flush_all()
        rows = len(contract.installment_ids)
        for user, seen in (
            (self.viewer, None), (self.user, rows), (self.stranger, 0), (self.sales, 0), (self.manager, rows),
            (self.accountant, rows), (self.bookkeeper, rows), (self.chief, rows),
        ):
            with self.subTest(user=user.login):
                self.env.invalidate_all()
                values, = contract.with_user(user).web_read(self._spec(user))
                self.assertEqual((values["mrr"], values["acv"]), (100.0, 1200.0))
                self.assertEqual(values["client_order_ref"], "PO 7")
                found = values.get("installment_ids")
                self.assertEqual(seen, found if found is None else len(found))
                if user == self.accountant:
                    self.assertEqual([row["move_id"]["id"] for row in found[:3]], moves.ids)

    def test_billing_tab_shows_the_schedule_to_those_who_may_see_it(self):
        for user, schedule, bill in (
            (self.viewer, False, False), (self.user, True, False), (self.bookkeeper, True, False),
            (self.accountant, True, True), (self.chief, True, True),
        ):
            arch = self._arch("clm.contract", user=user)
            with self.subTest(user=user.login):
                self.assertTrue(arch.xpath("//page[@name='billing']//field[@name='billing_mode']"))
                self.assertEqual(bool(arch.xpath("//page[@name='billing']//field[@name='installment_ids']")), schedule)
                self.assertEqual(bool(arch.xpath("//header/button[@name='action_bill_now']")), bill)
                self.assertEqual(bool(arch.xpath("//button[@name='action_skip']")), bill)
        self.assertFalse(self._arch("clm.contract", user=self.portal).xpath("//page[@name='billing']"))

    def test_terms_of_billing_can_change_while_a_contract_is_in_force(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01").with_user(self.user)
            with Form(contract) as form:
                form.billing_mode = "manual"
                form.client_order_ref = "PO 9"
                form.billing_from = "2026-03-01"
            self.assertEqual(self._rows(contract.sudo())[0][0], "2026-03-01")
        self.assertEqual(contract.client_order_ref, "PO 9")

    def test_buttons_of_a_contract_open_what_they_count(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01").with_user(self.accountant)
            self.assertEqual(contract.next_billing_date, fields.Date.to_date("2026-01-01"))
            moves = self._follow(contract.action_bill_now(), self.accountant)
            self.assertEqual(len(moves), 3)
            contract.invalidate_recordset()
            self.assertEqual(contract.invoice_count, 3)
            self.assertEqual(self._follow(contract.action_view_invoices(), self.accountant), moves)
            self.assertEqual(contract.next_billing_date, fields.Date.to_date("2026-04-01"))
            self.assertEqual(
                self._follow(contract.action_view_schedule(), self.accountant), contract.installment_ids)

    def test_button_of_an_invoice_opens_its_contract(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-03-01")
            move = self._run(contract).with_user(self.accountant)
            self.assertEqual(move.clm_contract_count, 1)
            self.assertEqual(self._follow(move.action_view_clm_contracts(), self.accountant), contract)
        arch = self._arch("account.move", user=self.accountant)
        self.assertTrue(arch.xpath("//button[@name='action_view_clm_contracts']"))

    def test_type_says_how_its_contracts_are_billed(self):
        with Form(self.contract_type.with_user(self.manager)) as form:
            form.billing_mode = "manual"
        self.assertEqual(self._create_contract().billing_mode, "manual")

    # === SCHEDULE === #

    def _filtered(self, name, contract):
        node = self._arch("clm.installment", "search", self.accountant).xpath(f"//filter[@name='{name}']")[0]
        return self.env["clm.installment"].with_user(self.accountant).search(
            [*self._evaluate(node.get("domain")), ("contract_id", "=", contract.id)])

    def test_filters_of_the_schedule_find_what_they_say(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01", date_end="2026-06-30")
            first, second, third, fourth, fifth, __ = contract.installment_ids.sorted("date_planned")
            self.assertEqual(self._filtered("due", contract), first | second | third)
            self.assertEqual(self._filtered("this_month", contract), third)
            self._run(contract).action_post()
            fourth.with_user(self.accountant).action_skip("Gift")
            self._credit(second.move_id)
            contract.action_terminate(self.reason, "2026-03-20", agreed=True)
            proposed = contract.installment_ids.filtered("to_confirm")
            for name, rows in (
                ("invoiced", first | third), ("credited", second), ("skipped", fourth), ("proposed", proposed),
                ("due", proposed.browse()), ("current", proposed), ("planned", proposed.browse()),
            ):
                with self.subTest(filter=name):
                    self.assertEqual(self._filtered(name, contract), rows)
            self.assertEqual(len(proposed), 1)
            self.assertFalse(fifth.exists())
            found = self._follow(
                self.env["ir.actions.act_window"]._for_xml_id("clm.clm_installment_action_credit"), self.accountant)
            self.assertIn(proposed, found)

    def _skip(self, rows, reason, user=None):
        """Skip rows as the buttons of a list do it."""
        rows = rows.with_user(user or self.accountant)
        action = rows.action_skip()
        dialog = self.env[action["res_model"]].with_user(rows.env.user).with_context(**action["context"])
        with Form(dialog, view="clm.clm_installment_skip_view_form") as form:
            form.reason = reason
        form.record.action_skip()

    def test_rows_are_skipped_with_a_reason_and_billed_again(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01", date_end="2026-04-30")
            rows = contract.installment_ids.sorted("date_planned")[:2]
            self._skip(rows, " Free months ")
            self.assertEqual(rows.mapped("state"), ["skipped"] * 2)
            self.assertEqual(rows.mapped("reason"), ["Free months"] * 2)
            self.assertEqual(self._run(contract).mapped("amount_untaxed"), [100.0])
            rows.with_user(self.accountant).action_bill_again()
            self.assertEqual(len(self._run(contract)), 2)

    def test_nothing_is_skipped_without_a_reason(self):
        with self.at("2026-03-10"):
            row = self._create_billed("2026-03-01").installment_ids[:1]
            for reason in ("", "  "):
                with self._refuse("Say why"):
                    self._skip(row, reason)
            self.assertEqual(row.state, "planned")

    def test_rows_are_left_alone_by_those_who_may_not_bill(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-03-01")
            row = contract.installment_ids[:1]
            for user in (self.user, self.bookkeeper, self.manager):
                with self.subTest(user=user.login):
                    for act in (
                        row.with_user(user).action_skip, row.with_user(user).action_bill_again,
                        row.with_user(user).action_confirm_credit, contract.with_user(user).action_bill_now,
                    ):
                        with self.assertRaisesRegex(AccessError, "Invoicing right"):
                            act()
                    with self.assertRaises(AccessError):
                        self.env["clm.installment.skip"].with_user(user).create({
                            "installment_ids": row.ids, "reason": "Because",
                        })
            self.assertEqual(row.state, "planned")

    # === RUNS, REVENUE, SETTINGS === #

    def test_run_names_the_contracts_that_it_could_not_bill(self):
        with self.at("2026-03-10"):
            good, bad = self._create_billed("2026-03-01"), self._create_billed("2026-03-01")
            Installment = self.env.registry["clm.installment"]
            account = Installment._account

            def no_account(row, journal):
                if row.contract_id == bad:
                    raise UserError("There is no account.")  # pylint: disable=translation-required
                return account(row, journal)

            self.patch(Installment, "_account", no_account)
            with mute_logger("odoo.addons.clm.models.clm_billing_engine"):
                self._run(good | bad)
        run = self.env["clm.billing.run"].with_user(self.bookkeeper).search([], limit=1)
        self.assertEqual((run.state, run.progress, run.move_count), ("failed", 100.0, 1))
        self.assertEqual(self._follow(run.action_view_failed(), self.bookkeeper), bad)
        with Form(run) as form:
            self.assertEqual(form.failed_contract_ids.ids, bad.ids)
        self.assertIn("There is no account", bad.cron_error)

    def test_movements_of_the_future_stand_apart(self):
        with self.at("2026-03-10"):
            contract = self._create_billed("2026-01-01", date_end="2026-06-30")
            arch = self._arch("clm.mrr.movement", "search", self.viewer)
            for name, kinds in (("until_today", ["new"]), ("scheduled", ["churn"])):
                domain = self._evaluate(arch.xpath(f"//filter[@name='{name}']")[0].get("domain"))
                movements = self.env["clm.mrr.movement"].with_user(self.viewer).search(
                    [*domain, ("contract_id", "=", contract.id)])
                with self.subTest(filter=name):
                    self.assertEqual(movements.mapped("kind"), kinds)
            self.assertEqual(self._follow(movements.action_open_contract(), self.viewer), contract)

    def test_settings_of_billing_are_those_of_the_company(self):
        with Form(self.env["res.config.settings"]) as form:
            form.clm_billing_post = True
            form.clm_billing_send = True
            form.clm_billing_horizon = 24
            form.clm_billing_proration = "days30"
            form.clm_billing_grouping = "customer"
        form.record.set_values()
        self.assertRecordValues(self.company, [{
            "clm_billing_post": True, "clm_billing_send": True, "clm_billing_horizon": 24,
            "clm_billing_proration": "days30", "clm_billing_grouping": "customer",
        }])
