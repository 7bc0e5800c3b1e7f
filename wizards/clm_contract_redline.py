from odoo import api, fields, models
from odoo.exceptions import UserError


class ClmContractRedline(models.TransientModel):
    """Shows what changed between two versions of a contract."""

    _name = "clm.contract.redline"
    _description = "Changes Between Versions"
    _inherit = "clm.contract.wizard"
    _rec_name = "contract_id"

    old_id = fields.Many2one(
        "clm.contract.version", string="From", domain="[('contract_id', '=', contract_id)]", ondelete="cascade",
    )
    new_id = fields.Many2one(
        "clm.contract.version", string="To", domain="[('contract_id', '=', contract_id)]", ondelete="cascade",
        required=True,
    )
    html = fields.Html("Changes", compute="_compute_html", sanitize=False)
    inserted = fields.Integer("Words Inserted", compute="_compute_html")
    deleted = fields.Integer("Words Deleted", compute="_compute_html")
    is_same = fields.Boolean(compute="_compute_html")
    changes = fields.Json("Other Changes", compute="_compute_html", help="Of terms and lines: what, before and after.")

    @api.depends("old_id", "new_id", "contract_id")
    def _compute_html(self):
        for wizard in self:
            if not wizard.new_id or (wizard.old_id | wizard.new_id).contract_id != wizard.contract_id:
                wizard.update({"html": False, "inserted": 0, "deleted": 0, "is_same": False, "changes": False})
                continue
            change = wizard.new_id._redline(wizard.old_id)
            changes = wizard._changes()
            wizard.update({
                "html": change.html,
                "inserted": change.inserted,
                "deleted": change.deleted,
                "is_same": change.same and not changes,
                "changes": changes,
            })

    def _changes(self):
        """:return: list of dicts with label, before and after: what changed outside of the text"""
        old, new, contract = self.old_id.terms, self.new_id.terms, self.contract_id
        if not old or not new:
            return []
        lines = contract._changed_lines(contract, old, new)
        return contract._changed_terms(old, new) + [
            {"label": line["name"], "before": line["before"], "after": line["after"]} for line in lines
        ]

    def action_swap(self):
        """Read the change the other way round."""
        self.ensure_one()
        if not self.old_id:
            raise UserError(self.env._("Choose the version to compare with first."))
        self.write({"old_id": self.new_id.id, "new_id": self.old_id.id})
        return self._reopen()

    def action_print(self):
        """The same as PDF."""
        self.ensure_one()
        report = self.env.ref("clm.action_report_contract_redline")
        return report.report_action(self.new_id, data={"old": self.old_id.id} if self.old_id else None)

    def _reopen(self):
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("Changes"),
            "res_model": self._name,
            "res_id": self.id,
            "views": [(False, "form")],
            "target": "new",
        }
