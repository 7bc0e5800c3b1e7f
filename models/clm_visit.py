from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import SQL

from .clm_fields import UnenforcedMany2one


class ClmVisit(models.Model):
    """The ledger of a customer's stages. Always exactly the replay of the customer's events.

    Written by the engine alone. A visit that later facts disprove is superseded (archived), never changed.
    """

    _name = "clm.visit"
    _description = "Stage Visit"
    _inherit = "clm.visit.mixin"
    _order = "entered_at desc, number desc, id desc"
    _rec_name = "stage_id"
    _log_access = False

    partner_id = UnenforcedMany2one("res.partner", string="Customer", required=True, readonly=True, index=True)
    company_id = UnenforcedMany2one("res.company", related="partner_id.company_id", store=True, readonly=True)
    stage_id = UnenforcedMany2one("clm.stage", string="Stage", required=True, readonly=True, ondelete="restrict")
    origin = fields.Selection(
        [("rule", "Rule"), ("manual", "By hand"), ("import", "Import")], required=True, readonly=True
    )
    rule_id = UnenforcedMany2one("clm.rule", string="Rule", readonly=True)
    evidence = fields.Char(compute="_compute_evidence", help="The document that caused the move.")
    cause = fields.Char("Why", compute="_compute_cause", help="The rule, or who moved the customer and why.")
    days_so_far = fields.Float(
        "Days", compute="_compute_days_so_far", help="Days in the stage, up to now for a stay that lasts."
    )

    _number_uniq = models.UniqueIndex("(partner_id, number) WHERE superseded_at IS NULL")
    _open_uniq = models.UniqueIndex("(partner_id) WHERE exited_at IS NULL AND superseded_at IS NULL")

    @api.depends("exited_at", "entered_at")
    def _compute_days_so_far(self):
        now = fields.Datetime.now()
        for visit in self:
            end = visit.exited_at or now
            visit.days_so_far = max((end - visit.entered_at).total_seconds(), 0.0) / 86400 if visit.entered_at else 0.0

    @api.depends("origin", "rule_id.name", "user_id.name", "evidence_id")
    @api.depends_context("lang")
    def _compute_cause(self):
        by_hand = self.filtered(lambda visit: visit.evidence_model == "clm.stage.change")
        # sudo: the history is for everybody who sees the visit
        changes = self.env["clm.stage.change"].sudo().browse(by_hand.mapped("evidence_id")).exists()
        reasons = {change.id: change.reason for change in changes}
        labels = dict(self._fields["origin"]._description_selection(self.env))
        for visit in self:
            if visit.origin == "rule":
                visit.cause = visit.rule_id.name or labels["rule"]
                continue
            who = visit.user_id.sudo().name or labels[visit.origin]
            reason = reasons.get(visit.evidence_id) if visit in by_hand else None
            visit.cause = f"{who}: {reason}" if reason else who

    @api.depends("evidence_model", "evidence_id")
    @api.depends_context("allowed_company_ids")
    def _compute_evidence(self):
        self.evidence = False
        for model, visits in self.grouped("evidence_model").items():
            if not model or model not in self.env:
                continue
            names = self._evidence_names(model, visits.mapped("evidence_id"))
            for visit in visits:
                visit.evidence = names.get(visit.evidence_id, False)

    @api.model
    def _evidence_names(self, model, ids):
        """:return: dict id -> name for people who need not have rights on the document itself"""
        # sudo: a viewer of another department reads which document it was, never its content
        documents = self.env[model].sudo().browse(ids).exists()
        hidden = self.env._("Document of another company")
        return {
            document.id: document.display_name
            if "company_id" not in document or not document.company_id or document.company_id in self.env.companies
            else hidden
            for document in documents
        }

    @api.autovacuum
    def _gc_orphans(self):
        """Forget customers that were deleted by SQL, past the ORM."""
        self.env.cr.execute(SQL(
            "DELETE FROM clm_visit v WHERE NOT EXISTS (SELECT FROM res_partner p WHERE p.id = v.partner_id)"
        ))

    def action_open_evidence(self):
        """Open the document that caused the visit, if the user may read it."""
        self.ensure_one()
        if not self.evidence_model or not self.evidence_id:
            raise UserError(self.env._("Nothing to open: this move was made by time passing or by hand."))
        document = self.env[self.evidence_model].browse(self.evidence_id).exists()
        if not document:
            raise UserError(self.env._("The document that caused this move was deleted since."))
        document.check_access("read")
        return {
            "type": "ir.actions.act_window",
            "res_model": self.evidence_model,
            "res_id": self.evidence_id,
            "views": [(False, "form")],
        }
