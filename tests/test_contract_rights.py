import inspect
from datetime import timedelta

from lxml import etree

from odoo.exceptions import AccessError
from odoo.fields import Command
from odoo.tests import tagged

from .contract_common import PNG, ContractCase

# what hangs on a contract, and is read by whoever reads contracts
PARTS = (
    "clm.contract.line", "clm.contract.clause", "clm.contract.version", "clm.contract.approval",
    "clm.contract.signature", "clm.contract.audit", "clm.contract.visit", "clm.contract.suspension", "clm.obligation",
    "clm.claim",
)
LIBRARY = (
    "clm.clause", "clm.contract.type", "clm.contract.type.clause", "clm.contract.type.obligation",
    "clm.contract.approval.step", "clm.close.reason",
)
LEDGERS = (
    "clm.contract.version", "clm.contract.approval", "clm.contract.signature", "clm.contract.audit",
    "clm.contract.visit", "clm.contract.suspension",
)
# public methods that a reader may call: they open a screen or check for themselves who may do what
READERS_MAY = {
    "action_approve", "action_reject", "action_preview", "action_verify", "action_redline", "action_amend",
    "action_extend", "action_suspend", "action_claim", "action_terminate", "action_download_signed",
}


@tagged("post_install", "-at_install")
class TestContractRights(ContractCase):
    """Viewers read, users write their own and their team's, managers write all; the other side sees what is shared."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reason = cls.env["clm.close.reason"].create({"name": "Moved"})

    def _full(self, **vals):
        """:return: a contract in force with at least one record in each of its parts"""
        contract = self._create_contract(type_id=self._create_type(steps=[{"name": "Sales"}]).id, **vals)
        contract.action_negotiate()
        self._activate(contract)
        self.env["clm.obligation"].create({
            "contract_id": contract.id, "name": "Report", "date_due": self.today, "side": "them",
        })
        self.env["clm.claim"].create({"contract_id": contract.id, "name": "Late", "date_due": self.today})
        contract._suspend("Works", self.today, self.today + timedelta(days=3))
        return contract

    def _parts(self, contract, model):
        return self.env[model].search([("contract_id", "=", contract.id)])

    # === VIEWERS === #

    def test_viewer_reads_every_contract_and_all_that_hangs_on_it(self):
        contract = self._full()
        for model in ("clm.contract", *PARTS, *LIBRARY):
            with self.subTest(model=model):
                domain = [("contract_id", "=", contract.id)] if model in PARTS else []
                records = self.env[model].with_user(self.viewer).search(domain, limit=3)
                if model not in LIBRARY or model == "clm.contract.type":
                    self.assertTrue(records)
                records.read(["display_name"])

    def test_viewer_writes_nothing(self):
        contract = self._full()
        for model in ("clm.contract", *PARTS, *LIBRARY):
            record = contract if model == "clm.contract" else self.env[model].search([], limit=1)
            if model in PARTS:
                record = self._parts(contract, model)[:1]
            record = record.with_user(self.viewer)
            with self.subTest(model=model, what="write"), self.assertRaises(AccessError):
                record.check_access("write")
            with self.subTest(model=model, what="create"), self.assertRaises(AccessError):
                record.create({"name": "x"} if "name" in record._fields else {})
            with self.subTest(model=model, what="unlink"), self.assertRaises(AccessError):
                record.unlink()

    def test_viewer_opens_the_form_of_a_contract(self):
        contract = self._full().with_user(self.viewer)
        views = contract.get_views([(False, "form"), (False, "list"), (False, "kanban"), (False, "search")])
        self.assertEqual(set(views["views"]), {"form", "list", "kanban", "search"})
        self.assertNotIn("installment_ids", views["views"]["form"]["arch"])  # the schedule is not for viewers
        for model in views["models"].keys() - {"clm.installment"}:
            with self.subTest(model=model):
                self.env[model].with_user(self.viewer).search([], limit=1)

    def test_employee_without_the_right_sees_nothing(self):
        contract = self._full()
        for model in ("clm.contract", *PARTS, *LIBRARY):
            with self.subTest(model=model), self.assertRaises(AccessError):
                self.env[model].with_user(self.internal).search([])
        with self.assertRaises(AccessError):
            contract.with_user(self.internal).read(["name"])

    # === USERS === #

    def test_user_writes_own_and_team_contracts_only(self):
        contract = self._create_contract()
        nobodys = self._create_contract(user_id=False)
        for user, allowed in (
            (self.user, True), (self.mate, True), (self.stranger, False), (self.approver, False), (self.manager, True),
        ):
            for what, act in {
                "contract": lambda c: c.write({"title": "Else"}),
                "line": lambda c: c.line_ids.write({"price_unit": 5}),
                "new line": lambda c: c.write({"line_ids": [Command.create(self._prepare_line())]}),
                "line by itself": lambda c: c.env["clm.contract.line"].create(
                    {**self._prepare_line(), "contract_id": c.id}
                ),
                "clause": lambda c: c.clause_ids[0].write({"name": "Else"}),
                "new clause": lambda c: c.env["clm.contract.clause"].create(
                    {"contract_id": c.id, "name": "New", "body": "<p>New</p>"}
                ),
                "obligation": lambda c: c.env["clm.obligation"].create(
                    {"contract_id": c.id, "name": "Call", "date_due": self.today}
                ),
                "claim": lambda c: c.env["clm.claim"].create({"contract_id": c.id, "name": "Late", "side": "us"}),
                "share": lambda c: c.action_save_version(),
            }.items():
                with self.subTest(user=user.login, what=what):
                    if allowed:
                        act(contract.with_user(user))
                    else:
                        with self.assertRaises(AccessError):
                            act(contract.with_user(user))
            nobodys.with_user(user).title = "Anybody may"

    def test_team_leader_writes_the_contracts_of_the_team(self):
        leader = self._create_user("c-leader", "clm.group_user")
        contract = self._create_contract()
        self.team.user_id = leader
        contract.with_user(leader).title = "Led"

    def test_user_cannot_take_a_contract_of_others(self):
        contract = self._create_contract()
        with self.assertRaises(AccessError):
            contract.with_user(self.stranger).user_id = self.stranger

    def test_user_cannot_move_records_of_others_into_own_contracts(self):
        contract, own = self._create_contract(), self._create_contract(user=self.stranger)
        for records in (contract.line_ids, contract.clause_ids[0]):
            with self.assertRaises(AccessError):
                records.with_user(self.stranger).contract_id = own

    def test_user_deletes_own_drafts_only(self):
        contract = self._create_contract()
        for user in (self.viewer, self.stranger, self.approver):
            with self.assertRaises(AccessError):
                contract.with_user(user).unlink()
        contract.unlink()
        self.assertFalse(contract.exists())

    def test_buttons_are_refused_to_whoever_may_not_write(self):
        contract = self._create_contract()
        contract.action_negotiate()
        contract.sudo()._propose({contract.clause_ids[2].id: "<p>No limit.</p>"})
        for user in (self.viewer, self.stranger):
            names = [
                name for name in dir(type(contract)) if name.startswith("action_") and self._is_ours(contract, name)
            ]
            self.assertGreater(len(names), 25)
            for name in names:
                if name in READERS_MAY or name.startswith("action_view_"):
                    continue
                before = contract.read(["state", "pen", "write_date"])
                with self.subTest(user=user.login, name=name), self.assertRaises(AccessError):
                    getattr(contract.with_user(user), name)()
                self.assertEqual(contract.read(["state", "pen", "write_date"]), before)

    def test_buttons_of_parts_are_refused_to_whoever_may_not_write(self):
        contract = self._full()
        version = contract.version_ids[:1]
        acts = {
            "clause": lambda user: contract.clause_ids[0].with_user(user).action_restore(),
            "version": lambda user: version.with_user(user).action_take_over(),
            "done": lambda user: contract.obligation_ids.with_user(user).action_done(),
            "waive": lambda user: contract.obligation_ids.with_user(user).action_waive("So"),
            "reopen": lambda user: contract.obligation_ids.with_user(user).action_reopen(),
            "answer": lambda user: contract.claim_ids.with_user(user).action_answer(),
            "accept": lambda user: contract.claim_ids.with_user(user).action_accept(),
            "escalate": lambda user: contract.claim_ids.with_user(user).action_escalate(),
            "reopen claim": lambda user: contract.claim_ids.with_user(user).action_reopen(),
        }
        for user in (self.viewer, self.stranger, self.internal, self.portal):
            for what, act in acts.items():
                with self.subTest(user=user.login, what=what), self._refuse(""):
                    act(user)

    def _is_ours(self, record, name):
        return inspect.getmodule(getattr(type(record), name)).__name__.startswith("odoo.addons.clm")

    def test_what_is_public_is_a_button(self):
        """Clients can call any method whose name has no underscore before it."""
        orm = {
            "create", "write", "unlink", "copy_data", "copy", "default_get", "message_post", "web_read_group",
            "read_group", "formatted_read_group", "fields_get", "get_view", "get_views", "name_search", "search_fetch",
        }
        for model in ("clm.contract", *PARTS, *LIBRARY):
            names = {
                name for name, value in inspect.getmembers(self.env.registry[model], callable)
                if not name.startswith(("_", "action_")) and inspect.isfunction(value)
                and (inspect.getmodule(value) and inspect.getmodule(value).__name__.startswith("odoo.addons.clm."))
            }
            with self.subTest(model=model):
                self.assertLessEqual(names, orm)

    # === APPROVERS AND MANAGERS === #

    def test_approver_decides_about_contracts_that_they_cannot_write(self):
        contract = self._create_contract()
        contract.action_request_approval()
        as_approver = contract.with_user(self.approver)
        with self.assertRaises(AccessError):
            as_approver.title = "Else"
        as_approver.action_reject("Not now")
        self.assertEqual(contract.state, "draft")

    def test_managers_write_the_library_others_read_it(self):
        for user in (self.user, self.approver, self.viewer):
            for model in LIBRARY:
                for operation in ("write", "create", "unlink"):
                    with self.subTest(user=user.login, model=model, operation=operation):
                        self.assertFalse(self.env[model].with_user(user).has_access(operation))
        self._create_type()
        self.contract_type.with_user(self.manager).name = "Else"
        self.clauses[0].with_user(self.manager).body = "<p>Else</p>"

    def test_ledgers_are_for_nobody_to_write(self):
        for model in LEDGERS:
            for user in (self.user, self.approver, self.manager):
                for operation in ("write", "create", "unlink"):
                    with self.subTest(model=model, user=user.login, operation=operation):
                        self.assertFalse(self.env[model].with_user(user).has_access(operation))

    # === DOORS === #

    def test_what_only_doors_write_is_refused_to_everybody(self):
        contract = self._create_contract()
        values = {
            "char": "x", "text": "x", "integer": 7, "float": 7.0, "monetary": 7.0, "boolean": True,
            "date": self.today, "datetime": "2026-01-01 00:00:00", "json": {"x": 1},
        }
        doors = [name for name in contract._fields if contract._is_door_field(name)]
        self.assertLessEqual({
            "state", "pen", "name", "shared_at", "signed_on", "activated_on", "closed_on", "close_reason",
            "previous_id", "amends_id", "signed_sha256", "signed_attachment_id", "last_version_id", "sign_by",
            "approval_round", "decision", "renewal_number", "risk", "mrr", "tcv", "nonstandard_count", "text_plain",
            "anchor_date",
        }, set(doors))
        for name in doors:
            field = contract._fields[name]
            if field.type == "selection":
                value = field.get_values(self.env)[-1]
            elif field.type == "many2one":
                value = self.env[field.comodel_name].search([], limit=1).id or 1
            else:
                value = values[field.type]
            for user in (self.user, self.manager, self.env.user):
                with self.subTest(name=name, user=user.login), self._refuse("not by hand|can no longer|archived"):
                    contract.with_user(user).write({name: value})
            if name == "name":
                continue  # an import keeps the numbers of its contracts
            with self.subTest(name=name), self._refuse("by its buttons, not by hand"):
                self._create_contract(**{name: value})
            with self.subTest(name=name, what="context"):
                made = self.env["clm.contract"].with_user(self.user).with_context(**{f"default_{name}": value}).create({
                    "type_id": self.contract_type.id, "partner_id": self.partner.id,
                })
                self.assertEqual((made.state, made.pen, made.shared_at), ("draft", "us", False))
                if field.type in ("char", "date", "datetime", "json") and name not in ("name", "anchor_date"):
                    self.assertNotEqual(made.sudo()[name], value)

    def test_key_of_the_doors_cannot_come_from_a_client(self):
        contract = self._create_contract()
        for key in ("UNLOCK", True, 1, "object()", {}):
            with self._refuse("not by hand"):
                contract.with_context(clm_unlock=key).write({"state": "active"})
        contract.action_send()
        for key in ("UNLOCK", True):
            with self._refuse("out for signature"):
                contract.with_context(clm_unlock=key, clm_collect=key).line_ids.write({"price_unit": 1})

    def test_key_to_collect_changes_cannot_come_from_a_client(self):
        contract = self._create_contract()
        contract.action_request_approval()
        contract.with_context(clm_collect=True).line_ids.write({"price_unit": 1})
        self.assertEqual(contract.approval_round, 2)

    def test_fields_of_lines_and_clauses_that_are_computed_are_refused(self):
        contract = self._create_contract()
        company = self.env["res.company"].create({"name": "Elsewhere"})
        for record, vals in (
            (contract.line_ids, {"company_id": company.id}), (contract.clause_ids[0], {"company_id": company.id}),
            (contract.line_ids, {"monthly_amount": 1}), (contract.line_ids, {"ended": True}),
        ):
            with self.subTest(vals=vals), self._refuse("not by hand"):
                record.write(vals)

    # === PORTAL === #

    def _visible(self, user):
        return self.env["clm.contract"].with_user(user).search([]).sudo()

    def test_portal_user_sees_own_contracts_once_shared(self):
        contract = self._create_contract()
        child = self._create_contract(partner_id=self.portal.partner_id.id)
        self.assertFalse(self._visible(self.portal))
        contract.action_negotiate()
        self.assertEqual(self._visible(self.portal), contract.sudo())
        child.action_send()
        self.assertEqual(self._visible(self.portal), (contract | child).sudo())
        self.assertFalse(self._visible(self.portal_other))
        with self.assertRaises(AccessError):
            contract.with_user(self.portal_other).read(["name"])
        with self.assertRaises(AccessError):
            self._create_contract().with_user(self.portal).read(["name"])

    def test_portal_user_reads_nothing_else(self):
        """A peer let every portal user read the prices of all others."""
        contract = self._full()
        for model in (*PARTS, *LIBRARY):
            for user in (self.portal, self.portal_other, self.env.ref("base.public_user")):
                with self.subTest(model=model, user=user.login), self.assertRaises(AccessError):
                    self.env[model].with_user(user).search([])
                with self.subTest(model=model, user=user.login), self.assertRaises(AccessError):
                    self.env[model].with_user(user).search_read([], ["display_name"])
        with self.assertRaises(AccessError):
            contract.line_ids.with_user(self.portal).read(["price_unit"])

    def test_portal_user_reads_no_internal_field(self):
        contract = self._full().with_user(self.portal)
        contract.read(["name", "state", "title"])
        for name in (
            "risk", "risk_parts", "risk_band", "note", "company_tcv", "max_discount", "nonstandard_count", "text_plain",
            "decision", "date_act_by", "approval_round", "approval_ids", "cron_error", "overdue_amount", "user_id",
            "mrr", "tcv", "line_ids", "version_ids", "visit_ids", "uplift", "activity_ids", "close_reason_id",
        ):
            with self.subTest(name=name):
                with self.assertRaises(AccessError):
                    contract.read([name])
                with self.assertRaises(AccessError):
                    contract.search([(name, "!=", False)])
                with self.assertRaises(AccessError):
                    contract.search([], order=f"{name} desc")
        self.assertLessEqual({"name", "state"}, set(contract.fields_get()))
        self.assertNotIn("risk", contract.fields_get())

    def test_portal_user_writes_nothing(self):
        contract = self._full().with_user(self.portal)
        for act in (
            lambda: contract.write({"title": "Else"}), contract.unlink, contract.copy,
            lambda: contract.create({"partner_id": self.partner.id}),
            contract.action_negotiate, contract.action_cancel, contract.action_activate, contract.action_renew,
            contract.action_decide_end, lambda: contract.action_terminate(self.reason.id), contract.action_resume,
            contract.action_withdraw_termination, contract.action_save_version, lambda: contract._sign("us", "Me", PNG),
        ):
            with self.assertRaises(AccessError):
                act()

    # === COMPANIES === #

    def test_records_of_other_companies_are_invisible(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        admin = self.env.ref("base.user_admin")
        admin.company_ids |= company
        self.env.user.company_ids |= company
        owner = self._create_user("c-elsewhere", "clm.group_user", company_id=company.id, company_ids=company.ids)
        boss = self._create_user("c-boss", "clm.group_manager", company_id=company.id, company_ids=company.ids)
        line = Command.create({"name": "Work", "price_unit": 5})
        contract = self._create_contract(user=owner, company_id=company.id, line_ids=[line])
        contract.action_negotiate()
        contract.action_request_approval()
        contract.with_user(boss).action_approve()
        contract.action_send()
        self._sign_all(contract)
        self.env["clm.obligation"].create({"contract_id": contract.id, "name": "Report", "date_due": self.today})
        self.env["clm.claim"].create({"contract_id": contract.id, "name": "Late"})
        contract._suspend("Works", self.today, self.today + timedelta(days=3))
        for model in ("clm.contract", *PARTS):
            domain = [("id", "=", contract.id)] if model == "clm.contract" else [("contract_id", "=", contract.id)]
            records = self.env[model].sudo().search(domain)
            with self.subTest(model=model):
                self.assertTrue(records)
                self.assertEqual(set(records.mapped("company_id")), {company})
                self.assertTrue(self.env[model].with_user(owner).search(domain))
                for user in (self.viewer, self.manager):
                    self.assertFalse(self.env[model].with_user(user).search(domain))
                    with self.assertRaises(AccessError):
                        records.with_user(user).read(["display_name"])
        own = self.env["clm.contract.type"].create({"name": "Own", "company_id": company.id})
        clause = self.env["clm.clause"].create({"name": "Own", "body": "<p>x</p>", "company_id": company.id})
        for record in (own, clause):
            self.assertFalse(record.with_user(self.manager).search([("id", "=", record.id)]))

    def test_type_of_another_company_is_refused(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        own = self._create_type(company_id=company.id)
        with self._refuse("(?i)company"):
            self._create_contract(type_id=own.id)

    def test_owner_of_another_company_is_refused(self):
        company = self.env["res.company"].create({"name": "Elsewhere"})
        foreign = self._create_user("c-foreign", "clm.group_user", company_id=company.id, company_ids=company.ids)
        contract = self._create_contract()
        with self._refuse("does not work for"):
            contract.with_user(self.manager).user_id = foreign

    # === FORM === #

    def test_form_can_be_read_by_everybody_who_may(self):
        contract = self._full()
        for user in (self.viewer, self.user, self.approver, self.manager):
            with self.subTest(user=user.login):
                record = contract.with_user(user)
                arch = etree.fromstring(record.get_view(view_type="form")["arch"])
                names = {
                    node.get("name") for node in arch.iter("field")
                    if not any(parent.tag == "field" for parent in node.iterancestors())
                }
                record.web_read({name: {} for name in names})
