from odoo import fields, models


class ClmPolicyPreviewStage(models.TransientModel):
    """Dry run: one stage, now and under the changed policy."""

    _name = "clm.policy.preview.stage"
    _description = "Dry Run: Stage"
    _order = "sequence, id"

    preview_id = fields.Many2one("clm.policy.preview", required=True, ondelete="cascade", index=True)
    sequence = fields.Integer()
    name = fields.Char("Stage", readonly=True)
    in_funnel = fields.Boolean(readonly=True, help="Not set for lapsed stages, which are outside the funnel.")

    count_now = fields.Integer("Now", readonly=True, help="Customers that stand here.")
    count_then = fields.Integer("Would Be", readonly=True, help="Customers that would stand here.")
    difference = fields.Integer(readonly=True)
    strict_now = fields.Integer("In Order, Now", readonly=True)
    strict_then = fields.Integer("In Order, Would Be", readonly=True)
    strict_rate_now = fields.Float("Of the First, Now", readonly=True, aggregator=None)
    strict_rate_then = fields.Float("Of the First, Would Be", readonly=True, aggregator=None)
    any_now = fields.Integer("Any Stage, Now", readonly=True)
    any_then = fields.Integer("Any Stage, Would Be", readonly=True)
