from odoo import api, models
from odoo.tools import SQL


class ClmSignalMixin(models.AbstractModel):
    """Makes a document tell the lifecycle that its partner changed.

    A document that is an event (or stops being one) inherits this mixin and says which stored fields
    matter. Whatever way they change (a button, an import, a recomputed total), the partner is queued when
    the change reaches the database: one INSERT per flush, no read, no lock, no write on the partner.
    """

    _name = "clm.signal.mixin"
    _description = "Signals Changes to the Lifecycle"

    # stored fields whose change can change an event of the customer
    _clm_signal_fields = frozenset()
    # the field holding the partner; "id" on partners themselves
    _clm_signal_partner = "partner_id"

    def _clm_signals(self, fnames):
        """Hook: the records of ``self`` that matter to the lifecycle, ``fnames`` having changed."""
        return self

    def _clm_signal_partner_ids(self):
        return set(self.mapped(self._clm_signal_partner)._ids)

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        signals = records._clm_signals(self._clm_signal_fields)
        partner_ids = signals._clm_signal_partner_ids()
        self.env["clm.queue"]._push(partner_ids)
        announced = self.env["clm.queue"]._announced()
        announced.update(((self._name, record_id), partner_ids) for record_id in signals._ids)
        return records

    def _write_multi(self, vals_list):
        # The lowest door: stored computed fields pass here too, which never reach write().
        changed = self._clm_signal_fields & set().union(*vals_list)
        if not changed:
            return super()._write_multi(vals_list)
        # what this transaction created was queued then, and had no other partner before
        announced = self.env["clm.queue"]._announced()
        before = set()
        if self._clm_signal_partner in changed:
            before = self.filtered(lambda record: (self._name, record.id) not in announced)._clm_stored_partner_ids()
        res = super()._write_multi(vals_list)
        partner_ids = before | self._clm_signals(changed)._clm_signal_partner_ids()
        if not all(partner_ids <= announced.get((self._name, record_id), set()) for record_id in self._ids):
            self.env["clm.queue"]._push(partner_ids)
        return res

    def _clm_stored_partner_ids(self):
        """:return: the partners that the database still holds, before they are overwritten"""
        if not self:
            return set()
        rows = self.env.execute_query(SQL(
            "SELECT DISTINCT %s FROM %s WHERE id = ANY(%s)",
            SQL.identifier(self._clm_signal_partner), SQL.identifier(self._table), list(self.ids),
        ))
        return {partner_id for partner_id, in rows if partner_id}

    def unlink(self):
        partner_ids = self._clm_signals(self._clm_signal_fields)._clm_signal_partner_ids()
        res = super().unlink()
        self.env["clm.queue"]._push(partner_ids)
        return res
