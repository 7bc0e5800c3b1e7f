from odoo import api, fields, models
from odoo.exceptions import AccessError
from odoo.tools import SQL

from ..const import BULK


class ClmQueue(models.Model):
    """Append-only list of "this partner changed".

    Documents add rows here and do nothing else. There is no unique key, no foreign key and no lock, so
    that confirming an order never waits for the lifecycle. The engine takes rows in batches with SKIP
    LOCKED and deletes them in the transaction that replays the customer: a worker that dies loses nothing.
    """

    _name = "clm.queue"
    _description = "Customers to Replay"
    _order = "bulk, id"
    _log_access = False

    # Not a many2one: a foreign key would lock the partner's row while the document is being confirmed.
    partner_id = fields.Integer("Partner ID", required=True)
    bulk = fields.Boolean(help="Set by a rebuild: live changes go first.")
    queued_at = fields.Datetime("Queued On")

    _take_order_idx = models.Index("(bulk, id)")

    @api.model
    def _push(self, partner_ids):
        """Queue partners and wake the engine's cron when the transaction commits: one SQL statement.

        While history is being reconstructed, whom that concerns belongs to it: no live change, no playbook.

        :param partner_ids: iterable of ``res.partner`` ids (any contact: the engine finds the customer)
        """
        ids = sorted({partner_id for partner_id in partner_ids if partner_id})
        if not ids:
            return
        bulk = bool(self.env.context.get(BULK))
        self.env.cr.execute(SQL(
            """
            WITH pushed AS (
                INSERT INTO clm_queue (partner_id, bulk, queued_at)
                SELECT unnest(%s), %s, now() AT TIME ZONE 'UTC'
            )
            INSERT INTO ir_cron_trigger (cron_id, call_at)
            SELECT res_id, now() AT TIME ZONE 'UTC'
              FROM ir_model_data
             WHERE module = 'clm' AND name = %s
            """,
            ids, bulk, "ir_cron_rebuild" if bulk else "ir_cron_process_queue",
        ))
        self._wake()

    @api.model
    def _push_everyone(self):
        """Queue every customer, and everyone who still has visits, behind the live changes."""
        self.env.cr.execute(SQL(
            """
            INSERT INTO clm_queue (partner_id, bulk, queued_at)
            SELECT id, TRUE, now() AT TIME ZONE 'UTC'
              FROM res_partner
             WHERE commercial_partner_id = id OR lifecycle_cycle > 0
             ORDER BY id
            """
        ))
        # sudo: whoever may rebuild need not be allowed to read crons
        self.env.ref("clm.ir_cron_rebuild").sudo()._trigger()

    @api.model
    def _wake(self):
        """Tell the cron workers, once per transaction and after its commit, that there is work."""
        postcommit = self.env.cr.postcommit
        if not postcommit.data.get("clm.queue.wake"):
            postcommit.data["clm.queue.wake"] = True
            postcommit.add(self.env["ir.cron"]._notifydb)

    @api.model
    def _announced(self):
        """:return: dict (model, id) -> partner ids: the documents created in this transaction whose customers are
            queued by it. Forgotten when rows are taken or committed; others may have taken them since.
        """
        cr = self.env.cr
        if "clm.queue.announced" not in cr.precommit.data:
            cr.precommit.data["clm.queue.announced"] = {}
        return cr.precommit.data["clm.queue.announced"]

    @api.model
    def _take(self, limit, skip=(), bulk=None):
        """Remove up to ``limit`` rows that no other worker holds, live changes first.

        :param skip: partner ids to leave where they are
        :param bulk: only the rows of rebuilds (True), only live changes (False), or both (None)
        :return: set of partner ids; to be replayed in this very transaction
        """
        self._announced().clear()
        only = SQL() if bulk is None else SQL("AND bulk = %s", bulk)
        # by ctid: a queue just filled has no statistics, and any index might be the wrong one
        rows = self.env.execute_query(SQL(
            """
            DELETE FROM clm_queue
             WHERE ctid = ANY(ARRAY(
                SELECT ctid FROM clm_queue
                 WHERE partner_id != ALL(%s) %s
                 ORDER BY bulk, id LIMIT %s
                   FOR UPDATE SKIP LOCKED
             ))
            RETURNING partner_id
            """,
            list(skip), only, limit,
        ))
        return {partner_id for partner_id, in rows}

    @api.model
    def _count(self, bulk=None):
        """:return: number of rows that wait, those that other workers hold included"""
        only = SQL() if bulk is None else SQL("WHERE bulk = %s", bulk)
        return self.env.execute_query(SQL("SELECT count(*) FROM clm_queue %s", only))[0][0]

    @api.model
    @api.readonly
    def get_progress(self):
        """What the screens show while history is being reconstructed.

        :return: dict, ``remaining``: number of customers still to go
        :raise AccessError: for users without the lifecycle
        """
        if not self.env.user.has_group("clm.group_viewer"):
            raise AccessError(self.env._("You have no access to the lifecycle."))
        return {"remaining": self._count(bulk=True)}
