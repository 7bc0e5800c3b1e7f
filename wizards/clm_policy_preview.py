import hashlib
import json
from collections import Counter, defaultdict

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command, Domain
from odoo.tools import SQL, split_every

from ..models.clm_ledger import NOTHING, Customer

LIMIT = "clm.preview_limit"
DEFAULT_LIMIT = 100_000
BATCH_SIZE = 2000
# customers that can be listed behind one move
MAX_LISTED = 1000


class ClmPolicyPreview(models.TransientModel):
    """Dry run: where would everybody stand under the policy as it is edited now?

    Replays the customers whom the user may see, in batches, and compares with the stored ledger. Nothing is
    written but the result. Above the limit (parameter ``clm.preview_limit``) a sample is taken, always the same
    customers, and the screen says so.
    """

    _name = "clm.policy.preview"
    _description = "Dry Run of the Policy"

    rule_ids = fields.Many2many(
        "clm.rule", readonly=True, context={"active_test": False}, help="Rules that count as active, archived or not."
    )
    archived_rules = fields.Char(compute="_compute_edits", help="Archived rules that count as active here.")
    edits_waiting = fields.Boolean(compute="_compute_edits")
    fingerprint = fields.Char(readonly=True, help="Of the policy that was tried.")
    waiting_count = fields.Integer(
        "Waiting", readonly=True, help="Customers that still have to be replayed under the policy in force."
    )
    total_count = fields.Integer("All Customers", readonly=True)
    customer_count = fields.Integer("Customers", readonly=True, help="Customers that were replayed.")
    is_sample = fields.Boolean(compute="_compute_is_sample")
    moved_count = fields.Integer("Would Move", readonly=True)
    moved_share = fields.Float(compute="_compute_is_sample")
    date_from = fields.Date(readonly=True)
    date_to = fields.Date(readonly=True)
    stage_ids = fields.One2many("clm.policy.preview.stage", "preview_id", string="Stages", readonly=True)
    funnel_ids = fields.One2many(
        "clm.policy.preview.stage", "preview_id", string="Funnel", readonly=True, domain=[("in_funnel", "=", True)]
    )
    move_ids = fields.One2many("clm.policy.preview.move", "preview_id", string="Moves", readonly=True)

    @api.depends("rule_ids")
    def _compute_edits(self):
        waiting = bool(self.env["clm.policy"]._held())
        for preview in self:
            archived = preview.rule_ids.filtered(lambda rule: not rule.active)
            preview.edits_waiting = waiting
            preview.archived_rules = ", ".join(archived.mapped("name"))

    @api.depends("total_count", "customer_count", "moved_count")
    def _compute_is_sample(self):
        for preview in self:
            preview.is_sample = preview.customer_count < preview.total_count
            preview.moved_share = preview.moved_count / (preview.customer_count or 1)

    def _compute_display_name(self):
        self.display_name = self.env._("What would this change?")

    # === DOORS === #

    @api.model
    def _open(self, rule_ids=()):
        """Try the policy as it is edited now.

        :param rule_ids: rules that count as active even if archived
        :return: action showing the result
        :raise AccessError: unless the user is a lifecycle manager
        """
        self.check_access("create")
        preview = self.create(self._prepare_vals(rule_ids))
        return {
            "type": "ir.actions.act_window",
            "name": self.env._("What would this change?"),
            "res_model": self._name,
            "res_id": preview.id,
            "views": [(False, "form")],
        }

    def action_refresh(self):
        """Count again, after further edits."""
        self.ensure_one()
        self.check_access("write")
        self.write(self._prepare_vals(self.rule_ids.ids))

    def action_apply(self):
        """Let the edits take effect, exactly as they were tried; everybody is replayed in the background."""
        self.ensure_one()
        policy = self.env["clm.policy"]
        if self.fingerprint != self._fingerprint(policy._read(self.rule_ids.ids)):
            raise UserError(self.env._(
                "Stages or rules were changed since this was counted. Count again, look, and then apply."
            ))
        archived = self.rule_ids.filtered(lambda rule: not rule.active)
        archived.with_context(clm_policy_edit=True).active = True
        policy.action_apply()
        return self._go_back(self.env._("Applied. Customers follow in the background."))

    def action_discard(self):
        """Put stages and rules back to what is in force."""
        self.env["clm.policy"].action_discard()
        return self._go_back(self.env._("Discarded. Stages and rules are as they were."))

    @api.model
    def _go_back(self, message):
        return {
            "type": "ir.actions.client",
            "tag": "display_notification",
            "params": {
                "type": "success",
                "message": message,
                "next": {"type": "ir.actions.client", "tag": "clm.go_back"},
            },
        }

    # === DRY RUN === #

    @api.model
    def _prepare_vals(self, rule_ids):
        """Replay and compare.

        :return: dict, values of the preview with its lines
        """
        self.env.flush_all()
        policy = self.env["clm.policy"]
        data = policy._read(include_rule_ids=rule_ids)
        total, ids = self._customers(self._limit())
        comparison = Comparison(*self.env["clm.funnel.report"]._period_bounds("last_12_months"))
        for batch in split_every(BATCH_SIZE, ids):
            self._compare(comparison, batch, data, fields.Datetime.now())
        return {
            "rule_ids": [Command.set(rule_ids)],
            "fingerprint": self._fingerprint(data),
            "waiting_count": self.env["clm.queue"]._count(),
            "total_count": total,
            "customer_count": len(ids),
            "moved_count": comparison.moves.total(),
            "date_from": comparison.start,
            "stage_ids": [Command.clear(), *map(Command.create, self._prepare_stages(comparison, data))],
            "move_ids": [Command.clear(), *map(Command.create, self._prepare_moves(comparison))],
        }

    @api.model
    def _limit(self):
        """:return: int, the number of customers above which a sample is taken"""
        # sudo: parameters are readable by system administrators only
        return int(self.env["ir.config_parameter"].sudo().get_param(LIMIT) or DEFAULT_LIMIT)

    @api.model
    def _compare(self, comparison, partner_ids, data, now):
        """Replay a batch of customers and compare with the ledger. Reads only, and bounds the memory.

        :param Comparison comparison: takes the result
        :param dict data: the policy to try
        """
        ledger = self.env["clm.ledger"]
        customers = self._read_customers(partner_ids)
        stored = ledger._stored_visits(list(customers))
        replayed = ledger._replay_batch(customers, data, now)
        for partner_id in customers:
            comparison.add(partner_id, stored.get(partner_id, ()), replayed.get(partner_id, NOTHING).visits)

    @api.model
    def _read_customers(self, partner_ids):
        """:return: dict id -> Customer, as the ledger reads them but without locking"""
        rows = self.env.execute_query(SQL(
            """
            SELECT id, commercial_partner_id, company_id, lifecycle_stage_id, lifecycle_since, lifecycle_cycle,
                   lifecycle_next_check
              FROM res_partner
             WHERE id = ANY(%s)
            """,
            list(partner_ids),
        ))
        return {row[0]: Customer._make(row) for row in rows}

    @api.model
    def _fingerprint(self, data):
        """:return: str, equal for equal policies in whatever language their names were read"""
        unnamed = {
            part: [{key: value for key, value in values.items() if key != "name"} for values in data[part]]
            for part in ("stages", "rules")
        }
        return hashlib.sha256(json.dumps(unnamed, sort_keys=True).encode()).hexdigest()

    @api.model
    def _customers(self, limit):
        """Choose the customers to replay: those of the settings' domain whom the user may see.

        :return: pair: how many there are, ids of at most ``limit`` of them, scattered over all but always the same
        """
        Partner = self.env["res.partner"].with_context(active_test=False)
        visible = Domain("id", "in", Partner._search([]))
        # sudo: who is a customer depends on documents that the user need not see
        query = Partner.sudo()._search(self.env["clm.ledger"]._customer_domain() & visible)
        column = SQL.identifier(query.table, "id")
        query.add_where(SQL("%s = %s", column, SQL.identifier(query.table, "commercial_partner_id")))
        total, = self.env.execute_query(query.select(SQL("count(*)")))[0]
        query.order = SQL("hashint4(%s), %s", column, column)
        query.limit = limit
        return total, [partner_id for partner_id, in self.env.execute_query(query.select(column))]
