from odoo import fields, models


class ClmVisitMixin(models.AbstractModel):
    """One stay in one stage or state: the shape shared by the customer and the contract ledger."""

    _name = "clm.visit.mixin"
    _description = "Visit"
    _order = "entered_at desc, id desc"

    number = fields.Integer(readonly=True, aggregator=None, help="1 for the first stay, 2 for the next and so on.")
    cycle = fields.Integer(readonly=True, aggregator=None, help="1 until the customer is won back for the first time.")
    entered_at = fields.Datetime("Entered On", required=True, readonly=True)
    exited_at = fields.Datetime("Left On", readonly=True, help="Empty while the stay lasts.")
    days = fields.Float(
        "Days in Stage", readonly=True, aggregator="avg", help="Length of the stay in days; empty while it lasts."
    )
    user_id = fields.Many2one("res.users", string="Moved By", readonly=True)
    evidence_model = fields.Char(readonly=True)
    evidence_id = fields.Many2oneReference("Evidence ID", model_field="evidence_model", readonly=True, aggregator=None)
    recorded_at = fields.Datetime("Recorded On", required=True, readonly=True, default=fields.Datetime.now)
    superseded_at = fields.Datetime(
        "Superseded On", readonly=True, help="When later facts showed that this stay did not happen like this."
    )
    active = fields.Boolean(default=True, readonly=True, help="Not set once superseded.")
