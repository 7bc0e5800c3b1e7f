from odoo import fields, models


class ClmPolicyPreviewMove(models.TransientModel):
    """Dry run: the customers who would go from one stage to another."""

    _name = "clm.policy.preview.move"
    _description = "Dry Run: Move"
    _order = "count desc, id"

    preview_id = fields.Many2one("clm.policy.preview", required=True, ondelete="cascade", index=True)
    from_name = fields.Char("From", readonly=True)
    to_name = fields.Char("To", readonly=True)
    count = fields.Integer("Customers", readonly=True)
    # no many2many: customers are only listed, and may be deleted meanwhile
    partner_ids = fields.Json(readonly=True)

    def action_open_customers(self):
        """List these customers, the first of them where there are very many."""
        self.ensure_one()
        shown = len(self.partner_ids)
        name = self.env._("%(from)s to %(to)s", **{"from": self.from_name, "to": self.to_name})
        if shown < self.count:
            name = self.env._("%(move)s (%(shown)s of %(count)s)", move=name, shown=shown, count=self.count)
        return {
            "type": "ir.actions.act_window",
            "name": name,
            "res_model": "res.partner",
            "domain": [("id", "in", self.partner_ids)],
            "views": [(self.env.ref("clm.res_partner_view_list_lifecycle").id, "list"), (False, "form")],
            "search_view_id": [self.env.ref("clm.res_partner_view_search_lifecycle").id],
            "context": {"active_test": False},
        }
