from odoo import api, fields, models
from odoo.exceptions import UserError

ACTS = [
    ("viewed", "Read"),
    ("downloaded", "Downloaded"),
    ("commented", "Commented"),
    ("proposed", "Proposed wording"),
    ("signed", "Signed"),
    ("declined", "Declined"),
    ("confirmed", "Confirmed an obligation"),
    ("claimed", "Raised a claim"),
    ("settled", "Accepted an answer"),
    ("escalated", "Escalated a claim"),
    ("paper", "Signed copy stored"),
    ("verified", "Verified"),
]


class ClmContractAudit(models.Model):
    """What was done about a contract, by whom and from where. Only ever grows."""

    _name = "clm.contract.audit"
    _description = "Contract Audit Trail"
    _inherit = "clm.door.mixin"
    _order = "date desc, id desc"
    _rec_name = "act"
    _log_access = False

    contract_id = fields.Many2one("clm.contract", required=True, readonly=True, ondelete="cascade", index=True)
    company_id = fields.Many2one(related="contract_id.company_id", store=True)
    act = fields.Selection(ACTS, string="What", required=True, readonly=True)
    date = fields.Datetime(required=True, readonly=True, default=fields.Datetime.now)
    user_id = fields.Many2one("res.users", readonly=True)
    name = fields.Char("Who", readonly=True)
    ip = fields.Char("IP Address", readonly=True)
    user_agent = fields.Char("Browser", readonly=True)
    version_id = fields.Many2one("clm.contract.version", readonly=True, ondelete="restrict", index="btree_not_null")
    sha256 = fields.Char("SHA-256", readonly=True, help="Of the text at that time.")
    note = fields.Char(readonly=True)

    def write(self, vals):  # pylint: disable=method-required-super
        raise UserError(self.env._("The audit trail cannot be changed."))

    @api.ondelete(at_uninstall=False)
    def _unlink_except_trail(self):
        raise UserError(self.env._("The audit trail cannot be deleted."))


class ClmContract(models.Model):
    _inherit = "clm.contract"

    audit_ids = fields.One2many("clm.contract.audit", "contract_id", string="Audit Trail", readonly=True)

    def _audit(self, act, name=None, ip=None, user_agent=None, note=None):
        """Add to the audit trail.

        :param str act: a value of ``clm.contract.audit.act``
        :param name: who; default: the user
        :param ip: address of the client, where known
        :param user_agent: its browser, cut to 300 characters
        """
        # sudo: the trail is written by everybody's acts and by nobody's hand
        contracts = self.sudo()
        shown = {contract: contract._shared_version() or contract.last_version_id for contract in contracts}
        self.env["clm.contract.audit"].sudo().create([
            {
                "contract_id": contract.id,
                "act": act,
                "user_id": self.env.uid,
                "name": name or self.env.user.name,
                "ip": (ip or "")[:64] or False,
                "user_agent": (user_agent or "")[:300] or False,
                "version_id": version.id,
                "sha256": version.sha256,
                "note": note,
            }
            for contract, version in shown.items()
        ])
