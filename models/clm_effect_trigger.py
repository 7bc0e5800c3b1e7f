import logging
from datetime import timedelta

from psycopg2.errors import UniqueViolation

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.service.model import PG_CONCURRENCY_EXCEPTIONS_TO_RETRY
from odoo.tools import SQL, ormcache
from odoo.tools.safe_eval import safe_eval

from ..const import BULK
from .clm_playbook import CONTRACT, STAGE

_logger = logging.getLogger(__name__)

#: What entered longer ago is history that became known late: nobody is welcomed a month after the purchase.
FRESH = timedelta(days=2)


class ClmPlaybook(models.Model):
    """Which entries start a playbook: one definition for what happens and for the preview."""

    _inherit = "clm.playbook"

    @api.model
    @ormcache()
    def _active_triggers(self):
        """:return: frozenset of the triggers that any active playbook has: the engine asks it for every batch"""
        # sudo: documents move whoever may read playbooks
        groups = self.sudo().with_context(active_test=True)._read_group([("state", "=", "active")], ["trigger"])
        return frozenset(trigger for trigger, in groups)

    @api.model
    def _in_force(self, trigger):
        """:return: the active playbooks of a trigger, of all companies"""
        if trigger not in self._active_triggers():
            return self.browse()
        # sudo: see _active_triggers
        return self.sudo().with_context(active_test=True).search([("trigger", "=", trigger), ("state", "=", "active")])

    def _search_customers(self):
        """:return: Query of the customers that the filter lets through, archived ones included, of all companies"""
        self.ensure_one()
        domain = Domain(safe_eval(self.partner_domain or "[]"))
        # sudo: a playbook is about customers whom nobody in particular sees
        return self.env["res.partner"].sudo().with_context(active_test=False)._search(domain)

    def _sql_entries(self, condition, among=None):
        """Select the entries that start these playbooks, all of one trigger.

        :param SQL condition: further condition on ``p`` (the playbook) and ``v`` (the visit)
        :param SQL among: subselect of ids of customers, where the condition limits them to few
        :return: SQL of playbook_id, partner_id, contract_id, company_id, cycle, number, entered_at, evidence_model,
            evidence_id
        """
        sql = self._sql_contracts if self[:1].trigger == CONTRACT else self._sql_visits
        return sql(SQL("p.id = ANY(%s) AND %s", self.ids, condition), among)

    def _sql_visits(self, condition, among):
        return SQL(
            """
            SELECT p.id AS playbook_id, v.partner_id, NULL::int4 AS contract_id, customer.company_id, v.cycle, v.number,
                   v.entered_at, v.evidence_model, v.evidence_id
              FROM clm_playbook p
              JOIN clm_visit v ON v.stage_id = p.stage_id
              JOIN res_partner customer ON customer.id = v.partner_id
             WHERE v.superseded_at IS NULL AND v.origin != 'import'
               AND (p.company_id IS NULL OR customer.company_id IS NULL OR customer.company_id = p.company_id)
               AND %s AND %s
            """,
            condition, self._sql_filters(SQL("v.partner_id"), among),
        )

    def _sql_contracts(self, condition, among):
        return SQL(
            """
            SELECT p.id AS playbook_id, c.commercial_partner_id AS partner_id, c.id AS contract_id, c.company_id,
                   v.cycle, v.number, v.entered_at, NULL::varchar AS evidence_model, NULL::int4 AS evidence_id
              FROM clm_playbook p
              JOIN clm_contract_visit v ON v.state = p.contract_state
              JOIN clm_contract c ON c.id = v.contract_id
             WHERE c.amends_id IS NULL AND (p.skip_renewals IS NOT TRUE OR c.previous_id IS NULL)
               AND v.superseded_at IS NULL
               AND (p.company_id IS NULL OR c.company_id = p.company_id)
               AND (p.direction IS NULL OR c.direction = p.direction)
               AND (NOT EXISTS (SELECT FROM clm_contract_type_clm_playbook_rel t WHERE t.clm_playbook_id = p.id)
                    OR EXISTS (SELECT FROM clm_contract_type_clm_playbook_rel t
                                WHERE t.clm_playbook_id = p.id AND t.clm_contract_type_id = c.type_id))
               AND %s AND %s
            """,
            condition, self._sql_filters(SQL("c.commercial_partner_id"), among),
        )

    def _sql_filters(self, customer, among):
        """:return: SQL condition: the customer is let through by the playbook's own filter"""
        conditions = [SQL("TRUE")]
        for playbook in self:
            if (playbook.partner_domain or "[]").strip() == "[]":
                continue
            query = playbook._search_customers()
            if among:
                query.add_where(SQL("%s IN %s", SQL.identifier("res_partner", "id"), among))
            conditions.append(SQL("(p.id != %s OR %s IN %s)", playbook.id, customer, query.subselect()))
        return SQL(" AND ").join(conditions)


