from datetime import timedelta

from lxml import etree

from odoo.fields import Command
from odoo.tests import tagged

from .contract_common import PNG, ContractCase

MAX_FORM_QUERIES = 40


@tagged("post_install", "-at_install")
class TestContractQueries(ContractCase):
    """What is done often costs a fixed number of queries, whatever the age of a contract."""

    def _specification(self, arch, model):
        """:return: what the web client asks ``web_read`` for, from the view: fields, and fields of embedded views"""
        spec = {}
        for node in arch.iter("field"):
            if next((parent for parent in node.iterancestors("field")), None) is not None:
                continue
            field = self.env[model]._fields.get(node.get("name"))
            if field is None:
                continue
            if field.type in ("one2many", "many2many"):
                nested = {}
                for view in node:
                    inner = etree.ElementTree(etree.fromstring(etree.tostring(view))).getroot()
                    nested.update(self._specification(inner, field.comodel_name))
                spec[field.name] = {"fields": nested or {"display_name": {}}, "limit": 80}
            elif field.type == "many2one":
                spec[field.name] = {"fields": {"display_name": {}}}
            else:
                spec[field.name] = {}
        return spec

    def _open_form(self, contract):
        """:return: queries that opening the form of a contract takes, its view being known"""
        arch = etree.fromstring(contract.get_views([(False, "form")])["views"]["form"]["arch"])
        spec = self._specification(arch, "clm.contract")
        self.assertGreater(len(spec), 50)
        for __ in range(2):  # at first what stays cached for ever, such as rules
            self.env.flush_all()
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            self.assertTrue(contract.web_read(spec))
        return self.env.cr.sql_log_count - before

    def _old_contract(self):
        """:return: a contract in force that went through many rounds"""
        kind = self._create_type(steps=[{"name": "Sales", "sequence": 1}, {"name": "Legal", "sequence": 2}])
        contract = self._create_contract(type_id=kind.id, line_ids=[
            Command.create(self._prepare_line(price_unit=price)) for price in range(1, 21)
        ])
        for price in range(12):
            contract.action_negotiate()
            contract.sudo()._propose({contract.clause_ids[2].id: f"<p>Limit {price}.</p>"})
            contract.version_ids.sorted("number")[-1:].action_take_over()
            contract.line_ids[0].price_unit = price
            self._approve(contract)
        contract.action_send()
        contract._sign("them", "Theo", PNG)
        contract._decline("Again")
        self._activate(contract)
        self.env["clm.obligation"].create([
            {"contract_id": contract.id, "name": f"Duty {day}", "date_due": self.today + timedelta(days=day)}
            for day in range(30)
        ])
        self.env["clm.claim"].create([{"contract_id": contract.id, "name": f"Claim {day}"} for day in range(5)])
        return contract

    def test_form_of_a_contract_opens_with_few_queries_whatever_its_age(self):
        young, old = self._open_form(self._create_contract()), self._open_form(self._old_contract())
        self.assertLessEqual(max(young, old), MAX_FORM_QUERIES)
        self.assertLessEqual(old - young, 8)  # what a young one has none of: versions, approvals, signatures …

    def test_form_opens_with_few_queries_for_viewers(self):
        self.assertLessEqual(self._open_form(self._old_contract().with_user(self.viewer)), MAX_FORM_QUERIES)

    def _create_many(self, number):
        self.env.flush_all()
        self.env.invalidate_all()
        before = self.env.cr.sql_log_count
        self.env["clm.contract"].with_user(self.user).create([
            {
                "type_id": self.contract_type.id, "partner_id": self.partner.id,
                "line_ids": [Command.create(self._prepare_line())],
            }
            for __ in range(number)
        ])
        self.env.flush_all()
        return self.env.cr.sql_log_count - before

    def test_contracts_are_created_in_batches(self):
        self._create_many(1)
        one, twenty = self._create_many(1), self._create_many(20)
        # per contract: its number (3), its clauses (3), its obligations, and followers and a note of Odoo's (4)
        self.assertLessEqual(twenty - one, 19 * 12)
        self.assertLessEqual(one, 90)

    def test_moves_of_a_batch_write_three_statements_of_history(self):
        contracts = self.env["clm.contract"].union(*(self._create_contract() for __ in range(10)))
        self.env.flush_all()
        before = self.env.cr.sql_log_count
        self.env["clm.contract.visit"]._enter(contracts, "cancelled")
        self.env.flush_all()
        self.assertLessEqual(self.env.cr.sql_log_count - before, 6)
