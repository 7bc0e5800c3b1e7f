from ast import literal_eval

from lxml import etree

from odoo.fields import Domain
from odoo.tests import Form
from odoo.tools.safe_eval import safe_eval

from .contract_common import ContractCase

MODELS = (
    "clm.contract", "clm.contract.type", "clm.clause", "clm.obligation", "clm.claim", "clm.close.reason",
    "clm.deadline", "clm.contract.version", "clm.contract.approval", "clm.contract.signature", "clm.contract.audit",
    "clm.contract.visit",
)
WIZARDS = (
    "clm.reason", "clm.contract.amend", "clm.contract.delegate", "clm.contract.owner", "clm.contract.paper",
    "clm.contract.redline", "clm.contract.renew", "clm.contract.sign", "clm.contract.suspend",
    "clm.contract.terminate",
)
NOT_FOR_VIEWERS = tuple(name for name in WIZARDS if name not in (
    "clm.reason", "clm.contract.delegate", "clm.contract.redline",
))


class ScreenCase(ContractCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.reason = cls.env["clm.close.reason"].create({"name": "Price"})

    def _arch(self, model, view_type="form", user=None, view_id=None):
        arch = self.env[model].with_user(user or self.manager).get_view(view_id, view_type)["arch"]
        return etree.fromstring(arch)

    def _views(self, *models):
        """:return: the views of this addon for these models"""
        ids = self.env["ir.model.data"].search([("module", "=", "clm"), ("model", "=", "ir.ui.view")]).mapped("res_id")
        return self.env["ir.ui.view"].browse(ids).filtered(lambda view: view.model in models)

    def _assert_filters_work(self, model, user):
        """Every filter and every grouping of the search view of a model can be used."""
        Model = self.env[model].with_user(user)
        arch = self._arch(model, "search", user)
        for node in arch.xpath("//filter[@domain]"):
            with self.subTest(model=model, filter=node.get("name")):
                Model.search(self._evaluate(node.get("domain")), limit=1)
        for node in arch.xpath("//filter[contains(@context, 'group_by')]"):
            with self.subTest(model=model, group=node.get("name")):
                Model.formatted_read_group([], [safe_eval(node.get("context"))["group_by"]], ["__count"])

    def _wizard(self, name, contracts, user=None, **vals):
        """Open a dialog from a screen of contracts as the web client does, and fill it in."""
        Wizard = self.env[name].with_user(user or self.user).with_context(
            active_model="clm.contract", active_id=contracts.id if len(contracts) == 1 else contracts[0].id,
            active_ids=contracts.ids,
        )
        with Form(Wizard) as form:
            for fname, value in vals.items():
                setattr(form, fname, value)
        return form.record

    def _follow(self, action, user=None):
        """:return: the records that a button of a form opens, its default filters applied"""
        model = self.env[action["res_model"]].with_user(user or self.user)
        if action.get("res_id"):
            return model.browse(action["res_id"])
        domain = action["domain"] if isinstance(action["domain"], list) else literal_eval(action["domain"] or "[]")
        context = action.get("context") or {}
        search = etree.fromstring(model.get_view(view_type="search")["arch"])
        for key in context:
            if key.startswith("search_default_") and context[key]:
                node = search.xpath(f"//filter[@name='{key.removeprefix('search_default_')}']")[0]
                domain = list(Domain(domain) & Domain(self._evaluate(node.get("domain"))))
        return model.search(domain)

    def _evaluate(self, expression):
        return safe_eval(expression, {"uid": self.user.id})
