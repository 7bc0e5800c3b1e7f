from ast import literal_eval
from datetime import timedelta

from lxml import etree

from odoo import fields
from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import Form, HttpCase, tagged

from .screen_common import MODELS, NOT_FOR_VIEWERS, WIZARDS, ScreenCase


@tagged("post_install", "-at_install")
class TestContractScreens(ScreenCase):
    """What the screens of contracts ask the server for, who gets it, and whether it agrees with itself."""

    # === VIEWS === #

    def test_every_view_opens_for_every_role(self):
        actions = self.env["ir.actions.act_window"].search([("res_model", "in", MODELS)])
        self.assertGreater(len(actions), 10)
        for user in (self.viewer, self.user, self.approver, self.manager):
            for action in actions:
                with self.subTest(user=user.login, action=action.name):
                    views = [*action.views, (action.search_view_id.id, "search")]
                    result = self.env[action.res_model].with_user(user).get_views(views)
                    self.assertEqual(set(result["views"]), {view_type for __, view_type in views})

    def test_every_form_of_a_dialog_opens_for_those_who_may_use_it(self):
        for name in WIZARDS:
            user = self.user if name in NOT_FOR_VIEWERS else self.viewer
            with self.subTest(wizard=name):
                self.assertIn("form", self.env[name].with_user(user).get_views([(False, "form")])["views"])

    def test_every_button_has_a_public_method_that_needs_no_argument(self):
        for view in self._views(*MODELS, *WIZARDS):
            for button in etree.fromstring(view.arch).xpath("//*[@type='object'][@name]"):
                with self.subTest(view=view.name, button=button.get("name")):
                    owner = view.model
                    for field in reversed(button.xpath("ancestor::field[@name]")):
                        owner = self.env[owner]._fields[field.get("name")].comodel_name
                    method = getattr(self.env.registry[owner], button.get("name"))
                    self.assertFalse(button.get("name").startswith("_"))
                    required = method.__code__.co_argcount - 1 - len(method.__defaults__ or ())
                    self.assertEqual(required, 0)

    def test_every_filter_of_a_search_view_can_be_used(self):
        for model in ("clm.contract", "clm.obligation", "clm.claim", "clm.deadline", "clm.contract.type", "clm.clause"):
            self._assert_filters_work(model, self.user)

    def test_tabs_that_load_later_name_existing_views_and_fields(self):
        arch = self._arch("clm.contract")
        widgets = [literal_eval(node.get("options")) for node in arch.xpath("//widget[@name='clm_related_view']")]
        self.assertEqual(len(widgets), 4)
        for options in widgets:
            model = self.env[options["model"]].with_user(self.viewer)
            self.assertEqual(model._fields[options["field"]].comodel_name, "clm.contract")
            views = [(options[view_type], view_type) for view_type in ("list", "kanban") if view_type in options]
            self.assertEqual(set(model.get_views(views)["views"]), {view_type for __, view_type in views})

    def test_viewer_gets_no_button_that_changes_a_contract(self):
        arch = self._arch("clm.contract", user=self.viewer)
        names = {button.get("name") for button in arch.xpath("//header/button[@type='object']")}
        self.assertLessEqual(names, {"action_approve", "action_reject"})

    def test_customers_get_no_fields_of_ours_in_the_form(self):
        arch = self._arch("clm.contract", user=self.portal)
        self.assertFalse(arch.xpath("//field[@name='risk' or @name='note' or @name='waiting_for']"))

    # === SEARCH PANEL, KANBAN === #

    def test_month_of_the_end_can_be_searched_and_grouped_as_it_is_computed(self):
        first = fields.Date.start_of(self.today, "month")
        contracts = self.env["clm.contract"]
        for end in (
            self.today, fields.Date.add(first, months=1), fields.Date.add(first, months=11),
            fields.Date.add(first, months=12), False,
        ):
            contract = self._create_contract()
            contract.write({"date_start": fields.Date.subtract(self.today, months=3), "date_end": end})
            contracts |= contract
        past = self._create_contract()
        past.write({"date_start": fields.Date.subtract(self.today, months=30)})
        contracts |= past
        months = contracts.mapped("renewal_month")
        self.assertEqual(months, [
            f"{self.today:%Y-%m}", f"{fields.Date.add(first, months=1):%Y-%m}",
            f"{fields.Date.add(first, months=11):%Y-%m}", "later", False, "earlier",
        ])
        among = [("id", "in", contracts.ids)]
        for contract, month in zip(contracts, months, strict=True):
            self.assertEqual(contract.search([*among, ("renewal_month", "=", month)]), contract)
        groups = dict(contracts._read_group(among, ["renewal_month"], ["id:recordset"]))
        self.assertEqual(groups, dict(zip(months, contracts, strict=True)))

    def test_search_panel_offers_states_types_owners_and_months(self):
        contract = self._create_contract()
        Contract = self.env["clm.contract"].with_user(self.viewer)
        arch = self._arch("clm.contract", "search", self.viewer)
        names = [node.get("name") for node in arch.xpath("//searchpanel/field")]
        self.assertEqual(names, ["state", "type_id", "renewal_month", "user_id"])
        for name in names:
            with self.subTest(field=name):
                values = Contract.search_panel_select_range(name, search_domain=[("id", "=", contract.id)])["values"]
                value = contract[name].id if name.endswith("_id") else contract[name]
                self.assertIn(value, [row["id"] for row in values])

    def test_month_is_hidden_from_customers(self):
        with self.assertRaises(AccessError):
            self.env["clm.contract"].with_user(self.portal)._read_group([], ["renewal_month"])

    def test_kanban_shows_the_whole_way_and_ends_only_where_some_are(self):
        contract = self._create_contract()
        Contract = self.env["clm.contract"].with_user(self.viewer).with_context(read_group_expand=True)

        def states(domain):
            return [group["state"] for group in Contract.web_read_group(domain, ["state"], [])["groups"]]

        way = ["draft", "negotiation", "approval", "signature", "signed", "active"]
        self.assertEqual(states([("id", "=", contract.id)]), way)
        contract.action_cancel()
        self.assertEqual(states([("id", "=", contract.id)]), [*way, "cancelled"])

    def test_text_is_found_by_its_words(self):
        contract = self._create_contract()
        contract.clause_ids[0].body = "<p>Penguins are not <b>delivered</b>.</p>"
        found = self.env["clm.contract"].with_user(self.viewer).search([("text_search", "ilike", "penguins delivered")])
        self.assertEqual(found, contract)

    # === TEXT === #

    def test_text_reads_with_its_placeholders_filled(self):
        contract = self._create_contract()
        self.assertIn("and Azure Interior.", contract.clause_ids[0].body_filled)
        self.assertIn("{{ partner_name }}", contract.clause_ids[0].body)

    def test_text_of_a_new_contract_shows_gaps_and_follows_the_form(self):
        Contract = self.env["clm.contract"].with_user(self.user)
        contract = Contract.new({"type_id": self.contract_type.id})
        self.assertIn("and ….", contract.clause_ids[0].body_filled)
        contract.partner_id = self.partner
        self.assertIn("and Azure Interior.", contract.clause_ids[0].body_filled)

    def test_locked_text_reads_as_it_was_agreed(self):
        contract = self._create_active()
        self.partner.name = "Renamed since"
        contract.invalidate_recordset()
        self.assertIn("and Azure Interior.", contract.clause_ids[0].body_filled)

    def test_unknown_placeholder_does_not_break_the_form(self):
        contract = self._create_contract()
        clause = contract.clause_ids.new({"contract_id": contract.id, "name": "Odd", "body": "<p>{{ nonsense }}</p>"})
        self.assertEqual(clause.body_filled, "<p>{{ nonsense }}</p>")

    def test_clause_is_edited_and_restored_in_the_form(self):
        contract = self._create_contract()
        with Form(contract) as form, form.clause_ids.edit(0) as clause:
            clause.body = "<p>Other words.</p>"
        self.assertEqual(contract.clause_ids.mapped("is_standard"), [False, True, True])
        self.assertEqual(contract.nonstandard_count, 1)
        contract.clause_ids[0].action_restore()
        self.assertEqual(contract.nonstandard_count, 0)

    def test_own_clause_is_added_in_the_form(self):
        contract = self._create_contract()
        with Form(contract) as form, form.clause_ids.new() as clause:
            clause.name, clause.body = "Ours", "<p>Only here.</p>"
        self.assertEqual(contract.clause_ids.mapped("is_own"), [False, False, False, True])

    def test_locked_contract_is_read_only_in_the_form(self):
        form = Form(self._create_active())
        for fname, value in (("title", "Else"), ("date_start", self.today), ("partner_id", self.other_partner)):
            with self.assertRaises(AssertionError, msg=fname):
                setattr(form, fname, value)
        with self.assertRaises(AssertionError), form.clause_ids.edit(0) as clause:
            clause.name = "Else"
        form.user_id = self.mate
        self.assertEqual(form.save().user_id, self.mate)

    # === RISK === #

    def test_risk_is_explained_in_words(self):
        contract = self._create_active()
        contract._raise_claim("Late", "<p>Again</p>")
        rows = {row["factor"]: row for row in contract.with_user(self.viewer).risk_table}
        self.assertEqual(set(rows), {"overdue", "obligations", "wording", "notice", "claims", "concentration"})
        self.assertEqual((rows["claims"]["label"], rows["claims"]["found"]), ("Open claims", "1"))
        self.assertRegex(rows["notice"]["found"], r"^\d+ days$")
        self.assertIn("0.00", rows["overdue"]["found"])
        self.assertIn("%", rows["concentration"]["found"])
        self.assertAlmostEqual(sum(row["points"] for row in rows.values()), contract.risk, delta=1)
        contract.action_decide_end()
        rows = {row["factor"]: row for row in contract.risk_table}
        self.assertEqual(rows["notice"]["found"], "nothing to decide")

    # === SMART BUTTONS === #

    def test_buttons_of_a_contract_open_what_they_count(self):
        contract = self._create_active(obligation_ids=[
            Command.create({"name": name, "date_due": self.today + timedelta(days=days)})
            for name, days in (("Report", 5), ("Review", 9), ("Visit", 0))
        ])
        contract.obligation_ids[0].action_done()
        first, __ = (contract._raise_claim(name, "<p>x</p>") for name in ("Late", "Wrong"))
        first.action_accept()
        contract._amend(self.today)
        contract.invalidate_recordset()
        self.assertEqual(contract.open_obligation_count, 2)
        self.assertEqual(len(self._follow(contract.action_view_obligations())), 2)
        self.assertEqual(contract.open_claim_count, 1)
        self.assertEqual(len(self._follow(contract.action_view_claims())), 1)
        self.assertEqual(contract.amendment_count, 1)
        self.assertEqual(self._follow(contract.action_view_amendments()), contract.amendment_ids)
        self.assertEqual(self._follow(contract.amendment_ids.action_view_previous()), contract)

    def test_buttons_of_a_renewal_lead_back_and_forth(self):
        seller = self._create_user("c-seller", "clm.group_user", "sales_team.group_sale_salesman")
        contract = self._create_contract(user=seller)
        self._activate(contract)
        contract.action_renew(quotation=True)
        self.assertEqual(self._follow(contract.action_view_next(), seller), contract.next_id)
        self.assertEqual(self._follow(contract.next_id.action_view_previous(), seller), contract)
        self.assertEqual(self._follow(contract.action_view_order(), seller), contract.renewal_order_id)

    def test_button_of_a_partner_opens_what_it_counts(self):
        contracts = self._create_contract() | self._create_active()
        contracts[1]._amend(self.today)
        contact = self.portal.partner_id.with_user(self.viewer)
        self.assertEqual(contact.clm_contract_count, 2)
        self.assertEqual(self._follow(contact.action_view_clm_contracts(), self.viewer), contracts)

    def test_button_of_an_order_opens_what_it_counts(self):
        self.product.clm_contract_type_id = self.contract_type
        order = self._create_order(self.partner, user_id=self.user.id)
        self.assertEqual(order.clm_contract_count, 1)
        self.assertEqual(self._follow(order.action_view_clm_contracts()), order.clm_contract_ids)

    def test_button_of_an_opportunity_opens_what_it_counts(self):
        lead = self.env["crm.lead"].create({"name": "Big deal", "partner_id": self.partner.id, "type": "opportunity"})
        contracts = self._create_contract(opportunity_id=lead.id) | self._create_contract(opportunity_id=lead.id)
        self._create_contract()
        self.assertEqual(lead.clm_contract_count, 2)
        self.assertEqual(self._follow(lead.action_view_clm_contracts()), contracts)

    def test_button_of_a_type_opens_what_it_counts(self):
        contracts = self._create_contract() | self._create_contract()
        kind = self.contract_type.with_user(self.manager)
        self.assertEqual(kind.contract_count, 2)
        self.assertEqual(self._follow(kind.action_open_contracts()), contracts)

    def test_buttons_stand_in_the_forms_of_sales_and_contacts(self):
        for model, method in (
            ("res.partner", "action_view_clm_contracts"), ("sale.order", "action_view_clm_contracts"),
            ("crm.lead", "action_view_clm_contracts"),
        ):
            seller = self._create_user(f"s-{model}", "sales_team.group_sale_salesman", "clm.group_viewer")
            with self.subTest(model=model):
                self.assertTrue(self._arch(model, user=seller).xpath(f"//button[@name='{method}']"))
        self.assertTrue(self._arch("product.template").xpath("//field[@name='clm_contract_type_id']"))

    def test_normal_lists_leave_amendments_out(self):
        contract = self._create_active()
        amendment = contract._amend(self.today)
        for direction in ("customer", "supplier"):
            action = self.env.ref(f"clm.clm_contract_action_{direction}")
            self.assertIn(("amends_id", "=", False), literal_eval(action.domain))
        domain = literal_eval(self.env.ref("clm.clm_contract_action_amendment").domain)
        self.assertIn(amendment, contract.search(domain))
        self.assertNotIn(contract, contract.search(domain))

    # === DEADLINES === #

    def _deadlines(self, contract):
        Deadline = self.env["clm.deadline"].with_user(self.viewer)
        Deadline.invalidate_model()
        return Deadline.search([("contract_id", "=", contract.id)])

    def test_deadlines_are_those_about_which_something_is_to_be_done(self):
        contract = self._create_contract(obligation_ids=[
            Command.create({"name": "Report", "date_due": self.today + timedelta(days=5)}),
        ])
        self.assertFalse(self._deadlines(contract), "a draft binds nobody")
        contract.action_send()
        self.assertEqual(self._deadlines(contract).mapped("kind"), ["sign"])
        self._sign_all(contract)
        claim = contract._raise_claim("Late", "<p>x</p>")
        deadlines = {deadline.kind: deadline for deadline in self._deadlines(contract)}
        self.assertEqual(set(deadlines), {"decide", "notice", "end", "obligation", "claim"})
        self.assertEqual(deadlines["notice"].date, contract.date_notice)
        self.assertEqual(deadlines["decide"].date, contract.date_act_by)
        self.assertEqual(deadlines["obligation"].display_name, "Obligation: Report")
        self.assertEqual(self._follow(deadlines["claim"].action_open()), claim.with_user(self.user))
        self.assertEqual(self._follow(deadlines["obligation"].action_open()), contract.obligation_ids)
        self.assertEqual(self._follow(deadlines["end"].action_open()), contract)
        contract.action_decide_end()
        contract.obligation_ids.action_done()
        claim.action_accept()
        self.assertEqual(self._deadlines(contract).mapped("kind"), ["end"])

    def test_deadlines_of_another_company_are_not_shown(self):
        other = self.env["res.company"].create({"name": "Elsewhere"})
        self.manager.company_ids |= other
        contract = self._create_contract(user=self.manager, company_id=other.id, team_id=False).with_context(
            allowed_company_ids=self.manager.company_ids.ids
        )
        contract.action_send()
        among = [("contract_id", "=", contract.id)]
        self.assertTrue(contract.env["clm.deadline"].search(among))
        self.assertFalse(self._deadlines(contract))

    # === COST === #

    def _web_spec(self, user):
        """:return: what the web client reads to open the form: of lists in it, the columns"""
        spec = {}
        arch = self._arch("clm.contract", user=user)
        for node in arch.iter("field"):
            if node.xpath("ancestor::field"):
                continue
            field = self.env["clm.contract"]._fields[node.get("name")]
            spec[field.name] = {}
            if field.type == "many2one":
                spec[field.name] = {"fields": {"display_name": {}}}
            elif field.type == "one2many":
                columns = node.xpath("./kanban" if node.get("mode") == "kanban" else "./list")[0].iter("field")
                comodel = self.env[field.comodel_name]
                spec[field.name] = {"fields": {
                    name: {"fields": {"display_name": {}}} if comodel._fields[name].relational else {}
                    for name in (column.get("name") for column in columns)
                }}
        return spec

    def test_form_of_an_old_contract_opens_in_few_queries(self):
        contract = self._create_active(obligation_ids=[
            Command.create({"name": f"Duty {days}", "date_due": self.today + timedelta(days=days)})
            for days in range(20)
        ])
        for __ in range(30):
            contract._audit("viewed")
        self.env["clm.contract.visit"]._enter(contract, "active")
        contract._raise_claim("Late", "<p>x</p>")
        contract.action_renew()
        contract._amend(self.today)
        spec = self._web_spec(self.user)
        contract.web_read(spec)  # what is the same for every contract
        self.env.flush_all()
        self.env.invalidate_all()
        with self.assertQueryCount(40):
            contract.web_read(spec)


@tagged("post_install", "-at_install")
class TestContractScreensBrowser(ScreenCase, HttpCase):
    """What a user does with a proposal of the customer, in the web client."""

    def test_proposal_is_read_taken_over_and_stands_in_the_history(self):
        contract = self._share(self._create_contract(title="Tour"))
        clause = contract.clause_ids[2]
        contract.sudo()._propose(
            {clause.id: "<p>Liability is limited to half of the yearly price.</p>"}, author=self.partner
        )
        self.start_tour(f"/odoo/customer-contracts/{contract.id}", "clm_contract_proposal", login=self.user.login)
        self.assertIn("half of", clause.body)
        self.assertEqual(contract.nonstandard_count, 1)