class ClmEffect(models.Model):
    """Triggers: what just entered makes rows, set-based, in the transaction that notices it."""

    _inherit = "clm.effect"

    @api.model
    def _enqueue_visits(self, partner_ids):
        """Make the effects of the stages that customers just entered. Nothing but a cached check without playbooks.

        :param partner_ids: ids of any contacts; each stands for its customer
        """
        playbooks = self.env["clm.playbook"]._in_force(STAGE) if partner_ids else None
        if not playbooks:
            return
        among = SQL("(SELECT commercial_partner_id FROM res_partner WHERE id = ANY(%s))", list(partner_ids))
        self._enqueue(playbooks, SQL("v.exited_at IS NULL AND v.partner_id IN %s", among), among)

    @api.model
    def _enqueue_contracts(self, contracts):
        """Make the effects of the states that contracts just entered.

        :param contracts: ``clm.contract`` records
        """
        playbooks = self.env["clm.playbook"]._in_force(CONTRACT) if contracts else None
        if not playbooks:
            return
        self.env.flush_all()
        among = SQL("(SELECT commercial_partner_id FROM clm_contract WHERE id = ANY(%s))", contracts.ids)
        self._enqueue(playbooks, SQL("v.exited_at IS NULL AND v.contract_id = ANY(%s)", contracts.ids), among)

    @api.model
    def _enqueue(self, playbooks, condition, among):
        """Make the rows. A playbook whose filter cannot be applied is paused; it never stops what it watches."""
        now = fields.Datetime.now()
        fresh = SQL("v.entered_at >= GREATEST(p.activated_at, %s) AND %s", now - FRESH, condition)
        try:
            with self.env.cr.savepoint(flush=False):
                self._insert(playbooks._sql_entries(fresh, among), now)
        except (*PG_CONCURRENCY_EXCEPTIONS_TO_RETRY, UniqueViolation):
            raise  # two workers met: the caller starts anew
        except Exception as error:
            if len(playbooks) == 1:
                _logger.warning("Playbook %s is paused: its filter cannot be applied", playbooks.id, exc_info=True)
                playbooks._suspend(error)
                return
            for playbook in playbooks:
                self._enqueue(playbook, condition, among)

    @api.model
    def _insert(self, entries, now):
        """Store a row for each step and entry, once.

        A replay may number the cycles of a customer anew: what the same document caused before is not done again.
        """
        rows = self.env.execute_query(SQL(
            """
            INSERT INTO clm_effect (playbook_id, step_id, partner_id, contract_id, company_id, cycle, visit_number,
                                    entered_at, evidence_model, evidence_id, state, attempts, created_at, run_at)
            SELECT e.playbook_id, s.id, e.partner_id, e.contract_id, COALESCE(p.company_id, e.company_id), e.cycle,
                   e.number, e.entered_at, e.evidence_model, e.evidence_id, 'waiting', 0, %(now)s,
                   GREATEST(%(now)s, e.entered_at + s.delay_days * interval '1 day')
              FROM (%(entries)s) e
              JOIN clm_playbook p ON p.id = e.playbook_id
              JOIN clm_playbook_step s ON s.playbook_id = p.id AND s.active
             WHERE e.contract_id IS NOT NULL OR NOT EXISTS (
                SELECT FROM clm_effect seen
                 WHERE seen.partner_id = e.partner_id AND seen.step_id = s.id AND seen.contract_id IS NULL
                   AND seen.cycle != e.cycle
                   AND (seen.entered_at = e.entered_at
                        OR (seen.evidence_model = e.evidence_model AND seen.evidence_id = e.evidence_id)))
             ORDER BY e.partner_id, s.sequence, s.id
            ON CONFLICT DO NOTHING
            RETURNING run_at
            """,
            entries=entries, now=now,
        ))
        if any(run_at <= now for run_at, in rows):
            self._wake()
        if rows:
            self.invalidate_model(flush=False)


class ClmContractVisit(models.Model):
    _inherit = "clm.contract.visit"

    @api.model
    def _enter(self, contracts, state, pen=None):
        """Start the playbooks of the state; contracts that are imported are history."""
        res = super()._enter(contracts, state, pen)
        if not (self.env.context.get(BULK) or self.env.context.get("import_file")):
            self.env["clm.effect"]._enqueue_contracts(contracts)
        return res


class ClmStage(models.Model):
    _inherit = "clm.stage"

    def write(self, vals):
        """Nobody enters an archived stage any more: its playbooks pause."""
        res = super().write(vals)
        if vals.get("active") is False:
            # sudo: managers archive stages for all companies
            self.env["clm.playbook"].sudo().search([("stage_id", "in", self.ids)]).action_pause()
        return res
