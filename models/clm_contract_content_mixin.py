from odoo import api, models

from ..const import COLLECT


class ClmContractContentMixin(models.AbstractModel):
    """Part of what the two sides agree on: locked with its contract, and watched while approvers decide."""

    _name = "clm.contract.content.mixin"
    _description = "Content of a Contract"
    _inherit = "clm.door.mixin"

    # what is not agreed with the other party, and may change at any time
    _clm_free_fields = frozenset()

    @api.model_create_multi
    def create(self, vals_list):
        for vals in vals_list:
            self._check_doors(vals)
        records = super().create(vals_list)
        records.contract_id._check_editable(self._clm_content_field())
        records._tell_contracts(records.contract_id)
        return records

    def write(self, vals):
        self._check_doors(vals)
        if vals.keys() <= self._clm_free_fields:
            return super().write(vals)
        contracts = self.contract_id
        contracts._check_editable(self._clm_content_field())
        res = super().write(vals)
        self.contract_id._check_editable(self._clm_content_field())  # of the contract it was moved to
        self._tell_contracts(contracts | self.contract_id)
        return res

    @api.ondelete(at_uninstall=False)
    def _unlink_except_agreed(self):
        self.contract_id._check_editable(self._clm_content_field())

    def unlink(self):
        contracts = self.contract_id
        res = super().unlink()
        self._tell_contracts(contracts)
        return res

    def _tell_contracts(self, contracts):
        if self.env.context.get("clm_collect") is not COLLECT:
            contracts._content_changed()

    def _clm_content_field(self):
        """:return: the field of the contract that holds these records, for messages"""
        return ["line_ids" if self._name == "clm.contract.line" else "clause_ids"]
